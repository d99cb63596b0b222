//! Characters that no identifier of ours holds and no screen of ours shows: one list for everything
//! that comes from outside, so that an order can be registered under exactly the numbers that a
//! report can name.

/// Whether a character could not be stored on every engine (NUL), fools whoever reads it (control,
/// direction, invisible), or stands for bytes that could not be read (U+FFFD).
pub fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffd}'
        )
}
