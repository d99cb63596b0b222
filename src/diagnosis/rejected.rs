//! Why the service rejected a request for another reason than its signature, in the words of the rejection,
//! so that the diagnosis never contradicts it.

use std::collections::HashMap;

use super::signature::Subject;
use crate::providers::epay;
use crate::providers::relay::{ID_HEADER, OF_OTHER_ACCOUNT, SIGNATURE_HEADER, TIMESTAMP_HEADER};
use crate::providers::wire::text::UNREAD_HEAD;

/// Headers that prove something if given once; `sign` is that of providers.
const PROOFS: [&str; 4] = ["sign", ID_HEADER, TIMESTAMP_HEADER, SIGNATURE_HEADER];

/// The cause as it was logged and stored.
pub(super) fn cause<'a>(subject: &'a Subject<'_>) -> &'a str {
    let why = subject.headers.get("why").map(String::as_str);
    why.unwrap_or("the log has the reason")
}

/// The diagnosis where the signature was never checked.
pub(super) fn unexamined(subject: &Subject<'_>) -> Option<String> {
    let cause = cause(subject);
    match subject.reason {
        "method_not_allowed" => Some(format!(
            "would be checked if it were sent with POST; it was rejected because of its method: {cause}"
        )),
        _ if cause.starts_with(UNREAD_HEAD) => Some(format!("cannot be examined: {cause}")),
        "too_slow" | "too_large" => Some(format!("cannot be examined: {cause}")),
        // EPay's token is not stored, so nothing can be verified again.
        _ if epay::is_served(subject.path) => Some(format!(
            "has no signature to examine; a caller of EPay is known by its token and its address. Rejected: \
             {cause}"
        )),
        _ => None,
    }
}

fn is_by_head(subject: &Subject<'_>) -> bool {
    matches!(subject.reason, "unsupported_media" | "not_found")
}

/// Appends the cause to the sentence, if the request was rejected before its signature was checked.
pub(super) fn with_cause(says: String, subject: &Subject<'_>) -> String {
    if is_by_head(subject) && !says.contains(cause(subject)) {
        return format!(
            "{says}; it was rejected before its signature was checked: {}",
            cause(subject)
        );
    }
    says
}

/// The code and the condition where the signature is right as sent.
pub(super) fn good_as_it_is(subject: &Subject<'_>) -> (&'static str, String) {
    let cause = cause(subject);
    if is_by_head(subject) {
        return (
            "header_refused",
            format!("it came without what it was rejected for: {cause}"),
        );
    }
    if cause == OF_OTHER_ACCOUNT {
        return (
            "message_of_another_account",
            format!(
                "it had a webhook-id of its own: its signature is right, but {cause}, and a message counts once \
                 over all accounts"
            ),
        );
    }
    (
        "none",
        format!(
            "it came now: its signature is right as sent (its key or account may have been configured \
             later); it was rejected because of this: {cause}"
        ),
    )
}

/// Variants in which a header that was given twice is given once: its name, and the headers with each of its
/// values.
pub(super) fn given_once(
    headers: &HashMap<String, String>,
) -> Vec<(&'static str, HashMap<String, String>)> {
    let mut variants = Vec::new();
    // If several are doubled, the same proxy most often doubled all of them.
    let mut all = headers.clone();
    let mut doubled = Vec::new();
    for name in PROOFS {
        let Some(value) = headers.get(name) else {
            continue;
        };
        // Evidence joins the lines of a header with a comma and a space.
        let values: Vec<_> = value.split(", ").collect();
        let [first, .., _] = values.as_slice() else {
            continue;
        };
        all.insert(name.to_owned(), (*first).to_owned());
        doubled.push(name);
        for value in values {
            let mut once = headers.clone();
            once.insert(name.to_owned(), value.to_owned());
            variants.push((name, once));
        }
    }
    if let [first, _, ..] = doubled.as_slice() {
        variants.push((first, all));
    }
    variants
}
