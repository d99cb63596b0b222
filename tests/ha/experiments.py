"""The experiments: what is broken, when, and what is restored. The event comes at second 10 of each."""

import signal
import socket
import struct

import net
from cluster import DATABASE, NODES, wait_for


def kill_postmaster(drill):
    drill.cluster.kill_postmaster(drill.leader)


def lose_node(drill):
    drill.cluster.kill_node(drill.leader)


def freeze_node(drill):
    drill.cluster.freeze(drill.leader)
    drill.until(80)
    drill.cluster.thaw(drill.leader)


def switch_over(drill):
    candidate = drill.cluster.synchronous()[0]
    drill.cluster.switch_to(candidate)


def lose_standby(drill):
    drill.cluster.kill_node(drill.standbys()[0])


def without_the_other(drill):
    """Before the load: only one standby is left."""
    drill.cluster.kill_node(drill.standbys()[1])
    drill.mark("the asynchronous standby is gone")


def strict_without_the_other(drill):
    drill.cluster.configure(synchronous_mode_strict=True)
    without_the_other(drill)


def lose_last_standby_for_a_minute(drill):
    last = drill.standbys()[0]
    drill.cluster.kill_node(last)
    drill.until(70)
    drill.cluster.start_node(last)


def lose_etcd(drill):
    drill.cluster.stop_etcd()
    drill.until(70)
    drill.cluster.start_etcd()


def failsafe(drill):
    drill.cluster.configure(failsafe_mode=True)
    # Every member has to have heard of it.
    drill.pause(12)


def roll(drill):
    a, b = drill.instances["a"], drill.instances["b"]
    a.stop(signal.SIGTERM)
    drill.until(15)
    a.start()
    drill.until(25)
    b.stop(signal.SIGTERM)
    drill.until(30)
    b.start()
    drill.until(40)
    a.stop(signal.SIGKILL)
    drill.until(45)
    a.start()


def cut_off(drill):
    net.cut(drill.leader)
    drill.until(60)
    net.heal(drill.leader)


def lose_and_wait(drill):
    """Before the load: the primary is lost, and another one promoted."""
    drill.lost = drill.leader
    drill.cluster.kill_node(drill.lost)
    wait_for("another primary", lambda: drill.cluster.primary() not in (None, drill.lost), 120)
    drill.pause(10)


def rejoin(drill):
    drill.cluster.start_node(drill.lost)


def take_slots(drill):
    """All slots of the primary are taken, then the connections of the instances are closed."""
    hogs = []
    startup = b"user\0hog\0database\0" + DATABASE.encode() + b"\0\0"
    startup = struct.pack("!II", len(startup) + 8, 196608) + startup
    while True:
        hog = socket.create_connection((net.ADDRESSES[drill.leader], 5432), timeout=5)
        hog.sendall(startup)
        hogs.append(hog)
        answer = b""
        # It lets itself be greeted before it looks for a slot.
        while b"Z\0\0\0\5" not in answer and b"C53300" not in answer:
            answer += hog.recv(4096)
        if b"C53300" in answer:
            break
    drill.mark(f"{len(hogs) - 1} slots taken")
    drill.cluster.sql(drill.leader, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                                    " WHERE usename = 'refunds'")
    drill.until(30)
    for hog in hogs:
        hog.close()


def cancel_waits(drill):
    """Both standbys gone, strict: what waits is cancelled by an operator, then the primary is lost."""
    standbys = drill.standbys()
    for node in standbys:
        drill.cluster.kill_node(node)
    cancelled = 0
    for second in range(24, 50):
        drill.until(second / 2)
        cancelled += len(drill.cluster.sql(
            drill.leader, "SELECT pg_cancel_backend(pid) FROM pg_stat_activity"
                          " WHERE wait_event = 'SyncRep' AND usename = 'refunds'"))
    drill.mark(f"{cancelled} waits cancelled")
    drill.cluster.kill_node(drill.leader)
    for node in standbys:
        drill.cluster.start_node(node)
    # No standby was synchronous when the primary went, so Patroni promotes none by itself; an operator does.
    wait_for("the lease of the lost primary to end", lambda: drill.cluster.promote(standbys[0]), 120)


def strict(drill):
    drill.cluster.configure(synchronous_mode_strict=True)
    drill.pause(3)


# Name: what happens, the event, seconds of load, and further: what comes before the load, whom it is sent to,
# on which node the primary has to be, and that the new primary's commits wait until a standby has come.
EXPERIMENTS = {
    "a1": ("postmaster killed, Patroni starts it again", kill_postmaster, 45, {}),
    "a2": ("node lost (all its processes killed)", lose_node, 65, {}),
    "b": ("node frozen, first in A's URL and last in C's, thawed after 70 s", freeze_node, 100,
          {"targets": ("a", "b", "c"), "leader": NODES[0]}),
    "c": ("switchover", switch_over, 40, {}),
    "d1": ("synchronous standby lost, another there", lose_standby, 45, {}),
    "d2": ("the only standby lost, not strict", lose_standby, 45, {"before": without_the_other}),
    "d3": ("the only standby lost for 60 s, strict", lose_last_standby_for_a_minute, 100,
           {"before": strict_without_the_other}),
    "e": ("etcd away for 60 s", lose_etcd, 110, {}),
    "e2": ("etcd away for 60 s, failsafe_mode", lose_etcd, 90, {"before": failsafe}),
    "f": ("rolling restart of A and B, then A killed, behind the shipped haproxy.cfg", roll, 60,
          {"targets": ("front",)}),
    "g": ("primary cut off the network, first in A's URL, healed after 50 s", cut_off, 85,
          {"targets": ("a", "b", "c"), "leader": NODES[0]}),
    "h": ("lost primary rejoins by pg_rewind", rejoin, 45, {"before": lose_and_wait}),
    "i": ("all slots taken, connections of the instances cut, slots free after 20 s", take_slots, 50, {}),
    "k": ("strict, both standbys gone, waits cancelled, primary lost", cancel_waits, 90,
          {"before": strict, "waits for a standby": True}),
}
