//! Signed callbacks, made before the clock starts and saved in a file between runs.
//!
//! One RSA-2048 signature costs about a millisecond, some twenty times what a server pays to
//! check it: signing while measuring would measure the signer. The file holds one callback a
//! line, `signature TAB body`, without address or headers, so one set serves every server.

#![expect(
    clippy::disallowed_methods,
    reason = "a new run needs numbers that no earlier run used"
)]

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::ValueEnum;

use crate::target::Target;

/// The merchant application of every callback; servers that check it are told this one.
const APP_ID: &str = "3b242b56a8b64274bcc37dac281120e3";

/// How often the signing tells how far it is.
const PROGRESS_EVERY: Duration = Duration::from_secs(2);

/// A callback's body and the Base64 signature over exactly these bytes.
pub struct Signed {
    sign: String,
    body: String,
}

/// Complete requests, one after the other in one piece of memory.
pub struct RequestSet {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl RequestSet {
    pub fn of_one(request: &[u8]) -> Self {
        Self {
            bytes: request.to_vec(),
            ends: vec![request.len()],
        }
    }

    pub fn of_notifications(target: &Target, signed: &[Signed]) -> Self {
        let mut set = Self {
            bytes: Vec::new(),
            ends: Vec::with_capacity(signed.len()),
        };
        for notification in signed {
            set.bytes
                .extend_from_slice(&target.post(&notification.sign, &notification.body));
            set.ends.push(set.bytes.len());
        }
        set
    }

    /// The same callbacks, each with the signature of its neighbour.
    pub fn of_bad_signatures(target: &Target, signed: &[Signed]) -> Self {
        let others = signed.iter().cycle().skip(1);
        let swapped: Vec<_> = signed
            .iter()
            .zip(others)
            .map(|(own, other)| Signed {
                sign: other.sign.clone(),
                body: own.body.clone(),
            })
            .collect();
        Self::of_notifications(target, &swapped)
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// The bytes of request number `index`, `None` past the end.
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        let end = *self.ends.get(index)?;
        let start = index
            .checked_sub(1)
            .map_or(0, |previous| self.ends[previous]);
        Some(&self.bytes[start..end])
    }
}

/// Makes and signs `count` distinct callbacks on all cores; reports progress on stderr.
pub fn sign_all(
    key: &Path,
    (merchant_no, numbers): (&str, Numbers),
    count: usize,
) -> anyhow::Result<Vec<Signed>> {
    let key = read_key(key).with_context(|| format!("failed to read {}", key.display()))?;
    let run = Run::new(merchant_no, numbers);
    let threads = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let done = AtomicUsize::new(0);
    thread::scope(|scope| {
        let (key, run, done) = (&key, &run, &done);
        let share = count.div_ceil(threads);
        let workers: Vec<_> = (0..threads)
            .map(|worker| {
                let numbers = (worker * share)..((worker + 1) * share).min(count);
                scope.spawn(move || {
                    numbers
                        .map(|number| {
                            let signed = sign(key, run.body(number));
                            done.fetch_add(1, Ordering::Relaxed);
                            signed
                        })
                        .collect::<anyhow::Result<Vec<_>>>()
                })
            })
            .collect();
        let mut waited = Duration::ZERO;
        while !workers.iter().all(thread::ScopedJoinHandle::is_finished) {
            thread::sleep(Duration::from_millis(50));
            waited += Duration::from_millis(50);
            if waited >= PROGRESS_EVERY {
                waited = Duration::ZERO;
                let done = done.load(Ordering::Relaxed);
                writeln!(std::io::stderr(), "signed {done} of {count}")?;
            }
        }
        let mut all = Vec::with_capacity(count);
        for worker in workers {
            all.extend(
                worker
                    .join()
                    .map_err(|_| anyhow!("a signing thread panicked"))??,
            );
        }
        Ok(all)
    })
}

/// Writes a set for later runs. An interrupted write never gets the final name.
pub fn save(file: &Path, signed: &[Signed]) -> anyhow::Result<()> {
    let unfinished = file.with_extension("unfinished");
    let write = || -> std::io::Result<()> {
        let mut lines = BufWriter::new(File::create(&unfinished)?);
        for Signed { sign, body } in signed {
            writeln!(lines, "{sign}\t{body}")?;
        }
        lines.into_inner()?.sync_all()?;
        std::fs::rename(&unfinished, file)
    };
    write().with_context(|| format!("failed to write {}", file.display()))
}

/// Reads the first `count` callbacks of a saved set.
pub fn load(file: &Path, count: usize) -> anyhow::Result<Vec<Signed>> {
    let lines = File::open(file).with_context(|| format!("failed to open {}", file.display()))?;
    let mut signed = Vec::with_capacity(count);
    for line in BufReader::new(lines).lines().take(count) {
        let line = line.with_context(|| format!("failed to read {}", file.display()))?;
        let (sign, body) = line
            .split_once('\t')
            .with_context(|| format!("{} is not a set of signed requests", file.display()))?;
        signed.push(Signed {
            sign: sign.to_owned(),
            body: body.to_owned(),
        });
    }
    if signed.len() < count {
        bail!(
            "{} holds {} requests, {count} are wanted",
            file.display(),
            signed.len()
        );
    }
    Ok(signed)
}

fn sign(key: &RsaKeyPair, body: String) -> anyhow::Result<Signed> {
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(
        &RSA_PKCS1_SHA256,
        &SystemRandom::new(),
        body.as_bytes(),
        &mut signature,
    )
    .map_err(|_| anyhow!("failed to sign"))?;
    Ok(Signed {
        sign: STANDARD.encode(signature),
        body,
    })
}

/// Accepts PKCS#8 and PKCS#1, with or without PEM lines around the Base64.
fn read_key(file: &Path) -> anyhow::Result<RsaKeyPair> {
    let text = std::fs::read_to_string(file)?;
    let base64: String = text
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .map(str::trim)
        .collect();
    let der = STANDARD.decode(base64).context("not PEM and not Base64")?;
    RsaKeyPair::from_pkcs8(&der)
        .or_else(|_| RsaKeyPair::from_der(&der))
        .map_err(|error| anyhow!("not an RSA private key: {error}"))
}

/// Shared by all callbacks of one preparation.
struct Run<'a> {
    merchant_no: &'a str,
    /// Seconds since 1970 in hexadecimal: sets the refund numbers of two preparations apart.
    id: String,
    notified_at: String,
    finished_at: String,
    numbers: Numbers,
}

/// Which numbers callbacks have.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum Numbers {
    /// Each follows the one before, as counters do.
    #[default]
    Sequence,
    /// In no order, as UUIDs are.
    Random,
}

impl<'a> Run<'a> {
    fn new(merchant_no: &'a str, numbers: Numbers) -> Self {
        let now = jiff::Timestamp::now();
        Self {
            merchant_no,
            numbers,
            id: format!("{:x}", now.as_second()),
            notified_at: now.strftime("%Y-%m-%dT%H:%M:%S%.3f+00:00").to_string(),
            finished_at: now.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
        }
    }

    /// A successful refund of an amount that differs from one to the next, about 430 bytes.
    fn body(&self, number: usize) -> String {
        let Self {
            merchant_no,
            notified_at,
            finished_at,
            ..
        } = self;
        let (refund, trade, order) = (
            self.number('R', number),
            self.number('T', number),
            self.number('P', number),
        );
        let (units, cents) = (1 + number % 9_000, number % 100);
        format!(
            concat!(
                r#"{{"code":"APPLY_SUCCESS","msg":"Success.","keyVersion":"1","#,
                r#""appId":"{app_id}","merchantNo":"{merchant_no}","notifyTime":"{notified_at}","#,
                r#""notifyType":"REFUND","data":{{"outRefundNo":"{refund}","#,
                r#""refundTradeNo":"{trade}","outTradeNo":"{order}","#,
                r#""refundAmount":{units}.{cents:02},"refundCurrency":"USD","#,
                r#""status":"REFUND_SUCCESS","refundFinishTime":"{finished_at}"}}}}"#,
            ),
            app_id = APP_ID,
            merchant_no = merchant_no,
            notified_at = notified_at,
            refund = refund,
            trade = trade,
            order = order,
            units = units,
            cents = cents,
            finished_at = finished_at,
        )
    }

    /// The refund's number, the provider's or the order's: `R`, `T`, `P`.
    fn number(&self, of: char, number: usize) -> String {
        let id = &self.id;
        match self.numbers {
            Numbers::Sequence => format!("{of}{id}{number:08}"),
            Numbers::Random => {
                let digest = digest(&SHA256, format!("{of}{id}{number}").as_bytes());
                let mut bytes = [0; 16];
                bytes.copy_from_slice(&digest.as_ref()[..16]);
                uuid::Builder::from_random_bytes(bytes)
                    .into_uuid()
                    .to_string()
            }
        }
    }
}
