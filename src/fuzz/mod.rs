//! What must hold for any bytes, one function for each thing that reads bytes of others. `fuzz/` hands
//! these functions to a fuzzer, the tests below hand them the seeds and some thousand mutations of
//! each; no build that serves has this module.

mod claims;
mod epay;
mod headers;
mod values;

#[cfg(test)]
mod smoke;

/// A target: panics if the bytes make something untrue.
pub type Target = fn(&[u8]);

/// Every target, by the name of its seeds' folder.
pub const TARGETS: [(&str, Target); 13] = [
    ("payermax", claims::payermax),
    ("paycools", claims::paycools),
    ("quickpay", claims::quickpay),
    ("nmanagement", claims::nmanagement),
    ("epay_json", epay::json),
    ("epay_xml", epay::xml),
    ("epay_form", epay::form),
    ("epay_bson", epay::bson),
    ("negotiation", epay::negotiation),
    ("authorization", headers::authorization),
    ("relay", headers::relay),
    ("keys", values::keys),
    ("values", values::values),
];

/// Runs the target of this name.
///
/// # Panics
/// If there is none, or if the bytes break its promise.
pub fn run(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|(known, _)| *known == name);
    let (_, target) = target.expect("a target of the table");
    target(bytes);
}
