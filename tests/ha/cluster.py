"""etcd, and three nodes of PostgreSQL under Patroni, each in a namespace of its own."""

import glob
import http.client
import json
import os
import signal
import subprocess
import time

import net

NODES = ("n1", "n2", "n3")
DATABASE = "refunds"
ROLE = "refunds"
SLOTS_MAX = 100


def ask(name, port, method, path, body=None, timeout=2.0):
    """One request to a namespace; status and body, or None where no answer came."""
    connection = http.client.HTTPConnection(net.ADDRESSES[name], port, timeout=timeout)
    try:
        headers = {"Content-Type": "application/json"}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def wait_for(what, probe, timeout=90.0, pause=0.25):
    """Asks until the answer is true, and gives it."""
    until = time.monotonic() + timeout
    while time.monotonic() < until:
        found = probe()
        if found:
            return found
        time.sleep(pause)
    raise RuntimeError(f"waited {timeout:.0f} s in vain for: {what}")


class Cluster:
    """The cluster; files and logs lie in `folder`, which the system user postgres owns."""

    def __init__(self, folder, patroni):
        self.folder, self.patroni = folder, patroni
        self.programs = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1]
        self.processes = {}

    def start(self):
        net.run("chown", "postgres:postgres", self.folder)
        self.start_etcd()
        for node in NODES:
            self.write_config(node)
        self.start_node("n1")
        wait_for("a primary", self.primary)
        for node in NODES[1:]:
            self.start_node(node)
        self.wait_until_whole()
        self.sql(self.primary(), f"CREATE ROLE {ROLE} LOGIN", "postgres")
        self.sql(self.primary(), "CREATE ROLE hog LOGIN", "postgres")
        self.sql(self.primary(), f"CREATE DATABASE {DATABASE} OWNER {ROLE}", "postgres")

    def spawn(self, name, key, command, user="postgres"):
        """Starts a program in a namespace; its log is appended to a file."""
        log = open(f"{self.folder}/{key}.log", "ab")
        drop = ["setpriv", "--reuid", user, "--regid", user, "--clear-groups"]
        command = net.inside(name, *drop, *command)
        self.processes[key] = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder)

    def start_etcd(self):
        here = f"http://{net.ADDRESSES['etcd']}"
        self.spawn("etcd", "etcd", [
            "etcd", "--name", "etcd", "--data-dir", f"{self.folder}/etcd",
            "--listen-client-urls", f"{here}:2379", "--advertise-client-urls", f"{here}:2379",
            "--listen-peer-urls", f"{here}:2380", "--initial-advertise-peer-urls", f"{here}:2380",
            "--initial-cluster", f"etcd={here}:2380", "--log-level", "error"])
        wait_for("etcd", lambda: ask("etcd", 2379, "GET", "/health"))

    def stop_etcd(self):
        net.send("etcd", signal.SIGKILL)

    def write_config(self, node):
        address = net.ADDRESSES[node]
        superuser = {"username": "postgres", "password": "drill"}
        config = {
            "scope": "drill",
            "name": node,
            "restapi": {"listen": f"{address}:8008", "connect_address": f"{address}:8008"},
            "etcd3": {"host": f"{net.ADDRESSES['etcd']}:2379"},
            "bootstrap": {
                # Patroni's own defaults, written out; docs/scaling.md says what each costs.
                "dcs": {
                    "ttl": 30, "loop_wait": 10, "retry_timeout": 10,
                    "maximum_lag_on_failover": 1048576,
                    "synchronous_mode": True, "synchronous_mode_strict": False,
                    "failsafe_mode": False,
                    "postgresql": {
                        "use_pg_rewind": True, "use_slots": True,
                        "parameters": {"max_connections": SLOTS_MAX, "wal_log_hints": "on"},
                    },
                },
                "initdb": [{"encoding": "UTF8"}, {"locale": "C"}, "data-checksums"],
            },
            "postgresql": {
                "listen": f"{address}:5432", "connect_address": f"{address}:5432",
                "data_dir": f"{self.folder}/{node}", "bin_dir": self.programs,
                "pgpass": f"{self.folder}/{node}.pgpass",
                "authentication": {
                    "superuser": superuser, "rewind": superuser,
                    "replication": {"username": "replicator", "password": "drill"},
                },
                "pg_hba": [
                    "local all all trust",
                    f"host all all {net.NETWORK}0/24 trust",
                    f"host replication all {net.NETWORK}0/24 trust",
                ],
                "parameters": {
                    "unix_socket_directories": f"{self.folder}/{node}.socket",
                    "shared_buffers": "64MB", "dynamic_shared_memory_type": "mmap",
                },
            },
        }
        os.makedirs(f"{self.folder}/{node}.socket")
        net.run("chown", "postgres:postgres", f"{self.folder}/{node}.socket")
        with open(f"{self.folder}/{node}.yml", "w") as file:
            json.dump(config, file)

    def start_node(self, node):
        self.spawn(node, node, [self.patroni, f"{self.folder}/{node}.yml"])

    def kill_node(self, node):
        net.send(node, signal.SIGKILL)

    def freeze(self, node):
        net.send(node, signal.SIGSTOP)

    def thaw(self, node):
        net.send(node, signal.SIGCONT)

    def kill_postmaster(self, node):
        with open(f"{self.folder}/{node}/postmaster.pid") as file:
            os.kill(int(file.readline()), signal.SIGKILL)

    def is_primary(self, node):
        answer = ask(node, 8008, "GET", "/primary", timeout=1.0)
        return answer is not None and answer[0] == 200

    def takes_writes(self, node):
        """Whether the server itself says so."""
        try:
            return self.sql(node, "SELECT NOT pg_is_in_recovery()", timeout=2) == ["t"]
        except (RuntimeError, subprocess.TimeoutExpired):
            return False

    def primary(self):
        """The node that is the primary, if one is."""
        return next((node for node in NODES if self.is_primary(node)), None)

    def members(self):
        """The members, as Patroni lists them."""
        for node in NODES:
            answer = ask(node, 8008, "GET", "/cluster")
            if answer and answer[0] == 200:
                return json.loads(answer[1]).get("members", [])
        return []

    def synchronous(self):
        """The standbys that commits wait for."""
        return [member["name"] for member in self.members() if member.get("role") == "sync_standby"]

    def is_whole(self):
        members = self.members()
        good = [member for member in members if member.get("state") in ("running", "streaming")]
        return len(good) == len(NODES) and bool(self.primary()) and bool(self.synchronous())

    def wait_until_whole(self):
        wait_for("three members, one of them synchronous", self.is_whole, timeout=180)

    def configure(self, **settings):
        """Changes settings of the cluster."""
        node = self.primary() or NODES[0]
        answer = ask(node, 8008, "PATCH", "/config", settings, timeout=10)
        if answer is None or answer[0] != 200:
            raise RuntimeError(f"the cluster does not take {settings}: {answer}")

    def switch_to(self, node):
        """Makes a node the primary, and waits until all have followed."""
        leader = self.primary()
        if leader == node:
            return
        if node in self.synchronous():
            ask(leader, 8008, "POST", "/switchover", {"leader": leader, "candidate": node}, timeout=60)
        else:
            # Only a failover lets Patroni promote a standby that is not synchronous.
            ask(leader, 8008, "POST", "/failover", {"candidate": node}, timeout=60)
        wait_for(f"{node} to be the primary", lambda: self.primary() == node)
        self.wait_until_whole()

    def promote(self, node):
        """Asks for a failover to a node, whatever its state; returns whether it is the primary now."""
        ask(node, 8008, "POST", "/failover", {"candidate": node}, timeout=20)
        return self.is_primary(node)

    def sql(self, node, text, database=DATABASE, timeout=15):
        """Runs SQL as the superuser through the socket; the rows, as text."""
        return net.run(
            f"{self.programs}/psql", "-X", "-A", "-t", "-q", "-U", "postgres", "-d", database,
            "-h", f"{self.folder}/{node}.socket", "-c", text, timeout=timeout).splitlines()
