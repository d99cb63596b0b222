"""What the measuring programs of this folder share: a filled store, a running service, the load program."""

import contextlib
import hashlib
import json
import pathlib
import random
import sqlite3
import subprocess
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
SCHEMA_VERSION = max(int(step.stem) for step in (ROOT / "schema").glob("*.sql"))
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


def refunds(rows):
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
        number = f"{i:08d}"
        yield (uuid7(ms), *account, f"R-{number}", ms, f"T-{number}", f"P-{number}", status, attention, ms + 5)


def fill(path, rows, with_callbacks=False):
    """A store with this many refunds, and where wanted with a callback and an event for each."""
    store = sqlite3.connect(path)
    store.executescript("PRAGMA synchronous = OFF; PRAGMA cache_size = -262144;" + (ROOT / "schema.sql").read_text())
    store.execute("INSERT INTO schema_version VALUES (?, 0)", (SCHEMA_VERSION,))
    store.executemany(
        "INSERT INTO refunds (id, provider, account, refund_no, received_at, provider_refund_no, order_no,"
        " status, provider_status, amount, currency, attention, updated_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'X', '100.00', 'IDR', ?, ?)",
        refunds(rows),
    )
    if with_callbacks:
        store.executemany(
            "INSERT INTO callbacks (id, provider, account, refund_no, delivery_key, key_id, headers, body, claim,"
            " received_at, last_received_at, refund_id, verdict, settled_at, settle_after)"
            " VALUES (?, ?, ?, ?, ?, 'k', ?, ?, ?, ?, ?, ?, 'applied', ?, ?)",
            (
                (uuid7(ms), provider, account, refund_no, hashlib.sha256(refund_no.encode()).digest(), "h" * 390,
                 b"b" * 430, "c" * 370, ms, ms, refund_id, ms, ms)
                for refund_id, provider, account, refund_no, ms, *_ in refunds(rows)
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


def get(url):
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {TOKEN}"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read()


def get_json(url):
    return json.loads(get(url))
