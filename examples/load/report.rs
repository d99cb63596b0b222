//! The figures of a run, as a table for people or JSON for programs.

use std::io::{self, Write};
use std::time::Duration;

use clap::ValueEnum;
use serde_json::{Value, json};

use crate::client::Measured;
use crate::disk::Probe;
use crate::process::Usage;

#[derive(Clone, Copy, ValueEnum)]
pub enum Output {
    Table,
    Json,
}

/// All stages of one run against one target.
pub struct Report {
    target: String,
    stages: Vec<Line>,
}

/// One stage; durations in microseconds.
struct Line {
    connections: u16,
    /// Bad requests sent at the same time.
    flood: Option<usize>,
    requests: usize,
    seconds: f64,
    requests_per_second: f64,
    p50_us: f64,
    p99_us: f64,
    max_us: f64,
    not_2xx: usize,
    wrong_body: usize,
    ran_out: bool,
    server: Option<Server>,
}

/// The server's side of a stage.
struct Server {
    cpu_us_per_request: f64,
    resident_kib_max: u64,
}

impl Report {
    pub fn new(target: String) -> Self {
        Self {
            target,
            stages: Vec::new(),
        }
    }

    pub fn add(
        &mut self,
        connections: u16,
        flood: Option<usize>,
        mut measured: Measured,
        usage: Option<Usage>,
    ) {
        measured.latencies.sort_unstable();
        let requests = measured.latencies.len();
        let seconds = measured.elapsed.as_secs_f64();
        let server = usage.map(|usage| Server {
            cpu_us_per_request: microseconds(usage.cpu) / count(requests.max(1)),
            resident_kib_max: usage.resident_kib_max,
        });
        self.stages.push(Line {
            connections,
            flood,
            requests,
            seconds,
            requests_per_second: count(requests) / seconds,
            p50_us: quantile_us(&measured.latencies, 50),
            p99_us: quantile_us(&measured.latencies, 99),
            max_us: quantile_us(&measured.latencies, 100),
            not_2xx: measured.refused,
            wrong_body: measured.wrong_body,
            ran_out: measured.ran_out,
            server,
        });
    }

    /// Whether every request was answered with success and the right bytes.
    pub fn is_clean(&self) -> bool {
        self.stages
            .iter()
            .all(|line| line.not_2xx == 0 && line.wrong_body == 0)
    }

    pub fn print(&self, output: Output) -> io::Result<()> {
        let mut out = io::stdout().lock();
        match output {
            Output::Json => {
                let stages: Vec<Value> = self.stages.iter().map(Line::to_json).collect();
                writeln!(
                    out,
                    "{:#}",
                    json!({ "target": self.target, "stages": stages })
                )
            }
            Output::Table => self.print_table(&mut out),
        }
    }

    fn print_table(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "{}", self.target)?;
        writeln!(
            out,
            "{:>11} {:>9} {:>9} {:>9} {:>9} {:>9} {:>8} {:>9} {:>12} {:>12}",
            "connections",
            "requests",
            "req/s",
            "p50 ms",
            "p99 ms",
            "max ms",
            "non-2xx",
            "wrong ack",
            "cpu us/req",
            "rss max MiB",
        )?;
        for line in &self.stages {
            let (cpu, resident) = line.server.as_ref().map_or_else(
                || ("-".to_owned(), "-".to_owned()),
                |server| {
                    let resident = server.resident_kib_max / 1024;
                    (
                        format!("{:.1}", server.cpu_us_per_request),
                        resident.to_string(),
                    )
                },
            );
            writeln!(
                out,
                "{:>11} {:>9} {:>9.0} {:>9.3} {:>9.3} {:>9.3} {:>8} {:>9} {cpu:>12} {resident:>12}",
                line.connections,
                line.requests,
                line.requests_per_second,
                line.p50_us / 1e3,
                line.p99_us / 1e3,
                line.max_us / 1e3,
                line.not_2xx,
                line.wrong_body,
            )?;
        }
        for line in &self.stages {
            if let Some(bad) = line.flood {
                writeln!(
                    out,
                    "at {} connections the second line is next to a flood of {:.0} bad requests a second",
                    line.connections,
                    count(bad) / line.seconds,
                )?;
            }
        }
        for line in self.stages.iter().filter(|line| line.ran_out) {
            writeln!(
                out,
                "at {} connections the prepared requests ran out after {:.1} s",
                line.connections, line.seconds,
            )?;
        }
        Ok(())
    }
}

impl Line {
    fn to_json(&self) -> Value {
        json!({
            "connections": self.connections,
            "flood_requests": self.flood,
            "requests": self.requests,
            "seconds": self.seconds,
            "requests_per_second": self.requests_per_second,
            "p50_us": self.p50_us,
            "p99_us": self.p99_us,
            "max_us": self.max_us,
            "not_2xx": self.not_2xx,
            "wrong_body": self.wrong_body,
            "ran_out": self.ran_out,
            "server_cpu_us_per_request": self.server.as_ref().map(|s| s.cpu_us_per_request),
            "server_resident_kib_max": self.server.as_ref().map(|s| s.resident_kib_max),
        })
    }
}

/// Prints the disk's cost of one append and fdatasync.
pub fn print_disk(probe: &Probe, output: Output) -> io::Result<()> {
    let (p50, p99) = (
        quantile_us(&probe.sorted, 50),
        quantile_us(&probe.sorted, 99),
    );
    let writes = probe.sorted.len();
    let mut out = io::stdout().lock();
    match output {
        Output::Json => {
            writeln!(
                out,
                "{:#}",
                json!({ "writes": writes, "p50_us": p50, "p99_us": p99 })
            )
        }
        Output::Table => {
            let (p50, p99) = (p50 / 1e3, p99 / 1e3);
            writeln!(
                out,
                "append 4 KiB + fdatasync: p50 {p50:.3} ms, p99 {p99:.3} ms, {writes} writes"
            )
        }
    }
}

/// The smallest entry that `percent` of all entries do not exceed; 0 when there are none.
fn quantile_us(sorted: &[Duration], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted
        .get(rank.saturating_sub(1))
        .copied()
        .map_or(0.0, microseconds)
}

/// Whole microseconds; finer digits would be noise.
fn microseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round()
}

/// Counts in a run stay far below 2^32; a larger one is shown as the largest.
fn count(requests: usize) -> f64 {
    f64::from(u32::try_from(requests).unwrap_or(u32::MAX))
}
