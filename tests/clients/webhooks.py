"""The official library of Standard Webhooks for Python: `sign` prints the signature of a message, `verify` exits 0
only if it is good. Standard input: {"secret", "id", "timestamp" (seconds), "signature", "body"}.
"""

import datetime
import json
import sys

from standardwebhooks.webhooks import Webhook

message = json.load(sys.stdin)
webhook = Webhook(message["secret"])
if sys.argv[1] == "sign":
    at = datetime.datetime.fromtimestamp(message["timestamp"], tz=datetime.timezone.utc)
    print(webhook.sign(msg_id=message["id"], timestamp=at, data=message["body"]))
else:
    headers = {
        "webhook-id": message["id"],
        "webhook-timestamp": str(message["timestamp"]),
        "webhook-signature": message["signature"],
    }
    webhook.verify(message["body"], headers)
