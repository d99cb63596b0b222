"""A provider that sends callbacks, and retries each until it is acknowledged."""

import asyncio
import hashlib
import random
import threading
import time
from dataclasses import dataclass

import net
from services import MERCHANT, PUBLIC

PATH = "/callbacks/payermax/main"
ACK = b'{"code":"SUCCESS","msg":"Success"}'
# Timeout of a request, in seconds.
TIMEOUT = 15.0
# Tries at one address before the other one is asked.
TRIES = 4


@dataclass
class Callback:
    refund_no: str
    body: bytes
    request: bytes
    targets: list
    tries: int = 0


@dataclass
class Answer:
    """One try: when it ended, after how long, with which status (0: none)."""

    at: float
    target: str
    status: int
    took: float
    refund_no: str


class Sender:
    """Sends so many new callbacks a second to each of the targets in turn, from a thread of its own."""

    def __init__(self, key, run, targets, rate):
        self.key, self.run, self.rate = key, run, rate
        self.targets = targets
        self.answers = []
        self.acked = {}
        self.bodies = {}
        self.open = 0
        self.idle = {target: [] for target in targets}
        self.is_over = False
        self.is_stopped = False
        self.thread = threading.Thread(target=lambda: asyncio.run(self.main()), daemon=True)

    def start(self):
        self.started = time.time()
        self.thread.start()

    def stop_new(self):
        """Stops new callbacks; retries go on."""
        self.stopped = time.time()
        self.is_stopped = True

    def end(self):
        self.is_over = True
        self.thread.join(timeout=TIMEOUT + 5)

    async def main(self):
        tasks = set()
        number, due = 0, time.monotonic()
        while not self.is_stopped:
            task = asyncio.create_task(self.deliver(self.callback(number)))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            number += 1
            due += 1 / self.rate
            await asyncio.sleep(max(0.0, due - time.monotonic()))
        while tasks and not self.is_over:
            await asyncio.sleep(0.1)
        for task in tasks:
            task.cancel()

    def callback(self, number):
        refund_no = f"R-{self.run}-{number}"
        body = (
            '{"code":"APPLY_SUCCESS","msg":"","keyVersion":"1","merchantNo":"' + MERCHANT
            + '","notifyTime":"2026-01-17T09:33:54.540+00:00","notifyType":"REFUND","data":{"outRefundNo":"'
            + refund_no + f'","refundTradeNo":"T-{refund_no}","outTradeNo":"P-{refund_no}'
            + '","refundAmount":125.50,"refundCurrency":"USD","status":"REFUND_SUCCESS"}}'
        ).encode()
        head = (
            f"POST {PATH} HTTP/1.1\r\nHost: drill\r\nContent-Type: application/json\r\n"
            f"sign: {self.key.sign(body)}\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode()
        self.bodies[refund_no] = hashlib.sha256(body).hexdigest()
        first = number % len(self.targets)
        return Callback(refund_no, body, head + body, self.targets[first:] + self.targets[:first])

    async def deliver(self, callback):
        self.open += 1
        while not self.is_over:
            at = callback.tries // TRIES % len(callback.targets)
            target = callback.targets[at]
            began = time.monotonic()
            try:
                status, body = await asyncio.wait_for(self.post(target, callback.request), TIMEOUT)
            except (OSError, EOFError, asyncio.TimeoutError, ValueError):
                status, body = 0, b""
            took = time.monotonic() - began
            self.answers.append(Answer(time.time(), target, status, took, callback.refund_no))
            callback.tries += 1
            if status == 200 and body == ACK:
                self.acked[callback.refund_no] = target
                self.open -= 1
                return
            await asyncio.sleep(random.uniform(1.0, 3.0))

    async def post(self, target, request):
        """One request on a reused connection; one that was closed is made again."""
        reader, writer = self.idle[target].pop() if self.idle[target] else (None, None)
        if reader is None or reader.at_eof() or writer.is_closing():
            reader, writer = await asyncio.open_connection(net.ADDRESSES[target], PUBLIC)
        try:
            writer.write(request)
            await writer.drain()
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
            body = await reader.readexactly(length)
        except BaseException:
            writer.close()
            raise
        if b"connection: close" in head:
            writer.close()
        else:
            self.idle[target].append((reader, writer))
        return int(head.split(b" ")[1]), body
