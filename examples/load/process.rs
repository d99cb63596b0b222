//! Processor time and memory of the server, read from `/proc` (Linux only).

use std::collections::HashSet;
use std::fs;
use std::time::Duration;

use anyhow::Context;

/// Length of one tick of the counters in `/proc/PID/stat`: `USER_HZ` is 100 on every common
/// Linux architecture, independent of the kernel's own tick.
const TICK: Duration = Duration::from_millis(10);

/// A server process and those it had started when the watching began.
pub struct Watched {
    pids: Vec<u32>,
}

/// Sums over all watched processes and all their threads.
pub struct Usage {
    /// User and system time.
    pub cpu: Duration,
    /// Largest resident memory since each process started, in KiB.
    pub resident_kib_max: u64,
}

impl Watched {
    pub fn with_children(root: u32) -> anyhow::Result<Self> {
        let parents = all_parents().context("failed to list /proc")?;
        let mut known = HashSet::from([root]);
        let mut pids = vec![root];
        let mut position = 0;
        while let Some(&parent) = pids.get(position) {
            position += 1;
            let children = parents
                .iter()
                .filter(|(_, of)| *of == parent)
                .map(|(pid, _)| *pid);
            pids.extend(children.filter(|&pid| known.insert(pid)));
        }
        Ok(Self { pids })
    }

    pub fn usage(&self) -> anyhow::Result<Usage> {
        let mut sum = Usage {
            cpu: Duration::ZERO,
            resident_kib_max: 0,
        };
        for &pid in &self.pids {
            let stat = Stat::of(pid).with_context(|| format!("failed to read process {pid}"))?;
            sum.cpu += TICK * stat.ticks;
            sum.resident_kib_max += resident_kib_max(pid)?;
        }
        Ok(sum)
    }
}

impl Usage {
    /// Processor time since `earlier`; the memory peak stays what it is.
    pub fn since(self, earlier: &Self) -> Self {
        Self {
            cpu: self.cpu.saturating_sub(earlier.cpu),
            ..self
        }
    }
}

struct Stat {
    parent: u32,
    /// User and system ticks of all threads, dead ones included.
    ticks: u32,
}

impl Stat {
    fn of(pid: u32) -> anyhow::Result<Self> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        // The program's name, in parentheses, may hold blanks; fields are counted from behind it.
        let (_, fields) = text.rsplit_once(") ").context("stat has no program name")?;
        let fields: Vec<&str> = fields.split(' ').collect();
        let field = |index: usize| -> anyhow::Result<u32> {
            let text = fields.get(index).context("stat is too short")?;
            text.parse().with_context(|| format!("stat holds {text}"))
        };
        Ok(Self {
            parent: field(1)?,
            ticks: field(11)? + field(12)?,
        })
    }
}

/// Every process with its parent. Processes that end while the list is read are left out.
fn all_parents() -> std::io::Result<Vec<(u32, u32)>> {
    let pids = fs::read_dir("/proc")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    Ok(pids
        .filter_map(|pid| Some((pid, Stat::of(pid).ok()?.parent)))
        .collect())
}

fn resident_kib_max(pid: u32) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|rest| rest.trim().strip_suffix(" kB"))
        .and_then(|digits| digits.parse().ok())
        .with_context(|| format!("process {pid} shows no VmHWM"))
}
