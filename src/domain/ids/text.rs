//! Characters that are rejected in every identifier and hidden on every screen: one list for all input, so
//! that an order can be registered under exactly the numbers that a report can name.

/// Whether not every engine can store the character (NUL), it deceives a reader (control, direction,
/// invisible), or it replaces undecodable bytes (U+FFFD).
pub fn is_deceptive(c: char) -> bool {
    c.is_control() || is_invisible(c) || matches!(c, '\u{fff9}'..='\u{fffd}')
}

/// Format and direction characters, fillers and variation selectors: they change a comparison, but nothing
/// visible.
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
