//! The closed loop: each connection sends a request, reads the whole answer, sends the next; as soon as
//! it can, or when the next of a given rate is due.
//!
//! One thread and no HTTP library: the load program takes its share of the cores away from the
//! server, so it does no more than one write, one read and a look at status line and length.

#![expect(
    clippy::disallowed_methods,
    reason = "measuring time is what this is for"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep_until, timeout};

use crate::prepare::RequestSet;

/// A server silent for this long after the end of a stage is taken for hung.
const ANSWER_WAIT: Duration = Duration::from_secs(30);

/// Largest answer that is read; a page of a thousand events fits.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Connections for the unmeasured round before a run of duplicates.
const FIRST_ROUND_CONNECTIONS: u16 = 16;

/// What is sent to whom, shared by all stages so that no request is sent twice by accident.
pub struct Job {
    shared: Arc<Shared>,
}

struct Shared {
    authority: String,
    set: RequestSet,
    /// Whether to begin again at the end of the set.
    repeats: bool,
    expected_body: Option<&'static [u8]>,
    next: AtomicUsize,
}

/// One measurement: so many connections for so long.
#[derive(Clone, Copy)]
pub struct Stage {
    pub connections: u16,
    pub length: Duration,
    /// Requests a second of all connections together, evenly spread; as many as they can where `None`.
    pub rate: Option<u32>,
}

/// What the connections of one stage saw.
#[derive(Default)]
pub struct Measured {
    /// From the first request to the last answer.
    pub elapsed: Duration,
    /// One entry per answered request, in no order.
    pub latencies: Vec<Duration>,
    /// Answers outside 200–299, and requests whose connection broke before the answer.
    pub refused: usize,
    /// Answers of success with another body than the acknowledgement.
    pub wrong_body: usize,
    /// Whether the stage ended because all requests were sent.
    pub ran_out: bool,
}

impl Job {
    pub fn new(
        authority: String,
        set: RequestSet,
        repeats: bool,
        expected_body: Option<&'static [u8]>,
    ) -> Self {
        let next = AtomicUsize::new(0);
        Self {
            shared: Arc::new(Shared {
                authority,
                set,
                repeats,
                expected_body,
                next,
            }),
        }
    }
}

impl Shared {
    fn take(&self) -> Option<&[u8]> {
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        self.set.get(if self.repeats {
            index % self.set.len()
        } else {
            index
        })
    }
}

/// Sends every request of the set once, outside any measurement.
pub async fn send_each_once(job: &Job) -> anyhow::Result<()> {
    let mut senders = JoinSet::new();
    for _ in 0..FIRST_ROUND_CONNECTIONS {
        let shared = Arc::clone(&job.shared);
        let mut connection = Connection::open(&shared.authority).await?;
        senders.spawn(async move {
            loop {
                let index = shared.next.fetch_add(1, Ordering::Relaxed);
                let Some(request) = shared.set.get(index) else {
                    return Ok(());
                };
                let answer = connection.exchange(request).await?;
                if !answer.is_success() {
                    bail!("the first round of the set was answered {}", answer.status);
                }
            }
        });
    }
    while let Some(sender) = senders.join_next().await {
        sender??;
    }
    job.shared.next.store(0, Ordering::Relaxed);
    Ok(())
}

/// Runs one stage. The clock starts when all connections are open.
pub async fn run(job: &Job, stage: Stage) -> anyhow::Result<Measured> {
    if !job.shared.repeats && job.shared.next.load(Ordering::Relaxed) >= job.shared.set.len() {
        bail!("all prepared requests were sent by earlier stages: prepare more");
    }
    let mut connections = Vec::with_capacity(usize::from(stage.connections));
    for _ in 0..stage.connections {
        connections.push(Connection::open(&job.shared.authority).await?);
    }
    let started = Instant::now();
    let deadline = started + stage.length;
    let pace = stage.rate.map(|rate| Arc::new(Pace::new(started, rate)));
    let mut senders = JoinSet::new();
    for connection in connections {
        let (shared, pace) = (Arc::clone(&job.shared), pace.clone());
        senders.spawn(keep_sending(shared, connection, pace, deadline));
    }
    let mut total = Measured::default();
    let all_done = async {
        while let Some(sender) = senders.join_next().await {
            let part = sender??;
            total.latencies.extend(part.latencies);
            total.refused += part.refused;
            total.wrong_body += part.wrong_body;
            total.ran_out |= part.ran_out;
        }
        anyhow::Ok(())
    };
    timeout(stage.length + ANSWER_WAIT, all_done)
        .await
        .with_context(|| format!("no answer {ANSWER_WAIT:?} after the end of the stage"))??;
    total.elapsed = started.elapsed();
    Ok(total)
}

/// When each request of a given rate is due.
struct Pace {
    started: Instant,
    rate: u32,
    next: AtomicU32,
}

impl Pace {
    fn new(started: Instant, rate: u32) -> Self {
        Self {
            started,
            rate,
            next: AtomicU32::new(0),
        }
    }

    fn next_due(&self) -> Instant {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.started + Duration::from_secs(1) * number / self.rate
    }
}

async fn keep_sending(
    shared: Arc<Shared>,
    mut connection: Connection,
    pace: Option<Arc<Pace>>,
    deadline: Instant,
) -> anyhow::Result<Measured> {
    let mut seen = Measured::default();
    let mut sent_at = Instant::now();
    loop {
        if let Some(pace) = &pace {
            // One that is sent late is counted from when it was due: the server caused the wait.
            sent_at = pace.next_due();
            sleep_until(sent_at.into()).await;
        }
        if sent_at >= deadline {
            break;
        }
        let Some(request) = shared.take() else {
            seen.ran_out = true;
            break;
        };
        let exchanged = connection.exchange(request).await;
        let now = Instant::now();
        match exchanged {
            Ok(answer) => {
                seen.latencies.push(now - sent_at);
                if !answer.is_success() {
                    seen.refused += 1;
                } else if shared.expected_body.is_some_and(|body| body != answer.body) {
                    seen.wrong_body += 1;
                }
            }
            Err(_broken) => {
                seen.refused += 1;
                connection = Connection::open(&shared.authority).await?;
            }
        }
        sent_at = now;
    }
    Ok(seen)
}

pub struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

pub struct Answer<'a> {
    status: u16,
    body: &'a [u8],
}

impl Answer<'_> {
    fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// Where the body of an answer lies, known once its head is complete.
struct Head {
    status: u16,
    body_start: usize,
    body_length: usize,
}

impl Connection {
    pub async fn open(authority: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(authority)
            .await
            .with_context(|| format!("failed to connect to {authority}"))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            received: Vec::with_capacity(16 * 1024),
        })
    }

    pub async fn send(&mut self, request: &[u8]) -> anyhow::Result<()> {
        Ok(self.stream.write_all(request).await?)
    }

    pub async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<Answer<'_>> {
        self.send(request).await?;
        self.received.clear();
        let head = loop {
            if let Some(head) = parse_head(&self.received)? {
                break head;
            }
            self.receive().await?;
        };
        let end = head.body_start + head.body_length;
        while self.received.len() < end {
            self.receive().await?;
        }
        if self.received.len() > end {
            bail!("more bytes than the answer announced");
        }
        Ok(Answer {
            status: head.status,
            body: &self.received[head.body_start..end],
        })
    }

    async fn receive(&mut self) -> anyhow::Result<()> {
        if self.received.len() > ANSWER_BYTES_MAX {
            bail!("answer larger than {ANSWER_BYTES_MAX} bytes");
        }
        if self.stream.read_buf(&mut self.received).await? == 0 {
            bail!("connection closed before the end of the answer");
        }
        Ok(())
    }
}

/// Reads status and Content-Length; `None` while the head is not complete.
fn parse_head(received: &[u8]) -> anyhow::Result<Option<Head>> {
    const END: &[u8] = b"\r\n\r\n";
    let Some(end) = received.windows(END.len()).position(|window| window == END) else {
        return Ok(None);
    };
    let text = std::str::from_utf8(&received[..end]).context("answer head is not text")?;
    let mut lines = text.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.strip_prefix("HTTP/1.1 "))
        .and_then(|rest| rest.get(..3))
        .and_then(|digits| digits.parse().ok())
        .context("answer has no HTTP/1.1 status line")?;
    let body_length = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok())
        .context("answer has no Content-Length")?;
    Ok(Some(Head {
        status,
        body_start: end + END.len(),
        body_length,
    }))
}
