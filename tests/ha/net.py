"""Network namespaces with addresses of their own around one bridge, without a route to the outside."""

import ctypes
import os
import signal
import subprocess

PREFIX = "rr-ha-"
HUB = "hub"
NETWORK = "10.213.0."
ADDRESSES = {
    HUB: NETWORK + "1",
    "etcd": NETWORK + "10",
    "n1": NETWORK + "11",
    "n2": NETWORK + "12",
    "n3": NETWORK + "13",
    "a": NETWORK + "21",
    "b": NETWORK + "22",
    "c": NETWORK + "23",
    "db": NETWORK + "31",
    "front": NETWORK + "32",
}
CLONE_NEWNET = 0x40000000


def run(*command, check=True, timeout=60):
    """Runs a program to its end; gives what it printed."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
    if check and done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def inside(name, *command):
    """The command, to be run in a namespace."""
    return ["ip", "netns", "exec", PREFIX + name, *command]


def build():
    """Makes all namespaces anew, and takes this process into the hub."""
    tear_down()
    for name in ADDRESSES:
        run("ip", "netns", "add", PREFIX + name)
        run(*inside(name, "ip", "link", "set", "lo", "up"))
    run(*inside(HUB, "ip", "link", "add", "bridge", "type", "bridge"))
    run(*inside(HUB, "ip", "address", "add", ADDRESSES[HUB] + "/24", "dev", "bridge"))
    run(*inside(HUB, "ip", "link", "set", "bridge", "up"))
    for name, address in ADDRESSES.items():
        if name == HUB:
            continue
        port = "to-" + name
        run(*inside(HUB, "ip", "link", "add", port, "type", "veth", "peer", "name", "eth0",
                    "netns", PREFIX + name))
        run(*inside(HUB, "ip", "link", "set", port, "master", "bridge", "up"))
        run(*inside(name, "ip", "address", "add", address + "/24", "dev", "eth0"))
        run(*inside(name, "ip", "link", "set", "eth0", "up"))
    enter(HUB)


def enter(name):
    """Takes this process, and what it starts from now on, into a namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open(f"/run/netns/{PREFIX}{name}", "rb") as namespace:
        if libc.setns(namespace.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")


def pids(name):
    """All processes of a namespace."""
    return [int(pid) for pid in run("ip", "netns", "pids", PREFIX + name, check=False).split()]


def send(name, number):
    """Sends a signal to all processes of a namespace; twice, for those that were just being made."""
    for _ in range(2):
        for pid in pids(name):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass


def cut(name):
    """Drops every packet from and to a namespace silently."""
    rules = "add table inet cut\n" + "".join(
        f"add chain inet cut {hook} {{ type filter hook {hook} priority 0; policy drop; }}\n"
        f'add rule inet cut {hook} {way} "lo" accept\n'
        for hook, way in (("input", "iifname"), ("output", "oifname"))
    )
    subprocess.run(inside(name, "nft", "-f", "-"), input=rules, text=True, check=True, timeout=20)


def heal(name):
    """Undoes `cut`."""
    run(*inside(name, "nft", "delete", "table", "inet", "cut"), check=False)


def tear_down():
    """Ends what runs in the namespaces of an earlier drill, and removes them."""
    for name in ADDRESSES:
        # In the hub is this process itself, and nothing that outlives it.
        if name != HUB and os.path.exists(f"/run/netns/{PREFIX}{name}"):
            send(name, signal.SIGKILL)
    for name in ADDRESSES:
        run("ip", "netns", "del", PREFIX + name, check=False)
