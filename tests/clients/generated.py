"""Generates a client of the document, then lists one refund and follows the feed with it.

Arguments: the document, the internal URL, a refund number, how many events to read. The token is in TOKEN.
Prints {"refunds": [id, ...], "events": [sequence, ...]}.
"""

import json
import os
import subprocess
import sys
import tempfile

document, url, refund_no, wanted = sys.argv[1:]
with tempfile.TemporaryDirectory() as folder:
    generate = ["openapi-python-client", "generate", "--path", document, "--output-path", f"{folder}/client"]
    done = subprocess.run(generate, capture_output=True, text=True)
    said = done.stdout + done.stderr
    if done.returncode != 0 or "Unable to process schema" in said:
        sys.exit(said)
    sys.path.insert(0, f"{folder}/client")
    from refund_receiver_client import AuthenticatedClient
    from refund_receiver_client.api.events import list_events
    from refund_receiver_client.api.refunds import list_refunds

    client = AuthenticatedClient(base_url=url, token=os.environ["TOKEN"])
    refunds = list_refunds.sync(client=client, refund_no=refund_no).data
    after, events = 0, []
    while len(events) < int(wanted):
        page = list_events.sync(client=client, after=after, limit=1, wait="30s")
        events += page.data
        after = page.next_
    print(json.dumps({"refunds": [refund.id for refund in refunds], "events": [event.sequence for event in events]}))
