//! A span of time as it is written in the config: `60s`, `15m`, `2h`, `90d`.

use std::time::Duration;

use super::Checker;

/// Longest span that makes sense anywhere here: a hundred years.
const DAYS_MAX: u64 = 36_500;

/// Reads a whole number and a unit.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let (number, seconds) = match text.as_bytes().last()? {
        b's' => (&text[..text.len() - 1], 1),
        b'm' => (&text[..text.len() - 1], 60),
        b'h' => (&text[..text.len() - 1], 60 * 60),
        b'd' => (&text[..text.len() - 1], 24 * 60 * 60),
        _ => return None,
    };
    let is_plain = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    let number: u64 = number.parse().ok().filter(|_| is_plain)?;
    let seconds = number.checked_mul(seconds)?;
    (seconds <= DAYS_MAX * 24 * 60 * 60).then(|| Duration::from_secs(seconds))
}

impl Checker {
    /// The span of a key, or its default; a problem where it is none.
    pub(super) fn span(&mut self, key: &str, given: Option<&String>, default: &str) -> Duration {
        let text = given.map_or(default, String::as_str);
        if given.is_none() {
            self.note_default(key, default);
        }
        parse(text).unwrap_or_else(|| {
            self.note(
                key,
                format!("{text:?} is no time such as 60s, 15m, 2h or 90d"),
            );
            Duration::ZERO
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_a_whole_number_and_a_unit() {
        for (text, seconds) in [
            ("0s", 0),
            ("60s", 60),
            ("15m", 900),
            ("2h", 7_200),
            ("90d", 7_776_000),
        ] {
            assert_eq!(parse(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        for bad in [
            "",
            "s",
            "60",
            "-1s",
            "+1s",
            "1.5s",
            "1 s",
            "1w",
            "é",
            "99999999999999999999s",
            "36501d",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
