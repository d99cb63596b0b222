//! Properties that hold for any bytes, one function per parser of foreign input. `fuzz/` passes these
//! functions to a fuzzer; the tests below pass them the seeds and some thousand mutations of each. No product
//! build has this module.

mod claims;
mod epay;
mod headers;
mod values;

#[cfg(test)]
mod smoke;

/// A target: panics if the bytes violate its property.
pub type Target = fn(&[u8]);

/// By the name of the seeds' folder.
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
/// If there is none, or if the bytes violate its property.
pub fn run(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|(known, _)| *known == name);
    let (_, target) = target.expect("a target of the table");
    target(bytes);
}
