//! What each provider's `sandbox.rs` says, so that `crate::sandbox` can play the provider: its forms, how a
//! body of each is written and signed, and what the demo shows of it.

use super::Provider;
use super::epay::MediaType;
use crate::crypto::{KeyRing, SigningKey, SuffixSecret};
use crate::domain::claim::Status;
use crate::domain::money::Amount;

/// What a callback shall say about one refund. A form takes what it has a member for.
#[derive(Clone, Copy, Debug)]
pub struct Sample<'a> {
    /// The merchant's refund number; for `EPay` batchno/trandeno.
    pub refund_no: &'a str,
    /// The merchant's order number.
    pub order_no: &'a str,
    /// Decimal text, major units.
    pub amount: &'a str,
    /// ISO 4217.
    pub currency: &'a str,
    /// `None`: a status that no document lists, or a reply that leaves the outcome open.
    pub status: Option<Status>,
    /// PayerMax: the merchant.
    pub merchant_no: &'a str,
    /// PayerMax: the app.
    pub app_id: Option<&'a str>,
    /// `PayCools`: decimals of the account's smallest unit.
    pub minor_digits: u8,
    /// `EPay`: the media type of the body.
    pub media: MediaType,
    /// Relays: the message's id; each is accepted once.
    pub message_id: &'a str,
    /// Relays: the time of signing, in seconds since 1970.
    pub seconds: i64,
}

impl Default for Sample<'_> {
    fn default() -> Self {
        Self {
            refund_no: "",
            order_no: "",
            amount: "100.00",
            currency: "IDR",
            status: Some(Status::Succeeded),
            merchant_no: super::payermax::MERCHANT_NO,
            app_id: None,
            minor_digits: 2,
            media: MediaType::ApplicationJson,
            message_id: "",
            seconds: 0,
        }
    }
}

/// The error says what the form cannot say.
pub type Body = Result<String, String>;

/// How a form is written and signed.
#[derive(Debug)]
pub enum Write {
    /// The private key signs the whole body; the signature goes into a header.
    Header {
        /// Its name, in lower case.
        header: &'static str,
        /// Writes the body.
        body: fn(&Sample<'_>) -> Body,
    },
    /// The body holds its own signature by the private key.
    Inside {
        /// Writes and signs the body.
        body: fn(&Sample<'_>, &SigningKey) -> Body,
        /// An account with nothing but the public key, for `verify`.
        verifier: fn(KeyRing) -> Box<dyn Provider>,
    },
    /// The body holds its own digest with a shared secret.
    Digest {
        /// Writes and signs the body.
        body: fn(&Sample<'_>, &SuffixSecret) -> Body,
        /// An account with nothing but the secret, for `verify`.
        verifier: fn(SuffixSecret) -> Box<dyn Provider>,
    },
    /// A reply that is relayed under a Standard Webhooks signature.
    Relayed(fn(&Sample<'_>) -> Body),
    /// A report under a bearer token.
    Report(fn(&Sample<'_>, &str) -> Result<SignedRequest, String>),
}

/// A request ready to be sent with `POST`.
#[derive(Clone, Debug)]
pub struct SignedRequest {
    /// Names in lower case; the content type is the first.
    pub headers: Vec<(&'static str, String)>,
    /// The bytes that were signed, or that hold the signature.
    pub body: Vec<u8>,
}

impl SignedRequest {
    /// A request with a JSON body.
    pub fn json(body: String) -> Self {
        Self {
            headers: vec![("content-type", "application/json".to_owned())],
            body: body.into_bytes(),
        }
    }

    /// The same with one more header.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The headers as the client takes them.
    pub fn header_pairs(&self) -> Vec<(&str, &str)> {
        self.headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect()
    }
}

/// One form of a system's callbacks.
#[derive(Debug)]
pub struct Form {
    /// Its word in `trigger` and `verify`.
    pub name: &'static str,
    /// What it is, in the help of `trigger`.
    pub help: &'static str,
    /// What proves it, in the help of `verify`; `None`: proven as the form before it.
    pub proof: Option<&'static str>,
    /// How it is written and signed.
    pub write: Write,
    /// Outcomes that it has a word for.
    pub has: &'static [Status],
    /// The exact success body; empty where it differs from answer to answer.
    pub acknowledgement: &'static str,
    /// What the demo sends.
    pub example: Example,
}

/// A refund in the demo.
#[derive(Debug)]
pub struct Example {
    /// The form as the demo's table names it.
    pub system: &'static str,
    /// The refund number; of relays the beginning of several.
    pub refund_no: &'static str,
    /// The merchant's order number.
    pub order_no: &'static str,
    /// Decimal text, major units.
    pub amount: &'static str,
    /// What is stored of a success.
    pub succeeded: &'static str,
    /// What is stored of a failure, where one is sent about a refund of its own.
    pub failed: &'static str,
    /// What a reply that leaves the outcome open is called, and what is stored of it.
    pub open: (&'static str, &'static str),
}

/// How a system is played.
pub struct Sandbox {
    /// The system in sentences.
    pub vendor: &'static str,
    /// Its account in the demo.
    pub account: &'static str,
    /// The members of that account, but for keys and secrets, as lines of TOML.
    pub members: &'static str,
    /// Every form of its callbacks.
    pub forms: &'static [Form],
}

/// Decimal text as a count of the smallest unit, `digits` of which make a decimal.
pub(super) fn minor_units(amount: &str, digits: u8) -> Result<u64, String> {
    let parsed = Amount::parse(amount).map_err(|why| format!("amount {amount} {why}"))?;
    if parsed.decimals() > digits {
        return Err(format!(
            "amount {amount}: this system has {digits} decimals"
        ));
    }
    let mut units = parsed.to_text(digits);
    units.retain(|character| character != '.');
    units
        .parse()
        .map_err(|_| format!("amount {amount}: too large"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_become_smallest_units_without_rounding() {
        for (amount, digits, expected) in [
            ("12.34", 2, Some(1234)),
            ("12.3", 2, Some(1230)),
            ("12", 2, Some(1200)),
            ("0.01", 2, Some(1)),
            ("100", 0, Some(100)),
            ("100.00", 0, Some(100)),
            ("100.50", 0, None),
            ("0.001", 2, None),
            ("-1", 2, None),
            ("ten", 2, None),
        ] {
            assert_eq!(minor_units(amount, digits).ok(), expected, "{amount}");
        }
    }
}
