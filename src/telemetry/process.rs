//! The process itself, under the names that client libraries of Prometheus use, and the build.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use std::sync::atomic::{AtomicU64, Ordering};

use super::registered;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BuildLabels {
    version: &'static str,
}

/// Read from `/proc/self` at each scrape.
pub struct ProcessMetrics {
    cpu: Counter<f64, AtomicU64>,
    resident: Gauge,
    virtual_memory: Gauge,
    open_files: Gauge,
    files_max: Gauge,
    threads: Gauge,
}

impl ProcessMetrics {
    /// Registers without the prefix of our own metrics, but for the build.
    pub(super) fn register(root: &mut Registry, ours: &str) -> Self {
        let help = "1, with the version that runs";
        let build: Family<BuildLabels, Gauge> =
            registered(root.sub_registry_with_prefix(ours), "build_info", help);
        let version = env!("CARGO_PKG_VERSION");
        build.get_or_create(&BuildLabels { version }).set(1);
        let cpu = registered(root, "process_cpu_seconds", "User and system CPU time");
        let help = "Start time since the epoch";
        let started: Gauge<f64, AtomicU64> = registered(root, "process_start_time_seconds", help);
        if let Some(seconds) = start_time() {
            started.set(seconds);
        }
        let mut gauge = |name: &str, help: &str| registered(root, name, help);
        Self {
            cpu,
            resident: gauge("process_resident_memory_bytes", "Resident memory"),
            virtual_memory: gauge("process_virtual_memory_bytes", "Virtual memory"),
            open_files: gauge("process_open_fds", "Open file descriptors"),
            files_max: gauge("process_max_fds", "Limit of open file descriptors"),
            threads: gauge("process_threads", "Threads"),
        }
    }

    /// Reads them again; what cannot be read keeps its value.
    pub(super) fn refresh(&self) {
        let Ok(process) = procfs::process::Process::myself() else {
            return;
        };
        if let Ok(stat) = process.stat() {
            #[expect(clippy::cast_precision_loss, reason = "seconds for people to look at")]
            let cpu = (stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64;
            self.cpu.inner().store(cpu.to_bits(), Ordering::Relaxed);
            self.threads.set(stat.num_threads);
            self.virtual_memory
                .set(i64::try_from(stat.vsize).unwrap_or(i64::MAX));
            let resident = stat.rss.saturating_mul(procfs::page_size());
            self.resident
                .set(i64::try_from(resident).unwrap_or(i64::MAX));
        }
        if let Ok(files) = process.fd_count() {
            self.open_files
                .set(i64::try_from(files).unwrap_or(i64::MAX));
        }
        if let Ok(limits) = process.limits()
            && let procfs::process::LimitValue::Value(files) = limits.max_open_files.soft_limit
        {
            self.files_max.set(i64::try_from(files).unwrap_or(i64::MAX));
        }
    }
}

/// When the process began, in seconds since the epoch.
#[expect(clippy::cast_precision_loss, reason = "seconds for people to look at")]
fn start_time() -> Option<f64> {
    let stat = procfs::process::Process::myself().ok()?.stat().ok()?;
    let boot = procfs::boot_time_secs().ok()?;
    Some(boot as f64 + stat.starttime as f64 / procfs::ticks_per_second() as f64)
}
