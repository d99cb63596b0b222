//! HTTP one byte at a time: requests that no client would write, and a socket that shows every answer.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use socket2::SockRef;

use super::keys::provider_key;
use super::now;
use super::payermax::{MAIN, Notice};

/// No connection is watched for longer; the longest limit of the service is 20 s.
const WATCHED_AT_MOST: Duration = Duration::from_secs(60);

/// One connection.
#[derive(Debug)]
pub struct Wire {
    stream: TcpStream,
    received: Vec<u8>,
    opened: Instant,
}

/// The answer on a connection.
#[derive(Debug, PartialEq, Eq)]
pub struct Answers {
    /// Status codes in order, those of 100 to 199 included.
    pub statuses: Vec<u16>,
    /// Whether the other side closed the connection.
    pub closed: bool,
}

impl Wire {
    /// Connects to `http://…` or a bare address.
    pub fn open(address: &str) -> Self {
        let address = address.trim_start_matches("http://");
        let stream = TcpStream::connect(address).expect("the server listens");
        Self::of(stream)
    }

    /// Takes over a connection.
    pub fn of(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("a socket option");
        Self {
            stream,
            received: Vec::new(),
            opened: now(),
        }
    }

    /// Sends bytes as they are; what does not get through shows in the answers.
    pub fn send(&mut self, bytes: &[u8]) -> &mut Self {
        self.stream.write_all(bytes).ok();
        self
    }

    /// Reads until `wanted` final answers are there or the other side closes.
    pub fn answers(&mut self, wanted: usize) -> Answers {
        self.read_while(WATCHED_AT_MOST, |statuses| {
            statuses.iter().filter(|status| **status >= 200).count() < wanted
        })
    }

    /// The same of those that follow the answers so far.
    pub fn next_answers(&mut self, wanted: usize) -> Answers {
        self.received.clear();
        self.answers(wanted)
    }

    /// Reads until the other side closes.
    pub fn all_answers(&mut self) -> Answers {
        self.answers(usize::MAX)
    }

    /// Sends one byte after the other, slowly enough for a limit on the whole, but not for one between two
    /// bytes, until the other side closes; returns the answers and the time that took.
    pub fn dribble(&mut self, bytes: &[u8], pause: Duration) -> (Answers, Duration) {
        for byte in bytes {
            self.send(std::slice::from_ref(byte));
            let so_far = self.read_while(pause, |_| true);
            if so_far.closed {
                break;
            }
        }
        let answers = self.all_answers();
        (answers, self.opened.elapsed())
    }

    /// Closes the sending side alone, as a caller may that has sent everything.
    pub fn end_sending(&self) {
        self.stream.shutdown(Shutdown::Write).expect("it is open");
    }

    /// Ends the connection with a reset.
    pub fn reset(self) {
        let socket = SockRef::from(&self.stream);
        socket
            .set_linger(Some(Duration::ZERO))
            .expect("a socket option");
    }

    /// What was received, as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.received).into_owned()
    }

    /// Reads for at most `time`, and while `more` of the statuses so far is true.
    fn read_while(&mut self, time: Duration, more: impl Fn(&[u16]) -> bool) -> Answers {
        let started = now();
        let mut piece = [0_u8; 16 * 1024];
        loop {
            let statuses = statuses(&self.received);
            let left = time.saturating_sub(started.elapsed());
            if !more(&statuses) || left.is_zero() {
                let closed = false;
                return Answers { statuses, closed };
            }
            self.stream
                .set_read_timeout(Some(left))
                .expect("a socket option");
            match self.stream.read(&mut piece) {
                Ok(length) if length > 0 => self.received.extend_from_slice(&piece[..length]),
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Ok(_) | Err(_) => {
                    let closed = true;
                    return Answers { statuses, closed };
                }
            }
        }
    }
}

/// The statuses of all whole answers.
fn statuses(mut bytes: &[u8]) -> Vec<u16> {
    let mut found = Vec::new();
    while let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
        let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
        let Some(status) = status.filter(|_| head.starts_with("http/1.")) else {
            break;
        };
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length:"))
            .map_or(0, |length| length.trim().parse().expect("a length"));
        let Some(rest) = bytes.get(end + 4 + length..) else {
            break;
        };
        found.push(status);
        bytes = rest;
    }
    found
}

/// `count` connections that are opened and say nothing.
pub fn silent(address: SocketAddr, count: usize) -> Vec<Wire> {
    (0..count)
        .map(|_| Wire::of(TcpStream::connect(address).expect("the server listens")))
        .collect()
}

/// A request that can be bent out of shape.
#[derive(Debug, Clone)]
pub struct Bent {
    line: String,
    headers: String,
    body: Vec<u8>,
    end: &'static str,
}

impl Bent {
    /// A good callback of `refund_no` whose framing is still missing.
    pub fn notice(refund_no: &str) -> Self {
        let body = Notice::new(refund_no, "REFUND_SUCCESS").text();
        let sign = provider_key().sign(body.as_bytes());
        Self {
            line: format!("POST {MAIN} HTTP/1.1"),
            headers: format!("Content-Type: application/json\r\nSign: {sign}\r\n"),
            body: body.into_bytes(),
            end: "\r\n",
        }
    }

    pub fn line(mut self, line: &str) -> Self {
        line.clone_into(&mut self.line);
        self
    }

    /// Adds header lines unchanged, without the last line's end.
    pub fn header(mut self, lines: &str) -> Self {
        self.headers += lines;
        self.headers += "\r\n";
        self
    }

    pub fn host(self) -> Self {
        self.header("Host: refunds")
    }

    /// The true length of the body.
    pub fn length(self) -> Self {
        let length = self.body.len();
        self.header(&format!("Content-Length: {length}"))
    }

    /// The body as one chunk between these texts; `{n}` is its size in hexadecimal.
    pub fn chunk(mut self, before: &str, after: &str) -> Self {
        let before = before.replace("{n}", &format!("{:x}", self.body.len()));
        self.body = [before.as_bytes(), &self.body, after.as_bytes()].concat();
        self
    }

    /// Puts bytes behind the body.
    pub fn then(mut self, more: &[u8]) -> Self {
        self.body.extend_from_slice(more);
        self
    }

    pub fn body(mut self, body: &[u8]) -> Self {
        body.clone_into(&mut self.body);
        self
    }

    /// Ends each line of the head otherwise.
    pub fn line_end(mut self, end: &'static str) -> Self {
        self.end = end;
        self
    }

    pub fn head(&self) -> Vec<u8> {
        let head = format!("{}\r\n{}\r\n", self.line, self.headers);
        head.replace("\r\n", self.end).into_bytes()
    }

    pub fn bytes(&self) -> Vec<u8> {
        [self.head(), self.body.clone()].concat()
    }

    pub fn body_bytes(&self) -> &[u8] {
        &self.body
    }
}
