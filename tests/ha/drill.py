"""Two instances on a real cluster, through every failure of the table in docs/scaling.md.

drill.py --program PATH --patroni PATH --folder PATH [NAME...]     all experiments, or these
"""

import argparse
import json
import os
import sys
import time

import net
from cluster import NODES, Cluster, wait_for
from experiments import EXPERIMENTS
from judge import Judge, table
from sender import Sender
from services import Instance, database_proxy, front_proxy
from signing import Key
from watch import Watch

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
EVENT_AT = 10
# New callbacks a second, over all targets.
RATE = 40
# Max time to drain the retries after the last new callback.
DRAIN_MAX = 90


class Drill:
    def __init__(self, program, patroni, folder):
        self.program, self.folder = program, folder
        self.cluster = Cluster(folder, patroni)
        self.key = Key()
        self.judge = Judge(program, folder)
        self.instances = {name: Instance(name, program, folder, self.key.public) for name in "abc"}
        self.run_id = time.strftime("%H%M%S")
        self.leader = None
        self.load_began = None

    def build(self):
        self.mark("building the cluster: etcd, three nodes of PostgreSQL under Patroni, HAProxy")
        self.cluster.start()
        database_proxy(ROOT, self.folder).start()
        front_proxy(ROOT, self.folder).start()
        for name in ("a", "b"):
            self.instances[name].start()
        self.mark("the cluster is whole and both instances are ready")

    def mark(self, text):
        """Shows progress."""
        second = "" if self.load_began is None else f" [{time.time() - self.load_began:5.1f} s]"
        print(f"{time.strftime('%H:%M:%S')}{second} {text}", flush=True)

    def until(self, second):
        """Waits until this second of the load."""
        self.pause(self.load_began + second - time.time())

    def pause(self, seconds):
        time.sleep(max(0.0, seconds))

    def standbys(self):
        """The standbys, the synchronous one first."""
        first = self.cluster.synchronous()
        return first + [node for node in NODES if node not in first and node != self.leader]

    def experiment(self, name):
        title, event, seconds, more = EXPERIMENTS[name]
        self.mark(f"{name}: {title}")
        if "leader" in more:
            self.cluster.switch_to(more["leader"])
        self.leader = self.cluster.primary()
        if "before" in more:
            more["before"](self)
        targets = list(more.get("targets", ("a", "b")))
        if "c" in targets:
            self.instances["c"].start()
        instances = [instance for instance in self.instances.values() if instance.is_running()]
        logs = [(instance, instance.log_size()) for instance in instances]
        sender = Sender(self.key, f"{self.run_id}-{name}", targets, RATE)
        watch = Watch(self.cluster, instances, self.judge.last_event)
        watch.start()
        sender.start()
        self.load_began = time.time()
        self.until(EVENT_AT)
        event_at = time.time()
        self.mark("now")
        event(self)
        self.until(seconds)
        sender.stop_new()
        self.mark(f"no new ones any more; {sender.open} are not acknowledged yet")
        drained = time.monotonic() + DRAIN_MAX
        while sender.open and time.monotonic() < drained:
            time.sleep(0.2)
        watch.end()
        sender.end()
        row = self.judge.judge(f"{name} {title}", sender, watch, event_at, logs)
        row["wrong"] = self.judge.wrong(row, more.get("waits for a standby", False))
        self.mark(json.dumps(row, ensure_ascii=False))
        self.load_began = None
        for at, node in watch.promotions:
            self.mark(f"{node} became the primary {at - event_at:.1f} s after the event")
        self.mark(f"{name}: " + ("; ".join(row["wrong"]) or "as promised"))
        return row

    def restore(self):
        """Restores everything that an experiment has broken."""
        for node in NODES:
            net.heal(node)
            self.cluster.thaw(node)
        if not net.pids("etcd"):
            self.cluster.start_etcd()
        for node in NODES:
            if not net.pids(node):
                self.cluster.start_node(node)
        wait_for("a primary", self.cluster.primary, 120)
        self.cluster.configure(synchronous_mode_strict=False, failsafe_mode=False)
        self.cluster.wait_until_whole()
        self.instances["c"].stop()
        for name in ("a", "b"):
            if not self.instances[name].is_running():
                self.instances[name].start()
            wait_for("the instances to be ready", lambda: self.instances[name].ready()[0] == 200)

    def run(self, names):
        """The rows, and what could not be run."""
        rows, failed = [], []
        for name in names:
            try:
                rows.append(self.experiment(name))
            except RuntimeError as error:
                self.load_began = None
                failed.append(f"{name}: {error}")
                self.mark(failed[-1])
            with open(f"{self.folder}/table.md", "w") as file:
                file.write(table(rows) + "\n")
            self.restore()
        return rows, failed


def main():
    parser = argparse.ArgumentParser()
    for option in ("--program", "--patroni", "--folder"):
        parser.add_argument(option, required=True)
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in EXPERIMENTS]
    if unknown:
        known = "\n".join(f"  {name:3} {what[0]}" for name, what in EXPERIMENTS.items())
        sys.exit(f"no such experiment: {' '.join(unknown)}; there are\n{known}")
    net.build()
    try:
        drill = Drill(options.program, options.patroni, options.folder)
        drill.build()
        rows, failed = drill.run(options.names or list(EXPERIMENTS))
    finally:
        net.tear_down()
    print(table(rows))
    wrong = failed + [f"{row['experiment']}: {what}" for row in rows for what in row["wrong"]]
    print("\n".join(wrong) or "all experiments as promised")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
