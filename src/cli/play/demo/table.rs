//! What was seen next to what was expected.

use serde_json::json;

use crate::cli::output;
use crate::cli::output::Format;

/// Most characters of an answer in the table; the comparison looks at all of them.
const ANSWER_CHARS_MAX: usize = 48;

/// The answer to one request, and what is stored afterwards, each in a few words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Status and body.
    pub answer: String,
    /// The refund as readers see it, or `nothing`.
    pub stored: String,
}

impl Seen {
    pub fn new(answer: impl Into<String>, stored: impl Into<String>) -> Self {
        Self {
            answer: answer.into(),
            stored: stored.into(),
        }
    }
}

/// One thing that was tried.
pub struct Row {
    pub system: &'static str,
    pub what: &'static str,
    pub seen: Seen,
    pub expected: Seen,
}

impl Row {
    fn is_expected(&self) -> bool {
        self.seen == self.expected
    }

    /// What was expected, where it was not seen.
    fn verdict(&self) -> String {
        if self.is_expected() {
            "ok".to_owned()
        } else {
            let Seen { answer, stored } = &self.expected;
            format!("UNEXPECTED; expected: {answer}; {stored}")
        }
    }
}

/// Prints the table; `true` if everything was expected.
pub fn print(rows: &[Row], format: Format) -> bool {
    let unexpected = rows.iter().filter(|row| !row.is_expected()).count();
    match format {
        Format::Json => print_json(rows, unexpected == 0),
        Format::Table => print_table(rows, unexpected),
    }
    unexpected == 0
}

fn print_json(rows: &[Row], all_expected: bool) {
    let rows: Vec<_> = rows
        .iter()
        .map(|row| {
            json!({
                "system": row.system,
                "what": row.what,
                "answer": row.seen.answer,
                "stored": row.seen.stored,
                "expected_answer": row.expected.answer,
                "expected_stored": row.expected.stored,
                "expected": row.is_expected(),
            })
        })
        .collect();
    output::line(json!({"rows": rows, "all_expected": all_expected}).to_string());
}

fn print_table(rows: &[Row], unexpected: usize) {
    let cells: Vec<_> = rows
        .iter()
        .map(|row| {
            vec![
                row.system.to_owned(),
                row.what.to_owned(),
                row.seen.answer.chars().take(ANSWER_CHARS_MAX).collect(),
                row.seen.stored.clone(),
                row.verdict(),
            ]
        })
        .collect();
    output::line("");
    output::table(
        &["system", "what", "answer", "what is stored now", ""],
        &cells,
    );
    output::line("");
    output::line(match unexpected {
        0 => format!("all {} outcomes were as expected", rows.len()),
        n => format!("{n} of {} outcomes were NOT as expected", rows.len()),
    });
}
