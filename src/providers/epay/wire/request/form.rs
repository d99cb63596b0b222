//! Reading a report sent as a form.
//!
//! `+` and `%XX` are UTF-8 whatever the charset of the request says. Bytes that are not UTF-8
//! become U+FFFD as in the original; the rule for identifiers then rejects them, because two
//! different numbers must not become the same one.

use crate::providers::epay::wire::members::{Given, Member, Members};

/// Collects the members; a name may end in `[]` as in the original, prefixes are other names.
pub(in crate::providers::epay) fn read(body: &[u8]) -> Members {
    let mut members = Members::default();
    for (name, value) in form_urlencoded::parse(body) {
        let name = name.strip_suffix("[]").unwrap_or(&name);
        if let Some(member) = Member::named_in_any_case(name) {
            members.add(member, Given::Text(value.into_owned()));
        }
    }
    members
}
