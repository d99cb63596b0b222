"""What the fuzzer must know besides the document: BSON, and how a relay signs.

SCHEMATHESIS_RELAY_SECRET is the relay's whsec_ secret.
"""

import base64
import hashlib
import hmac
import os
import time

import bson
import requests
import schemathesis


def document(value):
    """BSON holds documents only; anything else is sent as bytes that are none."""
    return bson.encode(value) if isinstance(value, dict) else repr(value).encode()


@schemathesis.serializer("application/bson")
def to_bson(ctx, value):
    try:
        return document(value)
    except (bson.errors.InvalidDocument, OverflowError):
        return b"\x05\x00\x00\x00\x00"


@schemathesis.deserializer("application/bson")
def from_bson(ctx, response):
    return bson.decode(response.content)


@schemathesis.hook
def before_call(ctx, case, kwargs):
    """Signs what goes to /relays/, so that more than its rejection is reached; not where a header is left
    out to see whether that is noticed."""
    needed = ("webhook-id", "webhook-timestamp", "webhook-signature")
    if not case.path.startswith("/relays/") or any(name not in case.headers for name in needed):
        return
    sent = case.as_transport_kwargs(base_url="http://relay")
    prepared = requests.Request(
        method=sent["method"], url=sent["url"], json=sent.get("json"), data=sent.get("data")
    ).prepare()
    body = prepared.body or b""
    body = body.encode() if isinstance(body, str) else body
    now = str(int(time.time()))
    key = base64.b64decode(os.environ["SCHEMATHESIS_RELAY_SECRET"].removeprefix("whsec_"))
    name = hashlib.sha256(body).hexdigest()
    digest = hmac.new(key, f"{name}.{now}.".encode() + body, hashlib.sha256).digest()
    case.headers["webhook-id"] = name
    case.headers["webhook-timestamp"] = now
    case.headers["webhook-signature"] = "v1," + base64.b64encode(digest).decode()
