"""The instances under test, and HAProxy with the shipped files in front of the database and of two instances."""

import hashlib
import http.client
import json
import os
import signal
import socket
import subprocess
from collections import Counter, defaultdict
from datetime import datetime

import net
from cluster import DATABASE, NODES, ROLE, wait_for

PUBLIC, INTERNAL = 8080, 8081
TOKEN = "reader-of-the-drill-0123456789abcdef0123456789"
MERCHANT = "020213827212251"


def urls():
    """The store's URL of each instance: all servers in either order, or HAProxy."""
    servers = [f"{net.ADDRESSES[node]}:5432" for node in NODES]
    hosts = {
        "a": ",".join(servers),
        "b": f"{net.ADDRESSES['db']}:5432",
        "c": ",".join(reversed(servers)),
    }
    return {name: f"postgres://{ROLE}@{host}/{DATABASE}?sslmode=disable"
            for name, host in hosts.items()}


class Instance:
    """One instance in a namespace of its own."""

    def __init__(self, name, program, folder, public_key):
        self.name, self.program = name, program
        self.address = net.ADDRESSES[name]
        self.folder = f"{folder}/{name}"
        self.config = f"{self.folder}/refunds.toml"
        self.log = f"{self.folder}/log"
        self.process = None
        os.makedirs(self.folder, exist_ok=True)
        with open(f"{self.folder}/provider.pem", "w") as file:
            file.write(public_key)
        with open(self.config, "w") as file:
            file.write(f"""
[server]
listen = "{self.address}:{PUBLIC}"
internal_listen = "{self.address}:{INTERNAL}"
[store]
url = "{urls()[name]}"
evidence = "evidence.db"
[[accounts]]
provider = "payermax"
account = "main"
merchant_no = "{MERCHANT}"
public_keys = [{{ id = "drill", file = "provider.pem" }}]
[[readers]]
name = "drill"
token_sha256 = "{hashlib.sha256(TOKEN.encode()).hexdigest()}"
scopes = ["refunds:read", "events:read", "callbacks:read", "operate"]
""")

    def start(self):
        log = open(self.log, "ab")
        command = net.inside(self.name, self.program, "serve", "--config", self.config)
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for(f"instance {self.name} to be ready", lambda: self.ready()[0] == 200, 60)

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def stop(self, number=signal.SIGTERM):
        if self.is_running():
            self.process.send_signal(number)
            self.process.wait(timeout=30)

    def get(self, path, timeout=5.0):
        """Asks the internal listener as a reader; status and body, status 0 where no answer came."""
        connection = http.client.HTTPConnection(self.address, INTERNAL, timeout=timeout)
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {TOKEN}"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            return 0, b""
        finally:
            connection.close()

    def ready(self):
        return self.get("/readyz", 3.0)

    def events(self):
        """The whole feed."""
        events, after = [], 0
        while True:
            page = json.loads(self.read(f"/v1/events?after={after}&limit=1000"))["data"]
            if not page:
                return events
            events += page
            after = page[-1]["sequence"]

    def read(self, path, timeout=60):
        """The answer to a reader, retried while the store is away."""
        def answer():
            status, body = self.get(path, 10.0)
            return body if status == 200 else None

        return wait_for(f"{path} of {self.name} to be answered", answer, timeout)

    def crowded_lines(self, since):
        """Of the log from a byte on: most lines of one cause within any second, and what they say."""
        times = defaultdict(list)
        with open(self.log, "rb") as file:
            file.seek(since)
            for line in file:
                try:
                    entry = json.loads(line)
                    at = datetime.fromisoformat(entry["timestamp"].replace("Z", "+00:00"))
                except (ValueError, KeyError):
                    continue
                if entry["level"] in ("WARN", "ERROR"):
                    times[entry["message"]].append(at.timestamp())
        worst = (0, "")
        for message, at in times.items():
            for first in range(len(at)):
                last = first
                while last < len(at) and at[last] - at[first] < 0.95:
                    last += 1
                worst = max(worst, (last - first, message))
        return worst

    def log_size(self):
        return os.path.getsize(self.log) if os.path.exists(self.log) else 0


def count_connections(cluster, node):
    """Connections of each instance at a server, by where they come from; empty where it does not say."""
    sql = ("SELECT host(client_addr) FROM pg_stat_activity WHERE application_name = 'refund-receiver'"
           " OR usename = 'refunds'")
    by_address = {net.ADDRESSES[name]: name for name in ("a", "c")}
    by_address[net.ADDRESSES["db"]] = "b"
    try:
        rows = cluster.sql(node, sql, timeout=2)
    except (RuntimeError, subprocess.TimeoutExpired):
        return Counter()
    return Counter(by_address[row] for row in rows if row in by_address)


class Proxy:
    """HAProxy in a namespace, with a shipped file in which only addresses are replaced."""

    def __init__(self, name, file, port, replaced, folder):
        self.name, self.port = name, port
        with open(file) as shipped:
            text = shipped.read()
        for old, new in replaced:
            if old not in text:
                raise RuntimeError(f"{file} has no `{old}`")
            text = text.replace(old, new)
        self.config = f"{folder}/{os.path.basename(file)}"
        self.log = f"{folder}/{name}.log"
        with open(self.config, "w") as own:
            own.write(text)

    def start(self):
        log = open(self.log, "ab")
        command = net.inside(self.name, "haproxy", "-db", "-f", self.config)
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for(f"HAProxy to listen (see {self.log})", self.listens, 20)

    def listens(self):
        try:
            socket.create_connection((net.ADDRESSES[self.name], self.port), timeout=1).close()
            return True
        except OSError:
            return False


def database_proxy(root, folder):
    """In front of the servers of the database."""
    replaced = [("bind 127.0.0.1:5432", f"bind {net.ADDRESSES['db']}:5432")]
    for number, node in enumerate(NODES, 1):
        replaced.append((f"192.0.2.1{number}:", f"{net.ADDRESSES[node]}:"))
    return Proxy("db", f"{root}/deploy/proxy/haproxy-database.cfg", 5432, replaced, folder)


def front_proxy(root, folder):
    """In front of A and B."""
    a, b = net.ADDRESSES["a"], net.ADDRESSES["b"]
    return Proxy("front", f"{root}/deploy/proxy/haproxy.cfg", PUBLIC, [
        ("bind :80\n", f"bind {net.ADDRESSES['front']}:{PUBLIC}\n"),
        ("127.0.0.1:8080", f"{a}:{PUBLIC}"),
        ("127.0.0.1:8082", f"{b}:{PUBLIC}"),
        ("check port 8083", f"check port {INTERNAL}"),
        # All requests of the drill come from one address, and it asks for more than a provider does.
        ("gt 4000", "gt 400000"),
        ("gt 200", "gt 4000"),
    ], folder)
