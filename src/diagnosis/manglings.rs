//! Known manglings of a signature, or of the signed bytes, on the way from a signer to us, each undone.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use encoding_rs::{Encoding, GBK};

use super::rewrite;
use crate::crypto::from_hex;

/// Hexadecimal digits of the shortest signature, an HMAC-SHA256.
const HEX_DIGITS_MIN: usize = 64;

/// One mangling undone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Undone {
    /// A stable code.
    pub name: &'static str,
    /// Completes "would verify if".
    pub condition: String,
    /// The signature or message before the mangling.
    pub bytes: Vec<u8>,
}

/// All candidates for the text of a signature.
pub(super) fn of_signature(text: &str) -> Vec<Undone> {
    let undo: [(&'static str, &'static str, Option<String>); 7] = [
        (
            "form_decoded_plus",
            "each space in the signature were a + (reading a form turns + into a space)",
            Some(text.replace(' ', "+")),
        ),
        (
            "percent_encoded_signature",
            "the signature were not percent-encoded",
            percent_decoded(text),
        ),
        (
            "base64_padding",
            "the signature had the = at its end that Base64 asks for",
            Some(padded(text.trim_end_matches('='))),
        ),
        (
            "url_safe_base64",
            "the signature were written in the standard Base64 alphabet (+ and /), not in the one of URLs",
            Some(padded(&text.replace('-', "+").replace('_', "/"))),
        ),
        (
            "white_space_in_signature",
            "there were no white space in the signature",
            Some(text.chars().filter(|c| !c.is_whitespace()).collect()),
        ),
        (
            "hexadecimal_signature",
            "the signature were written in Base64, not in hexadecimal digits",
            from_hex(text)
                .filter(|_| text.len() >= HEX_DIGITS_MIN)
                .map(|bytes| STANDARD.encode(bytes)),
        ),
        (
            "signature_encoded_twice",
            "the signature were encoded in Base64 once, not twice",
            STANDARD
                .decode(text)
                .ok()
                .and_then(|inner| String::from_utf8(inner).ok()),
        ),
    ];
    undo.into_iter()
        .filter_map(|(name, condition, undone)| {
            let bytes = undone.filter(|undone| undone != text)?.into_bytes();
            Some(Undone {
                name,
                condition: condition.to_owned(),
                bytes,
            })
        })
        .collect()
}

/// All candidates for the signed bytes.
pub(super) fn of_message(bytes: &[u8]) -> Vec<Undone> {
    let mut found = Vec::new();
    let mut add = |name, condition: String, undone: Option<Vec<u8>>| {
        if let Some(bytes) = undone.filter(|undone| undone != bytes) {
            found.push(Undone {
                name,
                condition,
                bytes,
            });
        }
    };
    for (end, word) in [
        ("\n", "a line break"),
        ("\r\n", "a carriage return and line break"),
    ] {
        let longer = [bytes, end.as_bytes()].concat();
        let condition = format!("the body ended with {word}, which was cut off");
        add("line_break_removed", condition, Some(longer));
    }
    let shorter = bytes.trim_ascii_end().to_vec();
    let condition = "there were no line break or white space behind the body".to_owned();
    add("line_break_added", condition, Some(shorter));
    let condition = "there were no white space around the body".to_owned();
    add(
        "white_space_added",
        condition,
        Some(bytes.trim_ascii().to_vec()),
    );
    let bom = "\u{feff}".as_bytes();
    let condition = "there were no byte order mark before the body".to_owned();
    add(
        "byte_order_mark_added",
        condition,
        bytes.strip_prefix(bom).map(<[u8]>::to_vec),
    );
    let condition = "there were a byte order mark before the body, which was cut off".to_owned();
    add(
        "byte_order_mark_removed",
        condition,
        Some([bom, bytes].concat()),
    );
    for (name, condition, undone) in of_charset(bytes) {
        add(name, condition.to_owned(), undone);
    }
    let text = std::str::from_utf8(bytes).ok();
    let condition = "each line break of the body were a line feed alone".to_owned();
    add(
        "line_breaks_changed",
        condition,
        text.map(|text| text.replace("\r\n", "\n").into_bytes()),
    );
    let condition = "the body were not percent-encoded".to_owned();
    add(
        "percent_encoded_body",
        condition,
        text.and_then(percent_decoded).map(String::into_bytes),
    );
    let condition = "quotes in the body were not escaped by a backslash".to_owned();
    add("escaped_quotes", condition, text.and_then(unquoted));
    let condition =
        "its quotes had not been escaped by a backslash when the body was signed".to_owned();
    add("signed_escaped", condition, text.and_then(quoted));
    for (name, condition, undone) in text.into_iter().flat_map(of_html) {
        add(name, condition.to_owned(), Some(undone));
    }
    for (words, undone) in rewrite::ways(bytes) {
        let condition = format!("the JSON were written {words}: it was read and written again");
        add("json_rewritten", condition, Some(undone));
    }
    found
}

type OfCharset = (&'static str, &'static str, Option<Vec<u8>>);

fn of_charset(bytes: &[u8]) -> [OfCharset; 5] {
    let text = std::str::from_utf8(bytes).ok();
    [
        (
            "sent_in_gbk",
            "the body were sent in UTF-8, not in GBK",
            text.is_none().then(|| decoded(GBK, bytes)).flatten(),
        ),
        (
            "signed_in_gbk",
            "the body were sent in GBK, as it was signed",
            text.and_then(|text| encoded(GBK, text)),
        ),
        (
            "encoded_twice",
            "the body were encoded in UTF-8 once, not twice",
            text.and_then(one_byte_each),
        ),
        (
            "sent_in_latin_1",
            "the body were sent in UTF-8, not in Latin-1",
            text.is_none()
                .then(|| {
                    bytes
                        .iter()
                        .map(|byte| char::from(*byte))
                        .collect::<String>()
                })
                .map(String::into_bytes),
        ),
        (
            "sent_in_utf_16",
            "the body were sent in UTF-8, not in UTF-16",
            [encoding_rs::UTF_16LE, encoding_rs::UTF_16BE]
                .into_iter()
                .filter(|_| bytes.contains(&0))
                .find_map(|charset| decoded(charset, bytes).filter(|text| !text.contains(&0))),
        ),
    ]
}

fn decoded(charset: &'static Encoding, bytes: &[u8]) -> Option<Vec<u8>> {
    let (text, had_errors) = charset.decode_with_bom_removal(bytes);
    (!had_errors).then(|| text.into_owned().into_bytes())
}

fn encoded(charset: &'static Encoding, text: &str) -> Option<Vec<u8>> {
    let (bytes, _, had_errors) = charset.encode(text);
    (!had_errors).then(|| bytes.into_owned())
}

/// Each character as the byte of its code point: undoes decoding as Latin-1.
fn one_byte_each(text: &str) -> Option<Vec<u8>> {
    text.chars()
        .map(|c| u8::try_from(u32::from(c)).ok())
        .collect()
}

/// A JSON text that is quoted, or whose quotes are escaped.
fn unquoted(text: &str) -> Option<Vec<u8>> {
    let quoted = if text.starts_with('"') {
        text.to_owned()
    } else {
        format!("\"{text}\"")
    };
    serde_json::from_str::<String>(&quoted)
        .ok()
        .map(String::into_bytes)
}

/// The text as it is escaped inside a JSON string.
fn quoted(text: &str) -> Option<Vec<u8>> {
    let quoted = serde_json::to_string(text).ok()?;
    Some(quoted.trim_matches('"').as_bytes().to_vec())
}

/// HTML escapes; `&` comes last, because each escape begins with it.
const HTML_ESCAPES: [(&str, &[&str]); 5] = [
    ("<", &["&lt;", "&#60;", "&#x3c;"]),
    (">", &["&gt;", "&#62;", "&#x3e;"]),
    ("\"", &["&quot;", "&#34;", "&#x22;"]),
    ("'", &["&#39;", "&#x27;", "&apos;"]),
    ("&", &["&amp;", "&#38;", "&#x26;"]),
];

/// Escapes for HTML, made on the way or before the text was signed.
fn of_html(text: &str) -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let on_the_way = html_unescaped(text).map(|undone| {
        let condition =
            "it had not been escaped for HTML on its way (& as &amp;, quotes as &quot;)";
        ("html_escaped", condition, undone)
    });
    let before = html_escaped(text).into_iter().map(|undone| {
        let condition = "it had not been escaped for HTML (& as &amp;) before it was signed";
        ("signed_html_escaped", condition, undone)
    });
    on_the_way.into_iter().chain(before).collect()
}

fn html_unescaped(text: &str) -> Option<Vec<u8>> {
    let mut undone = text.to_owned();
    for (plain, escapes) in HTML_ESCAPES {
        for escape in escapes {
            undone = undone.replace(escape, plain);
        }
    }
    (undone != text).then(|| undone.into_bytes())
}

/// The text as libraries escape it: `&` alone, with angle brackets, with quotes, with apostrophes.
fn html_escaped(text: &str) -> Vec<Vec<u8>> {
    let [lt, gt, quote, apostrophe, amp] = HTML_ESCAPES;
    let mut found = Vec::new();
    for group in [
        &[][..],
        &[lt, gt],
        &[lt, gt, quote],
        &[lt, gt, quote, apostrophe],
    ] {
        let mut escaped = text.replace(amp.0, amp.1[0]);
        for (plain, escapes) in group {
            escaped = escaped.replace(plain, escapes[0]);
        }
        found.push(escaped.into_bytes());
    }
    found
}

fn percent_decoded(text: &str) -> Option<String> {
    if !text.contains('%') {
        return None;
    }
    // A + is literal here: Base64 is full of them.
    let text = text.replace('+', "%2B");
    let pairs = format!("x={}", text.replace('&', "%26"));
    let (_, value) = form_urlencoded::parse(pairs.as_bytes()).next()?;
    Some(value.into_owned())
}

fn padded(text: &str) -> String {
    let missing = (4 - text.len() % 4) % 4;
    format!("{text}{}", "=".repeat(missing))
}
