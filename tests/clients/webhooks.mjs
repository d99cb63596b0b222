// The official library of Standard Webhooks for Node: `sign` prints the signature of a message, `verify` exits 0 only
// if it is good. Standard input: {"secret", "id", "timestamp" (seconds), "signature", "body"}.

import { readFileSync } from "node:fs";
import { Webhook } from "standardwebhooks";

const message = JSON.parse(readFileSync(0, "utf8"));
const webhook = new Webhook(message.secret);
if (process.argv[2] === "sign") {
  console.log(webhook.sign(message.id, new Date(message.timestamp * 1000), message.body));
} else {
  webhook.verify(message.body, {
    "webhook-id": message.id,
    "webhook-timestamp": String(message.timestamp),
    "webhook-signature": message.signature,
  });
}
