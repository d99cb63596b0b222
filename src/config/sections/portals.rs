//! Pages of the providers' own portals, to which the console links from a refund.

use std::collections::BTreeMap;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::config::Checker;
use crate::domain::claim::RefundNo;
use crate::domain::ids::ExternalId;
use crate::domain::refund::Refund;

/// All but what never has a meaning of its own (RFC 3986 §2.3).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// What a template may name.
const PLACES: [&str; 3] = ["{refund_no}", "{provider_refund_no}", "{order_no}"];

/// The address of a refund's page, with places for its numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Portal {
    /// `provider/account`.
    account: String,
    template: String,
}

impl Portal {
    /// The page of this refund; `None` where it is of another account, or lacks a number that is needed.
    pub fn page_of(&self, refund: &Refund) -> Option<String> {
        if refund.account.to_string() != self.account {
            return None;
        }
        let numbers = [
            refund.refund_no.as_ref().map(RefundNo::as_str),
            refund.provider_refund_no.as_ref().map(ExternalId::as_str),
            refund.order_no.as_ref().map(ExternalId::as_str),
        ];
        let mut page = self.template.clone();
        for (place, number) in PLACES.into_iter().zip(numbers) {
            if page.contains(place) {
                let number = utf8_percent_encode(number?, ENCODED).to_string();
                page = page.replace(place, &number);
            }
        }
        Some(page)
    }
}

impl Checker {
    /// `accounts`: those of the config, as `provider/account`.
    pub(in crate::config) fn portals(
        &mut self,
        section: &BTreeMap<String, String>,
        accounts: &[String],
    ) -> Vec<Portal> {
        let mut portals = Vec::new();
        for (account, template) in section {
            let key = format!("console.portals.{account:?}");
            if !accounts.contains(account) {
                self.note(key, "is no account of this config; write provider/account");
                continue;
            }
            if let Some(what) = flaw(template) {
                self.note(key, what);
                continue;
            }
            portals.push(Portal {
                account: account.clone(),
                template: template.clone(),
            });
        }
        portals
    }
}

/// What is wrong with a template.
fn flaw(template: &str) -> Option<&'static str> {
    let scheme = ["https://", "http://"];
    let is_url = scheme.iter().any(|scheme| template.starts_with(scheme));
    let mut rest = template.to_owned();
    for place in PLACES {
        rest = rest.replace(place, "");
    }
    let has_place = rest.len() < template.len();
    let is_plain = rest
        .bytes()
        .all(|b| b.is_ascii_graphic() && !b"{}<>\"".contains(&b));
    (!is_url || !has_place || !is_plain).then_some(
        "must be the https:// address of a refund in the provider's portal, with {refund_no}, \
         {provider_refund_no} or {order_no} in it",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_an_address_with_a_number_in_it() {
        for good in [
            "https://portal.example/r?no={refund_no}",
            "https://portal.example/{order_no}/{provider_refund_no}",
        ] {
            assert_eq!(flaw(good), None, "{good}");
        }
        for bad in [
            "https://portal.example/",
            "javascript:alert({refund_no})",
            "//portal.example/{refund_no}",
            "https://portal.example/{number}{refund_no}",
            "https://portal.example/ {refund_no}",
        ] {
            assert!(flaw(bad).is_some(), "{bad}");
        }
    }
}
