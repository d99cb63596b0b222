//! Faults that are armed for the next calls or callbacks. An armed fault beats what the number asks for.

pub(super) mod play;

use std::str::FromStr;
use std::time::Duration;

use serde::Serialize;

use super::random::Random;

/// Armed at once.
const ARMED_MAX: usize = 10_000;
/// Longest pause of a fault, in seconds.
const SECONDS_MAX: u64 = 3_600;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// This status, and nothing was done.
    BeforeAccept(u16),
    /// This status, though it was done.
    AfterAccept(u16),
    /// It is done, and the connection closes without a byte.
    AfterAcceptCut,
    /// It is done, and no answer ever comes.
    AfterAcceptHang,
    /// It is done, and the connection is reset in place of an answer.
    AfterAcceptReset,
    /// It is done at once and answered late.
    Slow,
    /// The same; how late is drawn from a log-normal distribution.
    SlowLogNormal,
    /// It is done late: the request was long on its way.
    Late,
    /// The connection is reset, and nothing was done.
    Reset,
    /// It is done; half of the answer comes.
    HalfBody,
    Garbage,
    WrongContentType,
    Bom,
    /// The body is compressed, though the service asked for `identity`.
    Gzip,
    /// A body that says it is compressed, and is not.
    SaysGzip,
    Redirect,
    TooMany,
    /// 401, as for a token that is over; nothing was done.
    Expired,
    /// The provider's clock is off.
    Skew,
    /// The provider's own code; nothing was done.
    Code(String),
    BadSign,
    NoSign,
    /// Signed by a key that the config does not have yet.
    NewKey,
    /// Signed by a key that was taken back.
    OldKey,
    /// One byte differs.
    Corrupt,
    /// The callback comes before the reply.
    Early,
    /// 5W1003 finds nothing.
    EmptyList,
    /// 5W1003 has ten other rows first: what is looked for is on the second page, from now on.
    SecondPage,
    /// 5W1003 says status 5: the bank is at it.
    StatusFive,
    /// It is never sent.
    Drop,
    /// It is sent twice, one after the other.
    Duplicate,
    /// It is sent later.
    Delay,
    /// It is sent after the next callback of the provider, at last after `seconds`.
    Reorder,
    /// It is sent twice at the same time, to the service at `to` as well.
    AtOnce,
    /// It holds Chinese text and is written in GBK.
    Gbk,
}

/// What a fault can happen to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum To {
    Calls,
    Callbacks,
    Both,
    /// Lists of the bank's client.
    Lists,
}

const WORDS: [(&str, Kind, To); 31] = [
    ("after-accept-cut", Kind::AfterAcceptCut, To::Calls),
    ("after-accept-hang", Kind::AfterAcceptHang, To::Calls),
    ("after-accept-reset", Kind::AfterAcceptReset, To::Calls),
    ("slow", Kind::Slow, To::Calls),
    ("slow-log-normal", Kind::SlowLogNormal, To::Calls),
    ("late", Kind::Late, To::Calls),
    ("reset", Kind::Reset, To::Calls),
    ("half-body", Kind::HalfBody, To::Calls),
    ("garbage", Kind::Garbage, To::Calls),
    ("wrong-content-type", Kind::WrongContentType, To::Calls),
    ("bom", Kind::Bom, To::Calls),
    ("gzip", Kind::Gzip, To::Calls),
    ("says-gzip", Kind::SaysGzip, To::Calls),
    ("redirect", Kind::Redirect, To::Calls),
    ("429", Kind::TooMany, To::Calls),
    ("expired", Kind::Expired, To::Calls),
    ("skew", Kind::Skew, To::Calls),
    ("early", Kind::Early, To::Calls),
    ("empty-list", Kind::EmptyList, To::Lists),
    ("second-page", Kind::SecondPage, To::Lists),
    ("status-5", Kind::StatusFive, To::Lists),
    ("bad-sign", Kind::BadSign, To::Both),
    ("no-sign", Kind::NoSign, To::Both),
    ("new-key", Kind::NewKey, To::Both),
    ("old-key", Kind::OldKey, To::Both),
    ("corrupt", Kind::Corrupt, To::Both),
    ("drop", Kind::Drop, To::Callbacks),
    ("duplicate", Kind::Duplicate, To::Callbacks),
    ("delay", Kind::Delay, To::Callbacks),
    ("reorder", Kind::Reorder, To::Callbacks),
    ("gbk", Kind::Gbk, To::Callbacks),
];
/// Needs to know where else to go, so it is no plain word.
const AT_ONCE: &str = "at-once";
const BEFORE: &str = "before-accept-";
const AFTER: &str = "after-accept-";
/// The call of callbacks.
pub const CALLBACK: &str = "callback";

/// Every fault, for people.
pub fn words() -> Vec<&'static str> {
    let plain = WORDS.iter().map(|(word, ..)| *word);
    let of_status = ["before-accept-5xx", "after-accept-5xx"].into_iter();
    of_status
        .chain(plain)
        .chain([AT_ONCE, "code:XYZ"])
        .collect()
}

impl FromStr for Kind {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(code) = text.strip_prefix("code:") {
            let is_plain =
                (1..=64).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_graphic());
            return is_plain
                .then(|| Self::Code(code.to_owned()))
                .ok_or_else(|| "code: needs a code of 1 to 64 characters".to_owned());
        }
        let status = |prefix| {
            let status = text.strip_prefix(prefix)?.parse::<u16>().ok()?;
            (500..600).contains(&status).then_some(status)
        };
        if let Some(status) = status(BEFORE) {
            return Ok(Self::BeforeAccept(status));
        }
        if let Some(status) = status(AFTER) {
            return Ok(Self::AfterAccept(status));
        }
        if text == AT_ONCE {
            return Ok(Self::AtOnce);
        }
        let found = WORDS.iter().find(|(word, ..)| *word == text);
        found
            .map(|(_, kind, _)| kind.clone())
            .ok_or_else(|| format!("{text:?} is no fault; there are {}", words().join(" ")))
    }
}

impl Kind {
    pub fn to_text(&self) -> String {
        match self {
            Self::Code(code) => format!("code:{code}"),
            Self::BeforeAccept(status) => format!("{BEFORE}{status}"),
            Self::AfterAccept(status) => format!("{AFTER}{status}"),
            Self::AtOnce => AT_ONCE.to_owned(),
            other => {
                let found = WORDS.iter().find(|(_, kind, _)| kind == other);
                found.map_or("", |(word, ..)| word).to_owned()
            }
        }
    }

    fn to(&self) -> To {
        let found = WORDS.iter().find(|(_, kind, _)| kind == self);
        match self {
            Self::AtOnce => To::Callbacks,
            _ => found.map_or(To::Calls, |(.., to)| *to),
        }
    }
}

/// One armed fault.
#[derive(Clone, Debug, Serialize)]
pub struct Armed {
    pub provider: Option<String>,
    pub call: Option<String>,
    pub number: Option<String>,
    #[serde(serialize_with = "as_text")]
    pub fault: Kind,
    pub times: u32,
    pub seconds: u64,
    /// Of `at-once`: the beginning of the other URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

impl Armed {
    /// Fills in what the fault alone can happen to; the error says where it cannot.
    fn placed(mut self) -> Result<Self, String> {
        let word = self.fault.to_text();
        let call = self.call.as_deref();
        match self.fault.to() {
            To::Callbacks if call.is_none() => self.call = Some(CALLBACK.to_owned()),
            To::Callbacks if call != Some(CALLBACK) => {
                return Err(format!(
                    "{word} happens to callbacks alone; say call callback"
                ));
            }
            To::Calls if call == Some(CALLBACK) => {
                return Err(format!(
                    "{word} never happens to a callback; leave out call"
                ));
            }
            To::Lists => {
                let is_bank = self.provider.as_deref().is_none_or(|name| name == "ccb");
                if !is_bank || call.is_some_and(|call| call != "query") {
                    return Err(format!(
                        "{word} happens to lists of the bank alone; say provider ccb, call query"
                    ));
                }
                (self.provider, self.call) = (Some("ccb".to_owned()), Some("query".to_owned()));
            }
            _ => {}
        }
        if (self.fault == Kind::AtOnce) != self.to.is_some() {
            return Err(format!(
                "to is the other service's public URL: {AT_ONCE} needs it, and nothing else takes it"
            ));
        }
        Ok(self)
    }
}

fn as_text<S: serde::Serializer>(kind: &Kind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&kind.to_text())
}

/// A fault that fires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fired {
    pub kind: Kind,
    /// Of `slow`, `late` (real time), `delay`, `reorder` (the sandbox's), `skew` and `429`.
    pub time: Duration,
    pub to: Option<String>,
}

#[derive(Debug)]
pub struct Faults {
    armed: Vec<Armed>,
    random: Random,
}

impl Faults {
    /// What is random in faults is the same for the same seed.
    pub const fn new(seed: u64) -> Self {
        Self {
            armed: Vec::new(),
            random: Random::new(seed),
        }
    }

    pub fn arm(&mut self, fault: Armed) -> Result<(), String> {
        if self.armed.len() >= ARMED_MAX {
            return Err(format!(
                "{ARMED_MAX} faults are armed already; DELETE /sandbox/faults disarms them"
            ));
        }
        if fault.seconds > SECONDS_MAX || fault.times == 0 {
            return Err(format!("seconds go up to {SECONDS_MAX}, times from 1"));
        }
        self.armed.push(fault.placed()?);
        Ok(())
    }

    pub fn clear(&mut self) {
        self.armed.clear();
    }

    pub fn armed(&self) -> &[Armed] {
        &self.armed
    }

    /// The first that matches, once less from now on.
    pub fn fire(&mut self, provider: &str, call: &str, number: Option<&str>) -> Option<Fired> {
        let fits = |wanted: &Option<String>, is: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| Some(wanted) == is)
        };
        let found = self.armed.iter().position(|armed| {
            fits(&armed.provider, Some(provider))
                // A fault of callbacks never hits a call, nor the other way round.
                && match &armed.call {
                    Some(wanted) => wanted == call,
                    None => call != CALLBACK,
                }
                && fits(&armed.number, number)
        })?;
        let armed = &mut self.armed[found];
        let time = Duration::from_secs(armed.seconds);
        let fired = Fired {
            kind: armed.fault.clone(),
            time: if armed.fault == Kind::SlowLogNormal {
                self.random.log_normal(time)
            } else {
                time
            },
            to: armed.to.clone(),
        };
        armed.times -= 1;
        if armed.times == 0 {
            self.armed.remove(found);
        }
        Some(fired)
    }
}

#[cfg(test)]
mod tests;
