//! The sandbox's state on disk: one JSON object a line, appended before the reply. A process that is killed
//! loses nothing that was written; the last line may be incomplete and is left out.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::{Payment, Refund};
use crate::domain::money::Amount;

const FILE: &str = "sandbox.ndjson";

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Record {
    Payment(Box<Payment>),
    /// The whole refund; the last one counts.
    Refund {
        key: String,
        refund: Box<Refund>,
    },
    Balance {
        provider: String,
        amount: Amount,
    },
    Clock {
        now: i64,
    },
}

/// Where changes go; by default nowhere.
#[derive(Debug, Default)]
pub struct Log {
    file: Option<File>,
}

impl Log {
    /// Reads what the folder holds, and rewrites it without what was overtaken.
    pub fn open(folder: &Path) -> anyhow::Result<(Self, Vec<Record>)> {
        let path = folder.join(FILE);
        let show = || format!("{}", path.display());
        let text = match std::fs::read(&path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error).with_context(show),
        };
        let mut last = BTreeMap::new();
        let lines: Vec<_> = text.lines().collect();
        for (index, line) in lines.iter().enumerate() {
            match serde_json::from_str::<Record>(line) {
                Ok(record) => drop(last.insert(identity(&record), (index, record))),
                Err(_) if index + 1 == lines.len() => {}
                Err(error) => anyhow::bail!("{}: line {}: {error}", path.display(), index + 1),
            }
        }
        let mut records: Vec<_> = last.into_values().collect();
        records.sort_by_key(|(index, _)| *index);
        let records: Vec<_> = records.into_iter().map(|(_, record)| record).collect();
        let fresh = folder.join(format!("{FILE}.new"));
        let mut all = String::new();
        for record in &records {
            all.push_str(&serde_json::to_string(record)?);
            all.push('\n');
        }
        std::fs::write(&fresh, all).with_context(show)?;
        std::fs::rename(&fresh, &path).with_context(show)?;
        let file = OpenOptions::new().append(true).create(true).open(&path);
        let file = Some(file.with_context(show)?);
        Ok((Self { file }, records))
    }

    /// Appends in one write.
    pub fn write(&mut self, record: &Record) -> Result<(), String> {
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        let mut line = serde_json::to_string(record).map_err(|error| error.to_string())?;
        line.push('\n');
        let written = file.write_all(line.as_bytes());
        written.map_err(|error| format!("the sandbox cannot write its state: {error}"))
    }
}

fn identity(record: &Record) -> (u8, String, String) {
    match record {
        Record::Payment(payment) => (0, payment.provider.clone(), payment.payment.clone()),
        Record::Refund { key, refund } => (1, refund.provider.clone(), key.clone()),
        Record::Balance { provider, .. } => (2, provider.clone(), String::new()),
        Record::Clock { .. } => (3, String::new(), String::new()),
    }
}
