//! The merchant's own system, relaying a provider's reply under a Standard Webhooks signature.

use super::{Prepared, Sender, Told};
use crate::crypto::WebhookSecret;
use crate::providers::relay::{ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER};

/// Makes the reply of one provider; the error says what that provider cannot tell.
pub type Reply = fn(&Told<'_>) -> anyhow::Result<String>;

/// One message of a relay.
pub struct Relay<'a> {
    /// What is relayed.
    pub reply: Reply,
    /// What both sides know.
    pub secret: &'a WebhookSecret,
    /// Names the message; each is believed once.
    pub message_id: &'a str,
    /// When it is signed, in seconds since 1970.
    pub seconds: i64,
}

impl Sender for Relay<'_> {
    fn prepare(&self, told: &Told<'_>) -> anyhow::Result<Prepared> {
        let body = (self.reply)(told)?;
        let signature = self
            .secret
            .sign(self.message_id, self.seconds, body.as_bytes());
        Ok(Prepared::json(body)
            .with(ID_HEADER, self.message_id.to_owned())
            .with(TIMESTAMP_HEADER, self.seconds.to_string())
            .with(SIGNATURE_HEADER, signature))
    }
}
