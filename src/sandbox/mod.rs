//! Requests as the systems send them, for `trigger` and `demo`: one file a system, all of the same
//! shape. A [`Sender`] knows the keys and turns what shall be told into headers and bytes.

pub mod epay;
pub mod nmanagement;
pub mod paycools;
pub mod payermax;
pub mod quickpay;
pub mod relay;

use crate::domain::claim::Status;
use crate::domain::money::Amount;

/// What a request shall tell about one refund.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// The number under which the refund will be found.
    pub refund_no: &'a str,
    /// The merchant's order number.
    pub order_no: &'a str,
    /// Decimal text, major units.
    pub amount: &'a str,
    /// How it ended; `None` is whatever leaves that open in this system.
    pub status: Option<Status>,
}

/// A request ready to be sent with `POST`.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// Names in lower case; the content type is the first.
    pub headers: Vec<(&'static str, String)>,
    /// The bytes that were signed, or that hold the signature.
    pub body: Vec<u8>,
}

impl Prepared {
    fn json(body: String) -> Self {
        Self {
            headers: vec![("content-type", "application/json".to_owned())],
            body: body.into_bytes(),
        }
    }

    fn with(mut self, name: &'static str, value: String) -> Self {
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

/// A system that is played.
pub trait Sender {
    /// Signs a request; the error says what this system cannot tell.
    fn prepare(&self, told: &Told<'_>) -> anyhow::Result<Prepared>;
}

/// Refuses what the system has no word for.
fn refuse(system: &str, told: &Told<'_>, without_word: &[Status], has: &str) -> anyhow::Result<()> {
    match told.status.filter(|status| without_word.contains(status)) {
        Some(status) => anyhow::bail!(
            "{system} has no word for a refund that is {}; it can tell {has}",
            status.as_str()
        ),
        None => Ok(()),
    }
}

/// Decimal text as a count of the smallest unit, `digits` of which make a decimal.
fn minor_units(amount: &str, digits: u8) -> anyhow::Result<u64> {
    let parsed = Amount::parse(amount).map_err(|why| anyhow::anyhow!("amount {amount} {why}"))?;
    anyhow::ensure!(
        parsed.decimals() <= digits,
        "amount {amount}: this system has {digits} decimals"
    );
    let mut units = parsed.to_text(digits);
    units.retain(|character| character != '.');
    units
        .parse()
        .map_err(|_| anyhow::anyhow!("amount {amount}: too large"))
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
