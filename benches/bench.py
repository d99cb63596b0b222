"""What the measuring programs of this folder share: a filled store, a running service, the load program."""

import contextlib
import hashlib
import http.client
import json
import os
import pathlib
import random
import sqlite3
import subprocess
import time
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
RELEASE, KEPT = TARGET / "release", TARGET / "compare"
PREPARED = 400_000
SCHEMA_VERSION = max(int(step.stem) for step in (ROOT / "src/store/schema").glob("[0-9].sql"))
TOKEN = "bench"
MERCHANT_NO = "020213827212251"
START_MS = 1_760_000_000_000
QUESTION = (
    '[{"reason":"conflict","since":"2026-01-01T00:00:00.000Z",'
    '"callback_id":"cb_01890a5d-ac96-774b-bcce-b302099a8057"}]'
)


def uuid7(ms):
    head = ms.to_bytes(6, "big") + (0x7000 | random.getrandbits(12)).to_bytes(2, "big")
    return head + ((2 << 62) | random.getrandbits(62)).to_bytes(8, "big")


def refunds(rows, numbers):
    """Nearly all have succeeded; fifty old ones are of another provider; one in 50 000 has an open question."""
    random.seed(1)
    for i in range(rows):
        ms = START_MS + i * 300
        chance = random.random()
        status = "succeeded" if chance < 0.97 else "pending" if chance > 0.99995 else "failed"
        account = ("payermax", "old" if i % 5 == 0 else "main")
        if i % 400 == 7 and i < 20_000:
            account = ("paycools", "my")
        attention = QUESTION if i % 50_000 == 0 else "[]"
        number = f"{i:08d}" if numbers == "sequence" else hashlib.sha256(b"%d" % i).hexdigest()[:32]
        yield (uuid7(ms), *account, f"R-{number}", ms, f"T-{number}", f"P-{number}", status, attention, ms + 5)


def fill(path, rows, with_callbacks=False, numbers="sequence"):
    """A store with this many refunds, and where wanted with a callback and an event for each; numbers as of `load`."""
    store = sqlite3.connect(path)
    store.executescript("PRAGMA synchronous = OFF; PRAGMA cache_size = -262144;" + (ROOT / "schema.sql").read_text())
    for table in ("schema_version", "schema_expanded"):
        store.execute(f"INSERT INTO {table} VALUES (?, 0)", (SCHEMA_VERSION,))
    store.execute("INSERT INTO feed_epoch (epoch) VALUES ('measured')")
    store.executemany(
        "INSERT INTO refunds (id, provider, account, refund_no, received_at, provider_refund_no, order_no,"
        " status, provider_status, amount, currency, attention, updated_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'X', '100.00', 'IDR', ?, ?)",
        refunds(rows, numbers),
    )
    if with_callbacks:
        store.executemany(
            "INSERT INTO callbacks (id, provider, account, refund_no, delivery_key, key_id, headers, body, claim,"
            " received_at, last_received_at, refund_id, verdict, settled_at, settle_after)"
            " VALUES (?, ?, ?, ?, ?, 'k', ?, ?, ?, ?, ?, ?, 'applied', ?, ?)",
            (
                (uuid7(ms), provider, account, refund_no, hashlib.sha256(refund_no.encode()).digest(), "h" * 390,
                 b"b" * 430, "c" * 370, ms, ms, refund_id, ms, ms)
                for refund_id, provider, account, refund_no, ms, *_ in refunds(rows, numbers)
            ),
        )
        store.executemany(
            "INSERT INTO events (sequence, id, type, occurred_at, data) VALUES (?, ?, 'refund.succeeded', ?, ?)",
            ((i + 1, uuid7(START_MS + i * 300), START_MS + i * 300, "{" + " " * 480 + "}") for i in range(rows)),
        )
        store.execute("UPDATE feed SET last_sequence = ?", (rows,))
    store.execute("PRAGMA journal_mode = WAL")
    store.commit()
    store.close()


def write_config(folder, public_key=None, store="sqlite:refunds.db"):
    """A config with one reader and, where its key is given, one PayerMax account."""
    digest = hashlib.sha256(TOKEN.encode()).hexdigest()
    text = (
        '[server]\nlisten = "127.0.0.1:0"\ninternal_listen = "127.0.0.1:0"\n'
        f'[store]\nurl = "{store}"\n'
        f'[[readers]]\nname = "bench"\ntoken_sha256 = "{digest}"\nscopes = ["refunds:read", "events:read"]\n'
    )
    if public_key:
        text += (
            f'[[accounts]]\nprovider = "payermax"\naccount = "main"\nmerchant_no = "{MERCHANT_NO}"\n'
            f'public_keys = [{{ id = "bench", file = "{public_key}" }}]\n'
        )
    path = folder / "refunds.toml"
    path.write_text(text)
    return path


@contextlib.contextmanager
def running(command, folder, lines=3):
    """Runs a server; gives its process and what it printed behind `listening public` and `listening internal`."""
    with open(folder / "log", "w") as log:
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            said = [server.stdout.readline().strip() for _ in range(lines)]
            if not said[-1]:
                raise SystemExit(f"{command[0]} did not start:\n" + (folder / "log").read_text())
            yield server, [line.rpartition(" ")[2] for line in said]
        finally:
            server.terminate()
            server.wait()


@contextlib.contextmanager
def postgres(folder):
    """A server with its usual settings; gives a function that makes an empty database and says its URL."""
    programs = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))[-1]
    user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    data = pathlib.Path(folder) / "postgres"
    data.mkdir()
    if user:
        subprocess.run(["chown", "postgres", data], check=True)
        pathlib.Path(folder).chmod(0o755)
    quiet = {"check": True, "stdout": subprocess.DEVNULL}
    subprocess.run([*user, programs / "initdb", "-D", data / "db", "-U", "bench", "-A", "trust"], **quiet)
    options = f"-k {data} -c listen_addresses= -c max_connections=50"
    subprocess.run([*user, programs / "pg_ctl", "-D", data / "db", "-w", "-l", data / "log", "-o", options, "start"], **quiet)

    def empty(name):
        psql = ["psql", "-h", data, "-U", "bench", "-q", "-d", "postgres", "-c"]
        subprocess.run([*psql, f"DROP DATABASE IF EXISTS {name}"], check=True, stderr=subprocess.DEVNULL)
        subprocess.run([*psql, f"CREATE DATABASE {name}"], check=True)
        return f"postgres://bench@/{name}?host={data}"

    try:
        yield empty
    finally:
        subprocess.run([*user, programs / "pg_ctl", "-D", data / "db", "-m", "fast", "stop"], **quiet)


def get(url):
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {TOKEN}"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read()


def get_json(url):
    return json.loads(get(url))


def prepare(count=PREPARED, numbers="sequence"):
    """Builds what is measured and signs so many callbacks, once; gives the public key and their file."""
    build = ["cargo", "build", "--bin", "refund-receiver", "--example", "load", "--example", "verify_only"]
    build += ["--release"] if RELEASE.name == "release" else []
    subprocess.run(build, cwd=ROOT, check=True)
    KEPT.mkdir(parents=True, exist_ok=True)
    private, public, prepared = KEPT / "private.pem", KEPT / "public.pem", KEPT / f"{numbers}-{count}.txt"
    if not public.exists():
        rsa = ["openssl", "genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", private]
        subprocess.run(rsa, check=True)
        subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", public], check=True)
    sign = ["--mode", "prepare", "--key", private, "--numbers", numbers, "--prepare", str(count), "--prepared", prepared]
    subprocess.run([RELEASE / "examples/load", *sign], check=True)
    return public, prepared


def load(url, *more, seconds, connections="64"):
    """The stages of one run of the load program, one for each number of connections."""
    command = [RELEASE / "examples/load", "--target", url, "--connections", connections, "--seconds", str(seconds)]
    command += ["--output", "json", *more]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "TOKEN": TOKEN})
    if done.returncode != 0:
        raise SystemExit(f"not every request was answered with success: {done.stdout}")
    return json.loads(done.stdout)["stages"]


def cpu_seconds(pid):
    """Processor time of a process so far."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Table:
    """Rows of a markdown table, each with its target and whether it is met."""

    def __init__(self):
        print("| what | target | measured | |\n|---|---|---|---|")

    def add(self, what, wanted, measured, is_met=None):
        verdict = {None: "", True: "met", False: "**not met**"}[is_met]
        print(f"| {what} | {wanted} | {measured} | {verdict} |", flush=True)


def follow(internal):
    """Events a second that one reader takes from the feed in pages of 1 000, from the first one on."""
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(internal).netloc)
    taken, after, began = 0, 0, time.monotonic()
    while True:
        path = f"/v1/events?limit=1000&after={after}"
        connection.request("GET", path, headers={"Authorization": f"Bearer {TOKEN}"})
        page = json.loads(connection.getresponse().read())
        if not page["data"]:
            return taken / (time.monotonic() - began)
        taken += len(page["data"])
        after = page["data"][-1]["sequence"]
