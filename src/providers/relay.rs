//! Providers that never call: the merchant's own system relays their replies to us.
//!
//! No signature of the provider exists, so the relay proves itself with Standard Webhooks: the
//! secret is checked over the raw bytes before anything in them is read. The refund number of the
//! path is outside the signature; a message (its id and its bytes) counts once over all accounts, so a
//! recorded request cannot be sent again for another refund, and a reply that names another refund itself is
//! rejected for this one.

use super::wire::text::printable;
use super::{Form, Rejection, Request, Signer, VerifiedClaim};
use crate::crypto;
use crate::crypto::{WebhookMessage, WebhookSecrets, WebhookSignatureError};
use crate::domain::claim::Claim;
use crate::domain::ids::ExternalId;

/// The cause of a rejection: another account has brought the message.
pub const OF_OTHER_ACCOUNT: &str = "the message was delivered to another account before";
/// The header that names the message.
pub const ID_HEADER: &str = "webhook-id";
/// The header with the seconds since 1970 at which it was signed.
pub const TIMESTAMP_HEADER: &str = "webhook-timestamp";
/// The header with the signatures.
pub const SIGNATURE_HEADER: &str = "webhook-signature";

/// What makes two deliveries of a relay the same one: SHA-256 of the message's id and bytes.
pub fn message_key(message_id: &str, body: &[u8]) -> [u8; 32] {
    // No id holds a NUL, so no two pairs make the same text.
    crypto::sha256(&[message_id.as_bytes(), b"\0", body].concat())
}

/// What a relayed reply is; the answer names the refund.
pub const FORM: Form = Form {
    name: "relayed reply",
    proof: "Standard Webhooks, HMAC-SHA256 over webhook-id, webhook-timestamp and the whole body",
    acknowledgement: None,
};

/// The cause with the value that it is about, for log and evidence; a signature is never shown.
fn why(error: WebhookSignatureError, message: &WebhookMessage<'_>, now: jiff::Timestamp) -> String {
    let shown = |value: Option<&str>| printable(value.unwrap_or_default());
    match error {
        WebhookSignatureError::Id => format!("{error}: {:?}", shown(message.id)),
        WebhookSignatureError::Timestamp => format!("{error}: {:?}", shown(message.timestamp)),
        WebhookSignatureError::OutsideTolerance => {
            let (said, now) = (shown(message.timestamp), now.as_second());
            format!("{error}: it is {said}, and here it is {now}")
        }
        WebhookSignatureError::Missing(_)
        | WebhookSignatureError::TooMany
        | WebhookSignatureError::Mismatch => error.to_string(),
    }
}

/// A provider whose replies are relayed.
pub trait RelayedProvider: Send + Sync {
    /// Reads what the reply says about the refund. Only JSON that is no object is rejected; what is
    /// missing or malformed inside makes the claim unclear.
    fn read(&self, refund_no: &ExternalId, body: &[u8]) -> Result<Claim, Rejection>;
}

/// One account whose replies are relayed, ready to verify.
pub struct RelayAccount {
    secrets: WebhookSecrets,
    provider: Box<dyn RelayedProvider>,
}

impl RelayAccount {
    /// An account whose relay knows one of these secrets.
    pub fn new(secrets: WebhookSecrets, provider: Box<dyn RelayedProvider>) -> Self {
        Self { secrets, provider }
    }

    /// Verifies the bytes as received, then reads what they say about the refund of the path.
    pub fn verify(
        &self,
        refund_no: &ExternalId,
        request: &Request<'_>,
    ) -> Result<VerifiedClaim, Rejection> {
        let message = WebhookMessage {
            id: (request.header)(ID_HEADER),
            timestamp: (request.header)(TIMESTAMP_HEADER),
            signature: (request.header)(SIGNATURE_HEADER),
            body: request.body,
        };
        let proof = self
            .secrets
            .verify(&message, request.now)
            .map_err(|error| Rejection::Unauthorized(why(error, &message, request.now)))?;
        let claim = self.provider.read(refund_no, request.body)?;
        Ok(VerifiedClaim::of_message(
            claim,
            proof.secret_id,
            proof.message_id,
            request.body,
        ))
    }

    /// Names of the headers that are stored with the body.
    pub fn kept_headers(&self) -> &'static [&'static str] {
        &[
            ID_HEADER,
            TIMESTAMP_HEADER,
            SIGNATURE_HEADER,
            "content-type",
            "user-agent",
        ]
    }

    /// Its secrets, for saying what is wrong with a signature.
    pub fn secrets(&self) -> &WebhookSecrets {
        &self.secrets
    }

    /// Its secrets by name, for telling people.
    pub fn keys(&self) -> Vec<Signer> {
        self.secrets.ids().map(Signer::secret).collect()
    }

    /// Whether it still has the secret of this id, so that what that once verified can be verified again.
    pub fn has_secret(&self, id: &str) -> bool {
        self.secrets.has(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::WebhookSecret;
    use crate::providers::quickpay::{Quickpay, sandbox};
    use crate::providers::sandbox::Sample;

    const SECONDS: i64 = 1_768_642_434;

    fn delivered(
        body: &[u8],
        signed: &[u8],
        id: &str,
        now: i64,
    ) -> Result<VerifiedClaim, Rejection> {
        let secret = WebhookSecret::parse(&WebhookSecret::generate_text()).unwrap();
        let signature = secret.sign(id, SECONDS, signed);
        let seconds = SECONDS.to_string();
        let account = RelayAccount::new(
            WebhookSecrets::new(vec![secret]).unwrap(),
            Box::new(Quickpay),
        );
        account.verify(
            &"R-1".parse().unwrap(),
            &Request {
                header: &|name| match name {
                    ID_HEADER => Some(id),
                    TIMESTAMP_HEADER => Some(seconds.as_str()),
                    SIGNATURE_HEADER => Some(signature.as_str()),
                    _ => None,
                },
                body,
                now: jiff::Timestamp::from_second(now).unwrap(),
            },
        )
    }

    fn body() -> String {
        sandbox::reply(&Sample {
            refund_no: "R-1",
            order_no: "P-1",
            amount: "12.34",
            status: None,
            ..Sample::default()
        })
        .unwrap()
    }

    #[test]
    fn the_same_id_with_the_same_bytes_is_the_same_delivery() {
        let (one, other) = (body(), body().replace("1234", "1235"));
        let key = |body: &str, id: &str| {
            let verified = delivered(body.as_bytes(), body.as_bytes(), id, SECONDS).unwrap();
            verified.into_parts().2
        };
        assert_eq!(key(&one, "msg_1"), key(&one, "msg_1"));
        assert_ne!(key(&one, "msg_1"), key(&other, "msg_1"));
        assert_ne!(key(&one, "msg_1"), key(&one, "msg_2"));
    }

    #[test]
    fn the_signature_comes_before_the_content() {
        let good = body();
        let refused = |body: &str, signed: &str, now: i64| {
            delivered(body.as_bytes(), signed.as_bytes(), "msg_1", now).unwrap_err()
        };
        for (body, signed, now) in [
            ("not JSON", good.as_str(), SECONDS),
            (&good.replace("1234", "9"), &good, SECONDS),
            (&good, &good, SECONDS + 301),
        ] {
            let error = refused(body, signed, now);
            assert!(matches!(error, Rejection::Unauthorized(_)), "{error}");
        }
        for malformed in ["not JSON", "[]", r#"{"code":1,"code":2}"#] {
            let error = refused(malformed, malformed, SECONDS);
            assert!(matches!(error, Rejection::Malformed(_)), "{error}");
        }
    }
}
