//! Free text of a provider, made safe to store and show.

use crate::domain::ids::text::is_deceptive;

/// How the cause of a rejection begins where the head of a request could not be read.
pub const UNREAD_HEAD: &str = "its head could not be read";

/// Most characters of a free text; the stored body holds all of it.
const CHARS_MAX: usize = 256;

/// Cuts a free text and replaces what could not be stored on every engine (NUL) or could fool a
/// reader's screen (control and direction characters).
pub fn printable(text: &str) -> String {
    text.chars()
        .take(CHARS_MAX)
        .map(|c| {
            if is_deceptive(c) {
                char::REPLACEMENT_CHARACTER
            } else {
                c
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deceptive_characters_are_replaced_and_long_texts_cut() {
        assert_eq!(printable("退款失败"), "退款失败");
        assert_eq!(printable("a\0b\u{202e}c\n"), "a\u{fffd}b\u{fffd}c\u{fffd}");
        assert_eq!(printable(&"x".repeat(999)).len(), CHARS_MAX);
    }
}
