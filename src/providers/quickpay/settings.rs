//! The account: the secrets of its relay, and what it sends refunds by.

use secrecy::{ExposeSecret as _, SecretString};

use super::Quickpay;
use super::client::{OPERATOR_CHARS_MAX, QuickpayClient, STORE_CHARS_MAX};
use crate::providers::Adapter;
use crate::providers::accounts::settings::AccountSettings;
use crate::providers::outgoing::Client;
use crate::providers::outgoing::settings::ApiSettings;

/// Where the outcome of a refund is asked for.
const REFUND_QUERY_PATH: &str = "QuickPay/RefundQuery";
/// Headers that are ours, or the connection's.
const RESERVED: [&str; 8] = [
    "accept",
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "host",
    "transfer-encoding",
];

/// Builds an account from its section.
pub(super) fn account(account: &mut AccountSettings<'_>) -> Option<Adapter> {
    account.relayed(Box::new(Quickpay))
}

/// Builds what sends for an account.
pub(super) fn client(api: &mut ApiSettings<'_>) -> Option<Box<dyn Client>> {
    api.take_only(&[
        "store_no",
        "operator",
        "headers",
        "refund_query_path",
        "client_certificate",
        "client_key",
    ]);
    let base_url = api.base_url();
    let path = refund_query_path(api);
    let store_no = text(
        api,
        "store_no",
        api.section.store_no.as_ref(),
        STORE_CHARS_MAX,
    );
    let operator = api.section.operator.as_ref();
    let operator = text(api, "operator", operator, OPERATOR_CHARS_MAX);
    let headers = headers(api);
    Some(Box::new(QuickpayClient {
        base_url: base_url?,
        refund_query_path: path?,
        store_no: store_no?,
        operator: operator?,
        headers: headers?,
    }))
}

fn headers(api: &mut ApiSettings<'_>) -> Option<Vec<(String, SecretString)>> {
    let headers = api.headers()?;
    let is_value = |b: u8| b.is_ascii_graphic() || b == b' ';
    for (name, value) in &headers {
        let member = format!("headers.{name}");
        if RESERVED.contains(&name.as_str()) {
            api.note(&member, "is not for the config to set");
            return None;
        }
        if !value.expose_secret().bytes().all(is_value) {
            api.note(&member, "is no value of a header");
            return None;
        }
    }
    Some(headers)
}

fn refund_query_path(api: &mut ApiSettings<'_>) -> Option<String> {
    let Some(text) = &api.section.refund_query_path else {
        let name = "api.refund_query_path";
        api.context.note_default(name, REFUND_QUERY_PATH.to_owned());
        return Some(REFUND_QUERY_PATH.to_owned());
    };
    let path = text.trim_matches('/');
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"/-_.".contains(&b);
    if path.is_empty() || !path.bytes().all(is_plain) {
        api.note(
            "refund_query_path",
            "must be a path such as SuNingPay/RefundQuery",
        );
        return None;
    }
    Some(path.to_owned())
}

/// The outer `None` is a problem, the inner one an absent member.
#[expect(
    clippy::option_option,
    reason = "absent and wrong are different things here"
)]
fn text(
    api: &mut ApiSettings<'_>,
    name: &str,
    text: Option<&String>,
    chars_max: usize,
) -> Option<Option<String>> {
    let Some(text) = text else {
        return Some(None);
    };
    if !(1..=chars_max).contains(&text.chars().count()) {
        api.note(name, format!("needs 1 to {chars_max} characters"));
        return None;
    }
    Some(Some(text.clone()))
}
