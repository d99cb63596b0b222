"""A provider's key pair, and signatures that cost the drill little: RSA with SHA-256, PKCS#1 v1.5."""

import base64
import hashlib
import subprocess

# The fixed head of a SHA-256 digest in a signature (RFC 8017, 9.2, note 1).
DIGEST_HEAD = bytes.fromhex("3031300d060960864801650304020105000420")


def integers(der):
    """The numbers of a DER sequence of integers."""

    def length(at):
        first = der[at]
        if first < 0x80:
            return first, at + 1
        count = first & 0x7F
        return int.from_bytes(der[at + 1 : at + 1 + count], "big"), at + 1 + count

    _, at = length(1)
    numbers = []
    while at < len(der):
        size, at = length(at + 1)
        numbers.append(int.from_bytes(der[at : at + size], "big"))
        at += size
    return numbers


class Key:
    """Made anew for each drill."""

    def __init__(self):
        def openssl(*arguments, text=None):
            return subprocess.run(
                ["openssl", *arguments], input=text, capture_output=True, check=True).stdout

        private = openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048")
        self.public = openssl("pkey", "-pubout", text=private).decode()
        numbers = integers(openssl("rsa", "-traditional", "-outform", "DER", text=private))
        _, self.modulus, _, _, self.p, self.q, self.d_p, self.d_q, self.q_inverse = numbers

    def sign(self, body):
        """The signature in Base64."""
        digest = DIGEST_HEAD + hashlib.sha256(body).digest()
        padded = b"\x00\x01" + b"\xff" * (256 - 3 - len(digest)) + b"\x00" + digest
        message = int.from_bytes(padded, "big")
        by_p = pow(message % self.p, self.d_p, self.p)
        by_q = pow(message % self.q, self.d_q, self.q)
        value = by_q + self.q * (self.q_inverse * (by_p - by_q) % self.p)
        return base64.b64encode(value.to_bytes(256, "big")).decode()
