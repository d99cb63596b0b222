//! Texts as a schema describes them. A pattern is read as ECMA-262 reads it with the flag `u`.

use utoipa::openapi::schema::{Object as Schema, ObjectBuilder, Type};

use crate::domain::trail::REASON_CHARS_MAX;

/// What `domain::text::is_deceptive` names, as members of a class of characters. Surrogates are not among them: JSON
/// without a flaw has none, and engines that read text by characters take no pattern that names them.
const DECEPTIVE: &str = concat!(
    r"\u0000-\u001f\u007f-\u009f\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890-\u0891\u08e2\u115f-\u1160",
    r"\u17b4-\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f",
    r"\ufeff\uffa0\ufff9-\uffff",
    // Escapes of these are written in two ways; the characters themselves in one.
    "\u{110bd}\u{110cd}\u{13430}-\u{1343f}\u{1bca0}-\u{1bca3}\u{1d173}-\u{1d17a}\u{e0000}-\u{e0fff}",
);

/// Printable and not blank, with none of `without`.
pub fn visible(chars_max: usize, without: &str) -> Schema {
    let blank = r"\s\u2028\u2029";
    let any = format!("[^{DECEPTIVE}{without}]*");
    ObjectBuilder::new()
        .schema_type(Type::String)
        .max_length(Some(chars_max))
        .pattern(Some(format!("^{any}[^{DECEPTIVE}{without}{blank}]{any}$")))
        .build()
}

/// What `domain::trail::flaw_of_reason` accepts.
pub fn reason() -> Schema {
    visible(REASON_CHARS_MAX, "")
}
