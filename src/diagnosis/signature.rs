//! The signature diagnosis: verifies a rejected request again with each known mangling undone, by the same
//! code that rejected it. Says "would verify if …", or that no known mangling explains it.

use std::collections::HashMap;

use serde::Serialize;

use super::manglings;
use super::manglings::Undone;
use super::{paths, rejected, relay as relay_mistakes};
use crate::domain::ids::external_id::{CHARS_MAX_UNDOCUMENTED, ExternalId};
use crate::providers::relay::{RelayAccount, SIGNATURE_HEADER, TIMESTAMP_HEADER};
use crate::providers::{Provider, Registry, Rejection, Request, Signed};

/// A rejected request, as it was stored.
#[derive(Clone, Debug)]
pub struct Subject<'a> {
    pub path: &'a str,
    /// The code of the rejection.
    pub reason: &'a str,
    /// Names in lower case.
    pub headers: HashMap<String, String>,
    /// As far as it was stored.
    pub body: &'a [u8],
    /// Bytes of the whole body.
    pub body_length: usize,
    pub received_at: jiff::Timestamp,
}

/// What would have to differ for the request to verify.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// A stable code.
    pub mangling: &'static str,
    /// Completes "would verify if".
    pub would_verify_if: String,
    /// The account whose key would verify it.
    pub account: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnosis {
    /// One sentence.
    pub says: String,
    /// The most likely first.
    pub findings: Vec<Finding>,
}

/// Replaces the part of a path that may be secret, as in evidence.
const HIDDEN: &str = "…";
const UNEXPLAINED: &str = "none of the known manglings explains it";

/// Examines a rejected request with the keys that are configured now.
pub fn diagnose(registry: &Registry, subject: &Subject<'_>) -> Diagnosis {
    if let Some(says) = rejected::unexamined(subject) {
        return not_examined(says);
    }
    if subject.body.len() < subject.body_length {
        let (kept, all) = (subject.body.len(), subject.body_length);
        return not_examined(format!(
            "cannot be examined: only {kept} of {all} bytes of the body were stored"
        ));
    }
    let mut parts = subject.path.trim_start_matches('/').split('/');
    let parts = (parts.next(), parts.next(), parts.next(), parts.next());
    let was_served = subject.reason != "not_found";
    let mut findings = match parts {
        _ if !was_served => Vec::new(),
        (Some("callbacks"), Some(provider), Some(account), None | Some(HIDDEN)) => {
            callback(registry, subject, provider, account)
        }
        (Some("relays"), Some(provider), Some(account), Some(refund_no)) => {
            match ExternalId::from_path_part(refund_no, CHARS_MAX_UNDOCUMENTED) {
                Ok(refund_no) => relay(registry, subject, (provider, account), &refund_no),
                Err(error) => {
                    return not_examined(format!("the refund number in the path {error}"));
                }
            }
        }
        _ => Vec::new(),
    };
    if !(was_served && is_served(registry, parts))
        && let Some(meant) = paths::meant(registry, subject.path)
    {
        findings.push(Finding {
            mangling: "other_path",
            would_verify_if: format!("it were sent to {meant} and proved itself there"),
            account: String::new(),
        });
    }
    let explained = |found: &Finding| format!("would verify if {}", found.would_verify_if);
    let says = findings.first().map_or(UNEXPLAINED.to_owned(), explained);
    let says = rejected::with_cause(says, subject);
    Diagnosis { says, findings }
}

fn is_served(
    registry: &Registry,
    parts: (Option<&str>, Option<&str>, Option<&str>, Option<&str>),
) -> bool {
    match parts {
        (Some("callbacks"), Some(provider), Some(account), None | Some(HIDDEN)) => {
            registry.find(provider, account).is_some()
        }
        (Some("relays"), Some(provider), Some(account), Some(_)) => {
            registry.find_relay(provider, account).is_some()
        }
        _ => false,
    }
}

fn not_examined(says: String) -> Diagnosis {
    Diagnosis {
        says,
        findings: Vec::new(),
    }
}

/// One variant of the request.
struct Attempt<'a> {
    headers: &'a HashMap<String, String>,
    body: &'a [u8],
    now: jiff::Timestamp,
}

impl Attempt<'_> {
    fn with<T>(&self, ask: impl FnOnce(&Request<'_>) -> T) -> T {
        ask(&Request {
            header: &|name| self.headers.get(name).map(String::as_str),
            body: self.body,
            now: self.now,
        })
    }
}

fn callback(
    registry: &Registry,
    subject: &Subject<'_>,
    provider: &str,
    account: &str,
) -> Vec<Finding> {
    let as_it_is = Attempt {
        headers: &subject.headers,
        body: subject.body,
        now: subject.received_at,
    };
    let mut findings = Vec::new();
    if let Some(adapter) = registry.find(provider, account) {
        let name = format!("{provider}/{account}");
        findings.extend(of_account(adapter, subject, &as_it_is, &name));
    }
    for (other, adapter) in registry.callbacks() {
        if (other.provider.as_str(), other.name.as_str()) == (provider, account) {
            continue;
        }
        let name = other.to_string();
        let condition = if as_it_is.with(|request| adapter.verify(request)).is_ok() {
            format!("it were sent to /callbacks/{name}")
        } else {
            let parts = as_it_is.with(|request| adapter.signed(request));
            let Some(signer) = parts.and_then(|signed| adapter.signer(&signed)) else {
                continue;
            };
            let key_id = signer.key_id;
            format!(
                "it were signed with a key of this account; it is signed with {key_id:?} of {name}"
            )
        };
        findings.push(Finding {
            mangling: "other_account",
            would_verify_if: condition,
            account: name,
        });
    }
    findings
}

/// What explains the rejection with the account's own keys.
fn of_account(
    adapter: &dyn Provider,
    subject: &Subject<'_>,
    as_it_is: &Attempt<'_>,
    account: &str,
) -> Vec<Finding> {
    let found = |mangling, would_verify_if| {
        vec![Finding {
            mangling,
            would_verify_if,
            account: account.to_owned(),
        }]
    };
    if let Some(condition) = given_once(as_it_is, |attempt| {
        attempt.with(|request| adapter.verify(request)).is_ok()
    }) {
        return found("header_given_twice", condition);
    }
    let refusal = match as_it_is.with(|request| adapter.verify(request).map(drop)) {
        Ok(()) => {
            let (mangling, condition) = rejected::good_as_it_is(subject);
            return found(mangling, condition);
        }
        Err(refusal) => refusal,
    };
    let signed = as_it_is.with(|request| adapter.signed(request));
    if let Some(signed) = &signed
        && let Some(signer) = adapter.signer(signed)
    {
        let (key_id, now) = (&signer.key_id, subject.received_at);
        let is_early = signer.not_before.filter(|start| now < *start);
        let is_late = signer.not_after.filter(|end| *end < now);
        return match (is_early, is_late, refusal) {
            (Some(start), _, _) => found(
                "key_not_valid_yet",
                format!("key {key_id:?} counted at {now}; it counts from {start} on"),
            ),
            (None, Some(end), _) => found(
                "key_no_longer_valid",
                format!("key {key_id:?} counted at {now}; it counted until {end}"),
            ),
            (None, None, Rejection::Unauthorized(why)) => found(
                "other_audience",
                format!("it were meant for this account: its signature is right, but it is {why}"),
            ),
            (None, None, Rejection::Malformed(why)) => found(
                "other_shape",
                format!(
                    "it had the shape that is documented; its signature is right, but it is {why}"
                ),
            ),
        };
    }
    let of_parts = signed
        .iter()
        .flat_map(|signed| undone(adapter, signed, subject.body));
    let of_bodies = manglings::of_message(subject.body)
        .into_iter()
        .filter(|undone| {
            let attempt = Attempt {
                body: &undone.bytes,
                ..*as_it_is
            };
            attempt.with(|request| adapter.verify(request)).is_ok()
        });
    let mut findings: Vec<Finding> = Vec::new();
    for Undone {
        name, condition, ..
    } in of_parts.chain(of_bodies)
    {
        if findings.iter().all(|known| known.mangling != name) {
            findings.extend(found(name, condition));
        }
    }
    findings
}

/// The condition under which a request with a doubled header would verify.
fn given_once(as_it_is: &Attempt<'_>, takes: impl Fn(&Attempt<'_>) -> bool) -> Option<String> {
    let variants = rejected::given_once(as_it_is.headers);
    let (name, _) = variants.into_iter().find(|(_, headers)| {
        takes(&Attempt {
            headers,
            ..*as_it_is
        })
    })?;
    Some(format!(
        "the {name} header were given once; it is given twice"
    ))
}

/// Manglings of the signature and of the signed bytes that an account's key confirms.
fn undone(adapter: &dyn Provider, signed: &Signed, body: &[u8]) -> Vec<Undone> {
    let of_signature = manglings::of_signature(&signed.signature).into_iter();
    let of_signature = of_signature.filter(|undone| {
        String::from_utf8(undone.bytes.clone()).is_ok_and(|signature| {
            let message = signed.message.clone();
            adapter.signer(&Signed { message, signature }).is_some()
        })
    });
    let is_part = signed.message != body;
    let of_message = manglings::of_message(&signed.message).into_iter();
    let of_message = of_message
        .filter(|undone| {
            let (message, signature) = (undone.bytes.clone(), signed.signature.clone());
            adapter.signer(&Signed { message, signature }).is_some()
        })
        .map(|undone| Undone {
            // Only a part of the body is signed, and the mangling is in that part.
            condition: if is_part {
                undone.condition.replace("the body", "the signed part")
            } else {
                undone.condition
            },
            ..undone
        });
    of_signature.chain(of_message).collect()
}

fn relay(
    registry: &Registry,
    subject: &Subject<'_>,
    (provider, account): (&str, &str),
    refund_no: &ExternalId,
) -> Vec<Finding> {
    let signed_at = subject
        .headers
        .get(TIMESTAMP_HEADER)
        .and_then(|seconds| jiff::Timestamp::from_second(seconds.parse().ok()?).ok());
    let at = |now| Attempt {
        headers: &subject.headers,
        body: subject.body,
        now,
    };
    let on_time = at(signed_at.unwrap_or(subject.received_at));
    let takes = |relay: &RelayAccount, attempt: &Attempt<'_>| {
        attempt
            .with(|request| relay.verify(refund_no, request))
            .is_ok()
    };
    let mut findings: Vec<Finding> = Vec::new();
    if let Some(relay) = registry.find_relay(provider, account) {
        let name = format!("{provider}/{account}");
        let mut add = |mangling, would_verify_if| {
            findings.push(Finding {
                mangling,
                would_verify_if,
                account: name.clone(),
            });
        };
        if let Some(condition) = given_once(&on_time, |attempt| takes(relay, attempt)) {
            add("header_given_twice", condition);
        } else if takes(relay, &at(subject.received_at)) {
            let (mangling, condition) = rejected::good_as_it_is(subject);
            add(mangling, condition);
        } else if takes(relay, &on_time) {
            let condition = "it had come within five minutes of its webhook-timestamp; a clock is wrong, \
                             or it was sent late or again";
            add("late", condition.to_owned());
        } else {
            let made_wrongly =
                on_time.with(|request| relay_mistakes::mistakes(relay.secrets(), request));
            let mangled = of_relay(&on_time, |attempt| takes(relay, attempt));
            for undone in made_wrongly.into_iter().chain(mangled) {
                add(undone.name, undone.condition);
            }
        }
    }
    for (other, relay) in registry.relays() {
        let is_own = (other.provider.as_str(), other.name.as_str()) == (provider, account);
        if !is_own && takes(relay, &on_time) {
            let name = other.to_string();
            findings.push(Finding {
                mangling: "other_account",
                would_verify_if: format!(
                    "it were sent to /relays/{name}/{}",
                    refund_no.to_path_part()
                ),
                account: name,
            });
        }
    }
    findings
}

/// Manglings of a relayed message that its secrets confirm.
fn of_relay(as_it_is: &Attempt<'_>, takes: impl Fn(&Attempt<'_>) -> bool) -> Vec<Undone> {
    let signature = as_it_is.headers.get(SIGNATURE_HEADER);
    let signature = signature.map(String::as_str).unwrap_or_default();
    let bare = signature.strip_prefix("v1,").unwrap_or(signature);
    let without_version = Undone {
        name: "version_missing",
        condition: "v1, came before the signature".to_owned(),
        bytes: bare.as_bytes().to_vec(),
    };
    let of_signature = manglings::of_signature(bare).into_iter();
    let of_signature = std::iter::once(without_version).chain(of_signature);
    let of_signature = of_signature.filter(|undone| {
        let text = String::from_utf8_lossy(&undone.bytes);
        let mut headers = as_it_is.headers.clone();
        headers.insert(SIGNATURE_HEADER.to_owned(), format!("v1,{text}"));
        takes(&Attempt {
            headers: &headers,
            ..*as_it_is
        })
    });
    let of_body = manglings::of_message(as_it_is.body).into_iter();
    let of_body = of_body.filter(|undone| {
        takes(&Attempt {
            body: &undone.bytes,
            ..*as_it_is
        })
    });
    let mut found: Vec<Undone> = Vec::new();
    for undone in of_signature.chain(of_body) {
        if found.iter().all(|known| known.name != undone.name) {
            found.push(undone);
        }
    }
    found
}
