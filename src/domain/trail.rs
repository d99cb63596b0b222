//! The trail of acts: who did what on the internal listener, about what and why. An entry is appended in the
//! transaction of its change, never changed, and chained to the one before it by hash.

use serde_json::Value;

use super::claim::Account;
use super::ids::RefundId;
use super::ids::text::is_deceptive;
use super::time::Timestamp;

/// Max characters of a person's reason (contract §6).
pub const REASON_CHARS_MAX: usize = 500;

/// Declares the acts with the words that are stored and shown.
macro_rules! acts {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)*) => {
        /// What a person or a system did.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Act {
            $($(#[$doc])* $name,)*
        }

        impl Act {
            const COUNT: usize = [$($word,)*].len();
            pub const ALL: [Self; Self::COUNT] = [$(Self::$name,)*];

            /// The word that is stored and shown.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }
        }
    };
}

acts! {
    OrderChanged = "order_changed",
    ConsumerMade = "consumer_made",
    /// By a seek.
    ConsumerMoved = "consumer_moved",
    ConsumerAcked = "consumer_acked",
    ConsumerDeleted = "consumer_deleted",
    EndpointRecovered = "endpoint_recovered",
    RefundRequested = "refund_requested",
    RefundAsked = "refund_asked",
    RefundCanceled = "refund_canceled",
    RefundResent = "refund_resent",
    /// A person wrote down what they know of it; nothing else changed.
    RefundNoted = "refund_noted",
    RefundDecided = "refund_decided",
    /// A second person agreed to a decision.
    DecisionApproved = "decision_approved",
    DecisionRejected = "decision_rejected",
    CloseOutTried = "close_out_tried",
    AccountStopped = "account_stopped",
    AccountResumed = "account_resumed",
    /// A settlement file says of a refund what is not known of it.
    SettlementNoted = "settlement_noted",
    /// A settlement file was compared with the store in the console.
    SettlementCompared = "settlement_compared",
    /// Rejected requests up to this one were looked at.
    RejectionsReviewed = "rejections_reviewed",
    /// A fault was armed in a sandbox, all were disarmed, or its clock was moved.
    SandboxChanged = "sandbox_changed",
    Reload = "reload",
    /// A session of the console began.
    ConsoleLogin = "console_login",
    /// Its user ended it, or all of theirs.
    ConsoleLogout = "console_logout",
    /// An operator ended all sessions of a user.
    SessionsEnded = "sessions_ended",
    /// Raw bytes of a callback, a request or a reply were shown.
    BodiesViewed = "bodies_viewed",
    /// A call that would change something was answered 401 or 403.
    CallRejected = "call_rejected",
}

impl Act {
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|act| act.as_str() == word)
    }
}

/// Who acts. A text that is empty is not known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Actor {
    /// The name of the reader in the config.
    pub reader: String,
    /// Names the token, and is no part of it.
    pub token_id: String,
    /// Where the act came from: the peer's address.
    pub from: String,
}

/// What is wrong with a person's reason: it is shown on one line, next to the reasons of others.
pub fn flaw_of_reason(reason: &str) -> Option<String> {
    if reason.trim().is_empty() || reason.chars().count() > REASON_CHARS_MAX {
        return Some(format!(
            "must be 1 to {REASON_CHARS_MAX} characters, and not blank"
        ));
    }
    reason
        .contains(is_deceptive)
        .then(|| "must be one line without control, format and direction characters".to_owned())
}

/// What an act is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct About {
    pub kind: String,
    pub id: String,
}

impl About {
    pub fn new(kind: &str, id: impl Into<String>) -> Self {
        Self {
            kind: kind.to_owned(),
            id: id.into(),
        }
    }

    pub fn refund(id: RefundId) -> Self {
        Self::new("refund", id)
    }

    pub fn account(account: &Account) -> Self {
        Self::new("account", account.to_string())
    }
}

/// One act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub at: Timestamp,
    pub by: Actor,
    /// A word of [`Act`], or of a later version.
    pub act: String,
    pub about: About,
    /// Why, in the words of the one who acts.
    pub reason: Option<String>,
    /// JSON object: what was there before.
    pub before: Option<String>,
    /// JSON object: what is there now.
    pub after: Option<String>,
}

impl Actor {
    /// The entry of an act.
    pub fn did(&self, act: Act, about: About, now: Timestamp) -> Entry {
        Entry {
            at: now,
            by: self.clone(),
            act: act.as_str().to_owned(),
            about,
            reason: None,
            before: None,
            after: None,
        }
    }
}

impl Entry {
    #[must_use]
    pub fn because(mut self, reason: &str) -> Self {
        self.reason = Some(reason.to_owned());
        self
    }

    /// What the act found and what it left; null is left out. Small, and without a secret or a body.
    #[must_use]
    pub fn changed(mut self, before: &Value, after: &Value) -> Self {
        let text = |value: &Value| (!value.is_null()).then(|| value.to_string());
        (self.before, self.after) = (text(before), text(after));
        self
    }

    /// What the hash of an entry is taken over: the hash before it, then each member as readers get it. A member is
    /// its length in bytes, a colon, its text and a comma; one that is null is `-,`.
    pub fn chained_bytes(&self, sequence: i64, previous: &[u8; 32]) -> Vec<u8> {
        let mut bytes = previous.to_vec();
        let (sequence, at) = (sequence.to_string(), self.at.to_string());
        let members = [
            Some(sequence.as_str()),
            Some(at.as_str()),
            known(&self.by.reader),
            known(&self.by.token_id),
            known(&self.by.from),
            Some(self.act.as_str()),
            Some(self.about.kind.as_str()),
            Some(self.about.id.as_str()),
            self.reason.as_deref(),
            self.before.as_deref(),
            self.after.as_deref(),
        ];
        for member in members {
            match member {
                Some(text) => {
                    bytes.extend_from_slice(text.len().to_string().as_bytes());
                    bytes.push(b':');
                    bytes.extend_from_slice(text.as_bytes());
                }
                None => bytes.push(b'-'),
            }
            bytes.push(b',');
        }
        bytes
    }
}

/// `None` where it is not known.
pub fn known(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn entry() -> Entry {
        let actor = Actor {
            reader: "ops".to_owned(),
            token_id: String::new(),
            from: "127.0.0.1:9".to_owned(),
        };
        let about = About::new("account", "payermax/main");
        actor
            .did(Act::AccountStopped, about, Timestamp::from_millis(0))
            .because("新钥匙")
            .changed(&Value::Null, &json!({"stopped": true}))
    }

    #[test]
    fn the_bytes_of_an_entry_are_those_of_the_page() {
        let bytes = entry().chained_bytes(7, &[b'h'; 32]);
        let expected = format!(
            "{}1:7,24:1970-01-01T00:00:00.000Z,3:ops,-,11:127.0.0.1:9,15:account_stopped,7:account,13:payermax/main,9:新钥匙,-,16:{{\"stopped\":true}},",
            "h".repeat(32)
        );
        assert_eq!(String::from_utf8(bytes).unwrap(), expected);
    }

    #[test]
    fn no_two_entries_have_the_same_bytes() {
        let mut moved = entry();
        moved.about = About::new("accountpayermax", "/main");
        let bytes = |entry: &Entry| entry.chained_bytes(7, &[0; 32]);
        assert_ne!(bytes(&moved), bytes(&entry()));
        let mut empty = entry();
        empty.reason = Some(String::new());
        let mut none = entry();
        none.reason = None;
        assert_ne!(bytes(&empty), bytes(&none));
    }

    #[test]
    fn every_act_is_read_back_from_its_word() {
        for act in Act::ALL {
            assert_eq!(Act::from_word(act.as_str()), Some(act));
        }
        assert_eq!(Act::from_word("acted"), None);
    }
}
