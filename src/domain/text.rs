//! Characters that no identifier of ours holds and no screen of ours shows: one list for everything
//! that comes from outside, so that an order can be registered under exactly the numbers that a
//! report can name.

/// Whether a character could not be stored on every engine (NUL), fools whoever reads it (control,
/// direction, invisible), or stands for bytes that could not be read (U+FFFD).
pub fn is_deceptive(c: char) -> bool {
    c.is_control() || is_invisible(c) || matches!(c, '\u{fff9}'..='\u{fffd}')
}

/// Format and direction characters, fillers and variation selectors: they change what is compared and nothing
/// that is seen.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{600}'..='\u{605}'
            | '\u{61c}'
            | '\u{6dd}'
            | '\u{70f}'
            | '\u{890}'..='\u{891}'
            | '\u{8e2}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{110bd}'
            | '\u{110cd}'
            | '\u{13430}'..='\u{1343f}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}
