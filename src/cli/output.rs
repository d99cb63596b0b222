//! What commands print. A reader that goes away (`| head`) is no error.

use std::io::Write;
use std::process::ExitCode;

use clap::ValueEnum;

/// How data is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// For programs.
    Json,
}

impl Format {
    /// The format asked for, where `--json` stands for one of them.
    pub fn or_json(self, is_json: bool) -> Self {
        if is_json { Self::Json } else { self }
    }
}

/// A line on stdout.
pub fn line(text: impl AsRef<str>) {
    let mut out = std::io::stdout().lock();
    drop(writeln!(out, "{}", text.as_ref()));
    drop(out.flush());
}

/// A line on stderr.
pub fn error(text: impl AsRef<str>) {
    drop(writeln!(std::io::stderr().lock(), "{}", text.as_ref()));
}

/// Says what is wrong and gives the exit code.
pub fn fail(code: u8, text: impl AsRef<str>) -> ExitCode {
    error(format!("error: {}", text.as_ref()));
    ExitCode::from(code)
}

/// Prints rows under a heading, each column as wide as its widest cell.
pub fn table(heading: &[&str], rows: &[Vec<String>]) {
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .chain([heading[column].chars().count()])
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<_> = (0..heading.len()).map(width).collect();
    let print = |cells: Vec<&str>| {
        let padded: Vec<_> = cells
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        line(padded.join("  ").trim_end());
    };
    print(heading.to_vec());
    print(
        vec![&"-".repeat(200); heading.len()]
            .iter()
            .zip(&widths)
            .map(|(dashes, width)| &dashes[..(*width).min(200)])
            .collect(),
    );
    for row in rows {
        print(row.iter().map(String::as_str).collect());
    }
}
