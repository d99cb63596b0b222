//! The cost of one durable write on a disk: the lower bound for every acknowledged callback.
//!
//! A receiver that answers only after the commit can never be faster at one connection than one
//! append and one fdatasync; figures are judged against this one of the same disk and minute.

#![expect(
    clippy::disallowed_methods,
    reason = "measuring time is what this is for"
)]

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};

const BLOCK: [u8; 4096] = [0x5a; 4096];

/// Min number of writes, for a meaningful median.
const WRITES_MIN: usize = 50;

/// Durations of single append-and-sync rounds, in ascending order.
pub struct Probe {
    pub sorted: Vec<Duration>,
}

/// Appends blocks to a fresh file in `dir` for `length`, and removes it again.
pub fn probe(dir: &Path, length: Duration) -> io::Result<Probe> {
    let path = dir.join(format!("fdatasync-probe-{}", std::process::id()));
    let file = OpenOptions::new()
        .append(true)
        .create_new(true)
        .open(&path)?;
    let measured = append(file, length);
    std::fs::remove_file(&path)?;
    let mut sorted = measured?;
    sorted.sort_unstable();
    Ok(Probe { sorted })
}

fn append(mut file: File, length: Duration) -> io::Result<Vec<Duration>> {
    let started = Instant::now();
    let mut durations = Vec::new();
    while durations.len() < WRITES_MIN || started.elapsed() < length {
        let before = Instant::now();
        file.write_all(&BLOCK)?;
        file.sync_data()?;
        durations.push(before.elapsed());
    }
    Ok(durations)
}
