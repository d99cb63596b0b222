"""Observes an experiment: the primary, readiness, connections, and the feed."""

import json
import threading
import time
from collections import Counter

from cluster import NODES
from services import count_connections


class Watch:
    """Threads that observe and record, until `end`."""

    def __init__(self, cluster, instances, last_event):
        self.cluster, self.instances = cluster, instances
        self.is_over = False
        self.promotions = []
        self.leaders = {node: False for node in NODES}
        self.ready = []
        self.connections = Counter()
        # Number and id; what was there before the experiment is not read again.
        self.followed = {instance.name: [(last_event, None)] for instance in instances}
        self.epochs = {}
        self.restarts = 0
        self.threads = []

    def start(self):
        # Before the threads: who is the primary now was not promoted.
        for node in NODES:
            self.leaders[node] = self.cluster.is_primary(node)
        for node in NODES:
            self.loop(0.1, self.look_at_node, node)
        self.loop(1.0, self.look_at_connections)
        for instance in self.instances:
            self.loop(0.5, self.look_at_readiness, instance)
            self.loop(0.2, self.follow, instance)

    def loop(self, pause, look, *arguments):
        def again():
            while not self.is_over:
                look(*arguments)
                time.sleep(pause)

        thread = threading.Thread(target=again, daemon=True)
        thread.start()
        self.threads.append(thread)

    def end(self):
        self.is_over = True
        for thread in self.threads:
            thread.join(timeout=25)

    def look_at_node(self, node):
        is_leader = self.cluster.is_primary(node)
        if is_leader and not self.leaders[node]:
            # Patroni says so as soon as it holds the lease; the server takes writes somewhat later.
            while not self.is_over and not self.cluster.takes_writes(node):
                time.sleep(0.05)
            self.promotions.append((time.time(), node))
        self.leaders[node] = is_leader

    def look_at_connections(self):
        for node in NODES:
            if self.leaders[node]:
                for name, count in count_connections(self.cluster, node).items():
                    self.connections[name] = max(self.connections[name], count)

    def look_at_readiness(self, instance):
        if instance.is_running():
            began = time.time()
            status, _ = instance.ready()
            self.ready.append((began, instance.name, status, time.time() - began))

    def follow(self, instance):
        """One page of the feed, waited for as a reader does."""
        known, epoch = self.followed[instance.name], self.epochs.get(instance.name)
        path = f"/v1/events?after={known[-1][0]}&limit=1000&wait=20s" + (f"&epoch={epoch}" if epoch else "")
        status, body = instance.get(path, 30.0)
        if status == 200:
            page = json.loads(body)
            self.epochs[instance.name] = page["epoch"]
            known += [(event["sequence"], event["id"]) for event in page["data"]]
        elif status in (409, 422) and epoch:
            # The reader learns that its history has ended, and begins again.
            self.restarts += 1
            self.epochs.pop(instance.name)
            known[:] = known[:1]
