//! Why the service itself refused a request: what its signature has no part in, said in the service's own
//! words, so that the diagnosis never contradicts them.

use std::collections::HashMap;

use super::signature::Subject;
use crate::providers::epay;
use crate::providers::relay::{ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER};

/// Headers that prove something where they stand once; `sign` is that of providers.
const PROOFS: [&str; 4] = ["sign", ID_HEADER, TIMESTAMP_HEADER, SIGNATURE_HEADER];

/// The cause as it was logged and kept.
pub(super) fn cause<'a>(subject: &'a Subject<'_>) -> &'a str {
    let why = subject.headers.get("why").map(String::as_str);
    why.unwrap_or("of what the log says")
}

/// What there is to say where a signature was never looked at.
pub(super) fn unexamined(subject: &Subject<'_>) -> Option<String> {
    let cause = cause(subject);
    match subject.reason {
        "method_not_allowed" => Some(format!(
            "would be looked at if it were sent with POST; it was refused because of its method: {cause}"
        )),
        "too_slow" | "too_large" => Some(format!("cannot be examined: {cause}")),
        // A caller of EPay sends a token that is not kept, so the service's own words are all there is.
        _ if epay::is_served(subject.path) => Some(format!(
            "has no signature to examine; a caller of EPay is known by its token and its address. Refused \
             because {cause}"
        )),
        _ => None,
    }
}

/// Whether a header, the query or the path was the reason.
fn is_by_head(subject: &Subject<'_>) -> bool {
    matches!(subject.reason, "unsupported_media" | "not_found")
}

/// The same sentence with the service's own cause behind it, where that came before any signature.
pub(super) fn with_cause(says: String, subject: &Subject<'_>) -> String {
    if is_by_head(subject) && !says.contains(cause(subject)) {
        return format!(
            "{says}; it was refused before its signature was looked at: {}",
            cause(subject)
        );
    }
    says
}

/// What holds where the signature is right now: a word and what completes "would verify if".
pub(super) fn good_as_it_is(subject: &Subject<'_>) -> (&'static str, String) {
    let cause = cause(subject);
    if is_by_head(subject) {
        return (
            "header_refused",
            format!("it came without what it was refused for: {cause}"),
        );
    }
    (
        "none",
        format!(
            "it came now: its signature is right as it stands (its key or account may have been configured \
             later); it was refused because of this: {cause}"
        ),
    )
}

/// The headers as they would be if one that was given twice stood there once: its name, and each of its
/// values in turn.
pub(super) fn given_once(
    headers: &HashMap<String, String>,
) -> Vec<(&'static str, HashMap<String, String>)> {
    let mut variants = Vec::new();
    // All that are doubled are most often doubled by the same hand.
    let mut all = headers.clone();
    let mut doubled = Vec::new();
    for name in PROOFS {
        let Some(value) = headers.get(name) else {
            continue;
        };
        // Evidence holds the lines of a header with a comma and a space between.
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
