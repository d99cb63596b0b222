//! A reader's own small HTTP server, to which events are pushed. It answers as its test says, and records
//! every request.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use serde_json::Value;

use super::now;

/// One received event.
#[derive(Debug, Clone)]
pub struct Pushed {
    pub path: String,
    headers: Vec<(String, String)>,
    pub body: String,
    pub at: Instant,
}

impl Pushed {
    /// A header by its lower-case name; empty when it is absent.
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(have, _)| have == name);
        found.map_or("", |(_, value)| value)
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("an event is JSON")
    }

    pub fn sequence(&self) -> i64 {
        self.json()["sequence"].as_i64().expect("a number")
    }

    pub fn refund_no(&self) -> String {
        super::reader::text(&self.json()["data"]["refund_no"])
    }
}

/// What is answered.
#[derive(Debug, Clone)]
pub enum Answer {
    /// This status and these further header lines, each with its end.
    Status(u16, String),
    /// Nothing, and the connection stays open.
    Silence,
}

impl Answer {
    pub fn status(status: u16) -> Self {
        Self::Status(status, String::new())
    }
}

type Rule = Box<dyn FnMut(&Pushed) -> Answer + Send>;

/// A listening receiver.
pub struct Receiver {
    address: SocketAddr,
    pushed: Arc<Mutex<Vec<Pushed>>>,
    rule: Arc<Mutex<Rule>>,
    connections: Arc<Mutex<Vec<TcpStream>>>,
    ended: Arc<AtomicBool>,
}

impl Receiver {
    /// Answers each event as `rule` says.
    pub fn start(rule: impl FnMut(&Pushed) -> Answer + Send + 'static) -> Self {
        Self::with(rule, |stream| stream)
    }

    /// The same, with something between it and the connection.
    pub fn with<S: Read + Write>(
        rule: impl FnMut(&Pushed) -> Answer + Send + 'static,
        wrap: impl Fn(TcpStream) -> S + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let receiver = Self {
            address: listener.local_addr().expect("it is bound"),
            pushed: Arc::default(),
            rule: Arc::new(Mutex::new(Box::new(rule))),
            connections: Arc::default(),
            ended: Arc::default(),
        };
        let (pushed, rule) = (Arc::clone(&receiver.pushed), Arc::clone(&receiver.rule));
        let connections = Arc::clone(&receiver.connections);
        let (ended, wrap) = (Arc::clone(&receiver.ended), Arc::new(wrap));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if ended.load(Ordering::SeqCst) {
                    return;
                }
                let kept = stream.try_clone().expect("a second handle");
                connections.lock().expect("no panic").push(kept);
                let (pushed, rule, wrap) =
                    (Arc::clone(&pushed), Arc::clone(&rule), Arc::clone(&wrap));
                std::thread::spawn(move || serve(&mut wrap(stream), &pushed, &rule));
            }
        });
        receiver
    }

    /// Its port on this machine.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Where it is, by plain HTTP.
    pub fn url(&self) -> String {
        format!("http://{}/events", self.address)
    }

    /// Answers otherwise from now on.
    pub fn answer(&self, rule: impl FnMut(&Pushed) -> Answer + Send + 'static) {
        *self.rule.lock().expect("no panic") = Box::new(rule);
    }

    /// All events so far, in the order of arrival.
    pub fn pushed(&self) -> Vec<Pushed> {
        self.pushed.lock().expect("no panic").clone()
    }

    /// How many connections were made.
    pub fn connections(&self) -> usize {
        self.connections.lock().expect("no panic").len()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // Wakes the listening thread, which then lets go of the port.
        TcpStream::connect(self.address).ok();
        for stream in self.connections.lock().expect("no panic").drain(..) {
            stream.shutdown(std::net::Shutdown::Both).ok();
        }
    }
}

/// Requests of one connection until it ends.
fn serve(stream: &mut (impl Read + Write), pushed: &Mutex<Vec<Pushed>>, rule: &Mutex<Rule>) {
    while let Some(event) = read(stream) {
        pushed.lock().expect("no panic").push(event.clone());
        let answer = (rule.lock().expect("no panic"))(&event);
        match answer {
            Answer::Silence => {}
            Answer::Status(status, headers) => {
                let answer =
                    format!("HTTP/1.1 {status} Said\r\nContent-Length: 2\r\n{headers}\r\nok");
                if stream.write_all(answer.as_bytes()).is_err() || stream.flush().is_err() {
                    return;
                }
            }
        }
    }
}

/// The next request; `None` at the end of the connection.
fn read(stream: &mut impl Read) -> Option<Pushed> {
    let mut reader = BufReader::with_capacity(1, stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let mut lines = head.lines();
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    let headers: Vec<_> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length: usize = length?.1.parse().ok()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Pushed {
        path,
        headers,
        body: String::from_utf8(body).expect("an event is UTF-8"),
        at: now(),
    })
}
