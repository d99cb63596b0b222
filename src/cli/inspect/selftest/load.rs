//! The load: many connections of signed PayerMax callbacks, each noted where it was acknowledged and sent
//! again where that is not known.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;

use crate::audit::Acked;
use crate::crypto::{SigningKey, hex, sha256};
use crate::outbound::client::Client;
use crate::sandbox::{Key, Player, Sample, SignedRequest};

/// The provider that is played.
pub const PROVIDER: &str = "payermax";
/// The account under test.
pub const ACCOUNT: &str = "main";
/// Of so many callbacks one is sent again though it was acknowledged, as providers do.
const REPEAT_EVERY: u64 = 8;

/// What was sent in one trial, and what is known of it.
pub struct Load {
    player: Player,
    next: AtomicU64,
    /// Refund numbers whose callback got no answer.
    unanswered: Mutex<Vec<u64>>,
    acked: Mutex<Vec<Acked>>,
    /// Told of each entry of `acked` and of what is unexpected.
    noted: Condvar,
    unexpected: Mutex<Option<String>>,
}

/// The answer to one callback.
enum Outcome {
    Acked(Acked),
    /// No answer, or "try again": it may be stored or not.
    Unknown,
    Unexpected(String),
}

impl Load {
    pub fn new(key: SigningKey) -> anyhow::Result<Self> {
        let player = Player::find(PROVIDER, Key::Private(Box::new(key)));
        Ok(Self {
            player: player.context("a form of the list")?,
            next: AtomicU64::new(0),
            unanswered: Mutex::default(),
            acked: Mutex::default(),
            noted: Condvar::new(),
            unexpected: Mutex::default(),
        })
    }

    /// Sends from this many connections until `stop` is set or the service no longer answers.
    pub fn send(&self, public: &str, connections: usize, stop: &AtomicBool) {
        std::thread::scope(|scope| {
            for _ in 0..connections {
                scope.spawn(|| self.send_on_one(public, stop));
            }
        });
    }

    /// Sends everything again that got no answer; what gets none now stays on the list.
    pub fn send_unanswered(&self, public: &str) {
        let client = Client::new();
        for number in std::mem::take(&mut *lock(&self.unanswered)) {
            let outcome = self.deliver(&client, public, number);
            self.note(number, outcome);
        }
    }

    /// Waits until something is acknowledged; `false` where nothing is for so long.
    pub fn wait_for_answer(&self, longest: Duration) -> bool {
        let none_yet = |acked: &mut Vec<Acked>| acked.is_empty() && self.unexpected().is_none();
        let waited = self
            .noted
            .wait_timeout_while(lock(&self.acked), longest, none_yet);
        let (_acked, result) = waited.unwrap_or_else(PoisonError::into_inner);
        !result.timed_out()
    }

    /// What was acknowledged since the last call, one entry an answer.
    pub fn take_acked(&self) -> Vec<Acked> {
        std::mem::take(&mut *lock(&self.acked))
    }

    /// An answer that an authentic callback must never get.
    pub fn unexpected(&self) -> Option<String> {
        lock(&self.unexpected).clone()
    }

    fn send_on_one(&self, public: &str, stop: &AtomicBool) {
        let client = Client::new();
        while !stop.load(Ordering::Relaxed) && self.unexpected().is_none() {
            let number = self.choose();
            let outcome = self.deliver(&client, public, number);
            self.note(number, outcome);
        }
    }

    /// First what got no answer, as a provider would; then new ones, and now and then an old one.
    fn choose(&self) -> u64 {
        if let Some(number) = lock(&self.unanswered).pop() {
            return number;
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        if number % REPEAT_EVERY == REPEAT_EVERY - 1 {
            return number / 2;
        }
        number
    }

    fn deliver(&self, client: &Client, public: &str, number: u64) -> Outcome {
        let refund_no = format!("SELFTEST-{number}");
        let request = match self.request(&refund_no) {
            Ok(request) => request,
            Err(error) => return Outcome::Unexpected(format!("{error:#}")),
        };
        let acknowledgement = self.player.form.acknowledgement;
        let url = format!("{public}/callbacks/{PROVIDER}/{ACCOUNT}");
        match client.send("POST", &url, &request.header_pairs(), &request.body) {
            Ok(answer) if answer.status == 200 && answer.body == acknowledgement => {
                Outcome::Acked(Acked {
                    provider: PROVIDER.to_owned(),
                    account: ACCOUNT.to_owned(),
                    refund_no,
                    sha256: hex(&sha256(&request.body)),
                })
            }
            Ok(answer) if answer.status != 503 => {
                Outcome::Unexpected(format!("{} {}", answer.status, answer.body))
            }
            Ok(_) | Err(_) => Outcome::Unknown,
        }
    }

    fn request(&self, refund_no: &str) -> anyhow::Result<SignedRequest> {
        self.player.sign(&Sample {
            refund_no,
            order_no: "SELFTEST",
            ..Sample::default()
        })
    }

    fn note(&self, number: u64, outcome: Outcome) {
        match outcome {
            Outcome::Acked(acked) => lock(&self.acked).push(acked),
            Outcome::Unknown => lock(&self.unanswered).push(number),
            Outcome::Unexpected(what) => {
                lock(&self.unexpected).get_or_insert(what);
            }
        }
        self.noted.notify_all();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
