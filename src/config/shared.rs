//! Keys and secrets that two sections of the config have in common. Each must prove requests to one of them
//! only: otherwise a callback for the one is accepted by the other.

use super::Checker;
use super::file::AccountSection;
use crate::providers::Registry;
use crate::providers::accounts::settings::{Apart, Audience};

/// A key or secret, known by a digest of its own bytes: neither its id nor its file tells it apart.
pub(super) struct Held {
    digest: [u8; 32],
    /// Where it is in the config.
    key: String,
    holder: Holder,
}

/// What a key or secret opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    /// The account of this index.
    Account(usize),
    /// The secret part of an account's path.
    Path,
    /// `EPay`.
    Epay,
    /// A reader.
    Reader,
    /// An endpoint that events are pushed to, signed.
    Endpoint,
}

/// Whether two accounts with one key are told apart; `None`: they are of two providers.
fn compare(one: Option<&dyn Audience>, other: Option<&dyn Audience>) -> Option<Apart> {
    match (one, other) {
        (Some(one), Some(other)) => one.compare(other),
        _ => Some(Apart::Never("make one of its own for each account")),
    }
}

impl Checker {
    /// Notes where a key or secret is.
    pub(super) fn hold(&mut self, key: impl Into<String>, digest: [u8; 32], holder: Holder) {
        self.held.push(Held {
            digest,
            key: key.into(),
            holder,
        });
    }

    /// Rejects what two sections have in common and nothing tells apart.
    pub(super) fn check_shared(&mut self, accounts: &[AccountSection], registry: &mut Registry) {
        let held = std::mem::take(&mut self.held);
        for (index, this) in held.iter().enumerate() {
            for earlier in &held[..index] {
                if earlier.digest == this.digest {
                    self.check_pair(accounts, registry, earlier, this);
                }
            }
        }
    }

    fn check_pair(
        &mut self,
        accounts: &[AccountSection],
        registry: &mut Registry,
        earlier: &Held,
        this: &Held,
    ) {
        let (one, other) = match (earlier.holder, this.holder) {
            (Holder::Account(one), Holder::Account(other)) if one == other => return,
            (Holder::Account(one), Holder::Account(other)) => (one, other),
            // What of these is given twice is said elsewhere, or opens the same.
            (Holder::Epay, Holder::Epay)
            | (Holder::Reader, Holder::Reader)
            | (Holder::Endpoint, Holder::Endpoint) => return,
            _ => {
                let what = format!(
                    "is the same as {}; what opens the one would open the other: make one of its own",
                    earlier.key
                );
                return self.note(&this.key, what);
            }
        };
        let name =
            |index: usize| format!("{}/{}", accounts[index].provider, accounts[index].account);
        let (one_name, other_name) = (name(one), name(other));
        let audience = |index: usize| self.audiences.get(&index).map(Box::as_ref);
        let apart = compare(audience(one), audience(other));
        let same = format!("{other_name} has the same as {one_name} ({})", earlier.key);
        match apart {
            Some(Apart::Always) => {}
            Some(Apart::WhereStrict) => {
                for index in [one, other] {
                    registry.be_strict(&accounts[index].provider, &accounts[index].account);
                }
            }
            // Neither accepts what the other's provider sends, but two providers have no key in common.
            None => self.warnings.push(format!(
                "{}: {same}; no two providers have a key in common, so one of them is the wrong file",
                this.key
            )),
            Some(Apart::Never(instead)) => {
                let what = format!(
                    "{same}, and nothing tells their callbacks apart: each would accept what is meant \
                     for the other; {instead}"
                );
                self.note(&this.key, what);
            }
        }
    }
}
