//! What commands print. A reader that goes away (`| head`) is no error; an output that cannot be written is.

use std::io::{ErrorKind, Write};
use std::process::ExitCode;
use std::sync::OnceLock;

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
    /// The format asked for, where `--json` means one of them.
    pub fn or_json(self, is_json: bool) -> Self {
        if is_json { Self::Json } else { self }
    }
}

/// Why the first line that was lost could not be written.
static LOST: OnceLock<String> = OnceLock::new();

/// A line on stdout. What cannot be written makes the command fail in the end, see [`finish`].
pub fn line(text: impl AsRef<str>) {
    if let Err(error) = write(text.as_ref()) {
        note(&error);
    }
}

/// A line on stdout of a service, which goes on serving where it cannot be written.
pub fn announce(text: impl AsRef<str>) {
    if let Err(error) = write(text.as_ref()) {
        tracing::warn!(%error, "what is announced cannot be written to stdout");
    }
}

fn write(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}

/// Remembers that something could not be written.
pub fn note(error: &std::io::Error) {
    if error.kind() != ErrorKind::BrokenPipe {
        LOST.get_or_init(|| error.to_string());
    }
}

/// The exit code of a command that ends with this one: 1 where a part of its output is lost, be it the only
/// copy of a token or of a proof.
pub fn finish(code: ExitCode) -> ExitCode {
    match LOST.get() {
        None => code,
        Some(why) => fail(1, format!("the output could not be written: {why}")),
    }
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
