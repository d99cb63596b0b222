//! Faults that are armed for the next calls or callbacks. An armed fault beats what the number asks for.

use std::str::FromStr;

use serde::Serialize;

/// Armed at once.
const ARMED_MAX: usize = 10_000;
/// Longest pause of a fault, in seconds.
const SECONDS_MAX: u64 = 3_600;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 500, and nothing was done.
    BeforeAccept500,
    /// 500, though it was done.
    AfterAccept500,
    /// It is done, and the connection closes without a byte.
    AfterAcceptCut,
    /// It is done, and no answer ever comes.
    AfterAcceptHang,
    /// It is done at once and answered late.
    Slow,
    /// It is done late: the request was long on its way.
    Late,
    /// The connection is reset, and nothing was done.
    Reset,
    /// It is done; half of the answer comes.
    HalfBody,
    Garbage,
    WrongContentType,
    Bom,
    /// A body that says it is compressed, and is not.
    Gzip,
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
    /// Of a callback: it is never sent.
    Drop,
    /// Of a callback: it is sent twice.
    Duplicate,
    /// One byte differs.
    Corrupt,
    /// Of a callback: it is sent later.
    Delay,
    /// The callback comes before the reply.
    Early,
}

const WORDS: [(&str, Kind); 23] = [
    ("before-accept-500", Kind::BeforeAccept500),
    ("after-accept-500", Kind::AfterAccept500),
    ("after-accept-cut", Kind::AfterAcceptCut),
    ("after-accept-hang", Kind::AfterAcceptHang),
    ("slow", Kind::Slow),
    ("late", Kind::Late),
    ("reset", Kind::Reset),
    ("half-body", Kind::HalfBody),
    ("garbage", Kind::Garbage),
    ("wrong-content-type", Kind::WrongContentType),
    ("bom", Kind::Bom),
    ("gzip", Kind::Gzip),
    ("redirect", Kind::Redirect),
    ("429", Kind::TooMany),
    ("expired", Kind::Expired),
    ("skew", Kind::Skew),
    ("bad-sign", Kind::BadSign),
    ("no-sign", Kind::NoSign),
    ("drop", Kind::Drop),
    ("duplicate", Kind::Duplicate),
    ("corrupt", Kind::Corrupt),
    ("delay", Kind::Delay),
    ("early", Kind::Early),
];

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
        let found = WORDS.iter().find(|(word, _)| *word == text);
        found.map(|(_, kind)| kind.clone()).ok_or_else(|| {
            let words: Vec<_> = WORDS.iter().map(|(word, _)| *word).collect();
            format!(
                "{text:?} is no fault; there are code:XYZ, {}",
                words.join(", ")
            )
        })
    }
}

impl Kind {
    pub fn to_text(&self) -> String {
        match self {
            Self::Code(code) => format!("code:{code}"),
            other => {
                let found = WORDS.iter().find(|(_, kind)| kind == other);
                found.map_or("", |(word, _)| word).to_owned()
            }
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
}

fn as_text<S: serde::Serializer>(kind: &Kind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&kind.to_text())
}

/// A fault that fires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fired {
    pub kind: Kind,
    /// Of `slow`, `late` (real time), `delay` (the sandbox's), `skew` and `429`.
    pub seconds: u64,
}

#[derive(Debug, Default)]
pub struct Faults {
    armed: Vec<Armed>,
}

impl Faults {
    pub fn arm(&mut self, fault: Armed) -> Result<(), String> {
        if self.armed.len() >= ARMED_MAX {
            return Err(format!("{ARMED_MAX} faults are armed already"));
        }
        if fault.seconds > SECONDS_MAX || fault.times == 0 {
            return Err(format!("seconds go up to {SECONDS_MAX}, times from 1"));
        }
        self.armed.push(fault);
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
                    None => call != "callback",
                }
                && fits(&armed.number, number)
        })?;
        let armed = &mut self.armed[found];
        let fired = Fired {
            kind: armed.fault.clone(),
            seconds: armed.seconds,
        };
        armed.times -= 1;
        if armed.times == 0 {
            self.armed.remove(found);
        }
        Some(fired)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_fires_as_often_as_it_was_armed_and_only_where_it_fits() {
        let mut faults = Faults::default();
        let armed = Armed {
            provider: Some("payermax".to_owned()),
            call: Some("refund".to_owned()),
            number: Some("R1".to_owned()),
            fault: "after-accept-cut".parse().unwrap(),
            times: 2,
            seconds: 5,
        };
        faults.arm(armed).unwrap();
        assert_eq!(faults.fire("payermax", "query", Some("R1")), None);
        assert_eq!(faults.fire("payermax", "refund", Some("R2")), None);
        assert_eq!(faults.fire("paycools", "refund", Some("R1")), None);
        for _ in 0..2 {
            let fired = faults.fire("payermax", "refund", Some("R1")).unwrap();
            assert_eq!(fired.kind, Kind::AfterAcceptCut);
        }
        assert_eq!(faults.fire("payermax", "refund", Some("R1")), None);
    }

    #[test]
    fn every_word_reads_back() {
        for (word, kind) in WORDS {
            assert_eq!(word.parse(), Ok(kind.clone()));
            assert_eq!(kind.to_text(), word);
        }
        assert_eq!("code:21007".parse(), Ok(Kind::Code("21007".to_owned())));
        assert!("boom".parse::<Kind>().is_err());
    }
}
