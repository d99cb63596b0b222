//! Bytes that came from outside, as text that cannot be taken for a page: what is invisible gets a visible name.

use std::fmt::Write as _;

use crate::domain::ids::text::is_deceptive;

/// Characters of a body that a page shows; the download has all.
const SHOWN_CHARS_MAX: usize = 65_536;
/// Bytes of a body that a page shows in hexadecimal.
const HEX_BYTES_MAX: usize = 4_096;
/// Bytes of a line of them.
const LINE_BYTES: usize = 16;

/// A text to show, and whether it is all.
pub struct Shown {
    pub text: String,
    pub is_cut: bool,
}

/// As text; bytes that are none become U+FFFD.
pub fn text(bytes: &[u8]) -> Shown {
    let decoded = String::from_utf8_lossy(bytes);
    let mut text = String::with_capacity(decoded.len().min(SHOWN_CHARS_MAX));
    let mut characters = decoded.chars();
    for character in characters.by_ref().take(SHOWN_CHARS_MAX) {
        if is_hidden(character) {
            // Writing into a text does not fail.
            let _ = write!(text, "⟨U+{:04X}⟩", u32::from(character));
        } else {
            text.push(character);
        }
    }
    Shown {
        text,
        is_cut: characters.next().is_some(),
    }
}

/// The same of what is a text already, without asking whether it is all.
pub fn shown(outside: &str) -> String {
    text(outside.as_bytes()).text
}

/// Line ends and tabs have their place in a body, and U+FFFD is what undecodable bytes became.
fn is_hidden(character: char) -> bool {
    !matches!(character, '\n' | '\t' | char::REPLACEMENT_CHARACTER) && is_deceptive(character)
}

/// Offset, bytes, and their ASCII characters.
pub fn hex(bytes: &[u8]) -> Shown {
    let mut text = String::new();
    let shown = &bytes[..bytes.len().min(HEX_BYTES_MAX)];
    for (number, line) in shown.chunks(LINE_BYTES).enumerate() {
        let _ = write!(text, "{:06x} ", number * LINE_BYTES);
        for byte in line {
            let _ = write!(text, " {byte:02x}");
        }
        for _ in line.len()..LINE_BYTES {
            text.push_str("   ");
        }
        text.push_str("  ");
        let visible = |byte: &u8| match byte {
            0x20..=0x7e => char::from(*byte),
            _ => '.',
        };
        text.extend(line.iter().map(visible));
        text.push('\n');
    }
    Shown {
        text,
        is_cut: bytes.len() > HEX_BYTES_MAX,
    }
}

/// The pairs of a JSON object of headers, as stored.
pub fn headers(json: Option<&str>) -> Vec<(String, String)> {
    let object: Option<serde_json::Map<String, serde_json::Value>> =
        json.and_then(|json| serde_json::from_str(json).ok());
    let pairs = object.into_iter().flatten();
    pairs
        .map(|(name, value)| {
            let value = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            (shown(&name), shown(&value))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_invisible_gets_a_name() {
        let body = text("a\u{0}b\u{202e}c\nd\u{feff}".as_bytes());
        assert_eq!(body.text, "a⟨U+0000⟩b⟨U+202E⟩c\nd⟨U+FEFF⟩");
        assert_eq!(text(b"\xff<script>").text, "\u{fffd}<script>");
        assert_eq!(shown("a\u{34f}b\u{e0041}"), "a⟨U+034F⟩b⟨U+E0041⟩");
        assert!(text(&vec![b'x'; SHOWN_CHARS_MAX + 1]).is_cut);
    }

    #[test]
    fn hexadecimal_lines_have_one_width() {
        let shown = hex(b"0123456789abcdef\x00z");
        let expected = "000000  30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66  0123456789abcdef\n\
                        000010  00 7a                                            .z\n";
        assert_eq!(shown.text, expected);
    }
}
