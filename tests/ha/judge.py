"""The verdict of an experiment: gaps, and whether every acknowledged callback is stored once."""

import json
import subprocess
import time
from collections import Counter, defaultdict

import net

# What the product promises; docs/scaling.md.
ANSWER_MAX = 5.0
AGAIN_MAX = {"a": 2.0, "b": 5.0, "c": 2.0}
CONNECTIONS_MAX = 12
LINES_MAX = 1
# Tolerance for a delayed probe on a busy machine.
TOLERANCE = 0.3

COLUMNS = ("experiment", "gap A", "gap B", "promoted after", "acks again after promotion",
           "answers", "503", "slowest", "acked", "never acked", "lost", "doubled", "feed gaps", "audit",
           "connections, most", "log lines a second and cause, most")


def gap(sender, target, stopped):
    """Longest time without an acknowledgement by a target."""
    times = [answer.at for answer in sender.answers
             if answer.target == target and answer.status == 200 and answer.at < stopped]
    times = [sender.started, *sorted(times), stopped]
    return max(after - before for before, after in zip(times, times[1:]))


def again(sender, target, promoted):
    """From the promotion to the next acknowledgement of something that was sent after it."""
    times = [answer.at for answer in sender.answers
             if answer.target == target and answer.status == 200 and answer.at >= promoted]
    return min(times) - promoted if times else None


class Judge:
    """Compares what was acknowledged with the feed, the lists and the audit."""

    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        self.acked = {}
        self.last_event = 0

    def judge(self, name, sender, watch, event_at, logs):
        """The row of an experiment."""
        instances = [instance for instance in watch.instances if instance.is_running()]
        promoted = next((at for at, _ in watch.promotions if at > event_at), None)
        row = {"experiment": name}
        for target in ("a", "b", "c", "front"):
            if target in sender.targets:
                row[f"gap {target}"] = gap(sender, target, sender.stopped)
        if promoted:
            row["promoted"] = promoted - event_at
            row["again"] = {target: again(sender, target, promoted) for target in sender.targets}
        answers = sender.answers
        row["answers"] = len(answers)
        row["statuses"] = dict(Counter(answer.status for answer in answers))
        row["slowest"] = max(answer.took for answer in answers)
        slow = sorted(answers, key=lambda answer: -answer.took)[:3]
        row["slow"] = [[round(answer.at - answer.took - sender.started, 1), answer.target, answer.status,
                        round(answer.took, 2)] for answer in slow]
        row["acked"] = len(sender.acked)
        row["never"] = len(sender.bodies) - len(sender.acked)
        for refund_no in sender.acked:
            self.acked[refund_no] = sender.bodies[refund_no]
        row.update(self.compare(instances, watch, sender.acked))
        row["audit"] = self.audit(instances[0])
        row["restarts of the feed"] = watch.restarts
        row["connections"] = dict(watch.connections)
        row["lines"] = max(instance.crowded_lines(since) for instance, since in logs)
        row["ready"] = self.readiness(watch, event_at)
        return row

    def compare(self, instances, watch, acked):
        """Lost and doubled, and gaps of the feed: all that was ever acknowledged by the feed, and what was in this
        experiment by the lists, too."""
        until = time.monotonic() + 40
        while True:
            events = instances[0].events()
            told = Counter(event["data"]["refund_no"] for event in events)
            missing = [number for number in self.acked if number not in told]
            if not missing or time.monotonic() > until:
                break
            time.sleep(0.5)
        doubled = [number for number, count in told.items() if count > 1]
        gaps = sum(1 for at, event in enumerate(events, 1) if event["sequence"] != at)
        self.last_event = len(events)
        known = {event["sequence"]: event["id"] for event in events}
        for pages in watch.followed.values():
            # A reader got an event that the feed does not have, or has elsewhere.
            gaps += sum(1 for sequence, id in pages if id is not None and known.get(sequence) != id)
            numbers = [sequence for sequence, _ in pages]
            gaps += sum(1 for one, next in zip(numbers, numbers[1:]) if next != one + 1)
        lost = set(missing)
        for refund_no in acked:
            page = instances[-1].read(f"/v1/refunds?refund_no={refund_no}")
            found = len(json.loads(page)["data"])
            if found == 0:
                lost.add(refund_no)
            elif found > 1:
                doubled.append(refund_no)
        return {"lost": len(lost), "doubled": len(set(doubled)), "gaps": gaps}

    def audit(self, instance):
        """The service's own audit, with the list of what was acknowledged: what it found wrong."""
        path = f"{self.folder}/acked.jsonl"
        with open(path, "w") as file:
            for refund_no, sha256 in self.acked.items():
                acked = {"provider": "payermax", "account": "main", "refund_no": refund_no, "sha256": sha256}
                file.write(json.dumps(acked) + "\n")
        command = [self.program, "audit", "--config", instance.config, "--acked", path]
        done = subprocess.run(net.inside(instance.name, *command), capture_output=True, text=True,
                              timeout=600)
        return "" if done.returncode == 0 else done.stdout[-2000:] + done.stderr[-500:]

    def readiness(self, watch, event_at):
        """For each instance: the time until it answered 503, and the slowest answer."""
        by_instance = defaultdict(list)
        for at, name, status, took in watch.ready:
            if at >= event_at:
                by_instance[name].append((at, status, took))
        shown = {}
        for name, looks in by_instance.items():
            unready = [at - event_at for at, status, _ in looks if status == 503]
            shown[name] = {"503 after": round(unready[0], 1) if unready else None,
                           "slowest": round(max(took for _, _, took in looks), 2)}
        return shown

    def wrong(self, row, waits_for_standby):
        """The promises that this row violates."""
        wrong = [f"{what}: {row[what]}" for what in ("never", "lost", "doubled", "gaps", "audit") if row[what]]
        if row["slowest"] > ANSWER_MAX + TOLERANCE:
            wrong.append(f"an answer took {row['slowest']:.1f} s")
        again_after = {} if waits_for_standby else row.get("again", {})
        for target, after in again_after.items():
            limit = AGAIN_MAX.get(target, AGAIN_MAX["b"]) + TOLERANCE
            if after is None or after > limit:
                wrong.append(f"{target} acknowledged again {after} s after the promotion")
        for target, count in row["connections"].items():
            if count > CONNECTIONS_MAX:
                wrong.append(f"{target} had {count} connections")
        if row["lines"][0] > LINES_MAX:
            wrong.append(f"{row['lines'][0]} lines a second: {row['lines'][1]}")
        return wrong


def seconds(value):
    return "–" if value is None else f"{value:.1f} s"


def table(rows):
    """The rows in Markdown, in the columns of docs/scaling.md."""
    lines = ["| " + " | ".join(COLUMNS) + " |", "|---" + "|--:" * (len(COLUMNS) - 1) + "|"]
    for row in rows:
        again_after = ", ".join(f"{target.upper()} {seconds(after)}"
                                for target, after in row.get("again", {}).items())
        connections = ", ".join(f"{target.upper()} {count}"
                                for target, count in sorted(row["connections"].items()))
        first = row.get("gap a", row.get("gap front"))
        cells = [row["experiment"], seconds(first), seconds(row.get("gap b")), seconds(row.get("promoted")),
                 again_after or "–", row["answers"], row["statuses"].get(503, 0), f"{row['slowest']:.2f} s",
                 row["acked"], row["never"], row["lost"], row["doubled"], row["gaps"],
                 "all hold" if not row["audit"] else "**fails**", connections, row["lines"][0]]
        lines.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    return "\n".join(lines)
