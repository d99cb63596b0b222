//! The merchant's own system, relaying a provider's reply under a Standard Webhooks signature.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::keys::hmac_sha256;
use super::{ConfigBuilder, Engine, Reply, Server};

/// The secrets before their Base64: the two of a rotation, then the bank's.
pub const SECRET: &[u8] = b"relay-secret-of-thirty-two-bytes";
pub const NEXT_SECRET: &[u8] = b"next-secret-of-thirty-two-bytes!";
pub const BANK_SECRET: &[u8] = b"bank-secret-of-thirty-two-bytes!";

/// The relay paths without the refund number.
pub const QUICKPAY: &str = "/relays/quickpay/store-1/";
pub const NMANAGEMENT: &str = "/relays/nmanagement/ccb/";

/// Both relayed systems; the secret of the first is in rotation.
pub fn config(engine: Engine) -> ConfigBuilder {
    accounts(ConfigBuilder::bare(engine))
}

/// The same accounts among others.
pub fn accounts(config: ConfigBuilder) -> ConfigBuilder {
    config
        .file("relay.secret", &text(SECRET))
        .file("bank.secret", &text(BANK_SECRET))
        .variable("TEST_NEXT_RELAY_SECRET", &text(NEXT_SECRET))
        .toml(
            "[[accounts]]\nprovider = \"quickpay\"\naccount = \"store-1\"\n\
             relay_secrets = [\"file:relay.secret\", \"env:TEST_NEXT_RELAY_SECRET\"]\n",
        )
        .toml(
            "[[accounts]]\nprovider = \"nmanagement\"\naccount = \"ccb\"\n\
             relay_secrets = [\"file:bank.secret\"]\n",
        )
}

/// The secret of the account that a path names.
pub fn secret_of(path: &str) -> &'static [u8] {
    if path.starts_with(NMANAGEMENT) {
        BANK_SECRET
    } else {
        SECRET
    }
}

/// The written form of a secret.
pub fn text(secret: &[u8]) -> String {
    format!("whsec_{}", STANDARD.encode(secret))
}

/// Seconds since 1970, moved by `shift`.
#[expect(clippy::disallowed_methods, reason = "a sender has its own clock")]
pub fn timestamp(shift: i64) -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970")
        .as_secs();
    (i64::try_from(now).expect("before the year 292 billion") + shift).to_string()
}

/// One entry of `webhook-signature`.
pub fn signature(secret: &[u8], id: &str, timestamp: &str, body: &str) -> String {
    let signed = format!("{id}.{timestamp}.{body}");
    format!(
        "v1,{}",
        STANDARD.encode(hmac_sha256(secret, signed.as_bytes()))
    )
}

impl Server {
    /// Posts a relayed reply with exactly these three headers.
    pub fn relay_as(&self, path: &str, body: &str, id: &str, time: &str, sign: &str) -> Reply {
        let headers = [
            ("content-type", "application/json"),
            ("webhook-id", id),
            ("webhook-timestamp", time),
            ("webhook-signature", sign),
        ];
        self.post(path, &headers, body)
    }

    /// Posts a relayed reply under a good signature.
    pub fn relay(&self, path: &str, id: &str, body: &str) -> Reply {
        let time = timestamp(0);
        self.relay_as(
            path,
            body,
            id,
            &time,
            &signature(secret_of(path), id, &time, body),
        )
    }
}
