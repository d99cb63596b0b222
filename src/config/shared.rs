//! Keys and secrets that two places of the config have in common. What proves something must prove it to
//! one of them only: otherwise a message for the one is believed by the other.

use super::Checker;
use super::file::AccountSection;
use crate::providers::Registry;
use crate::providers::paycools::Guards;

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

/// How an account's callbacks are told from those of another with the same key.
#[derive(Clone, Debug)]
pub(super) enum Audience {
    /// By what is signed.
    Payermax {
        merchant_no: String,
        app_id: Option<String>,
    },
    /// By what is set beside the key.
    Paycools(Guards),
}

/// What of two accounts with one key.
enum Verdict {
    Apart,
    /// Apart only where each believes nothing but what names its audience in full.
    ApartWhereStrict,
    /// Neither believes what the other's provider sends, but two providers have no key in common.
    Strange,
    /// Each would believe what is meant for the other; what to do about it.
    Same(&'static str),
}

impl Audience {
    fn beside(&self, other: &Self) -> Verdict {
        match (self, other) {
            (Self::Paycools(own), Self::Paycools(other)) if own.excludes(other) => Verdict::Apart,
            (Self::Paycools(_), Self::Paycools(_)) => Verdict::Same(
                "give each a path_secret of its own, or a refund_no_prefix of its own, or networks \
                 in allow_from that do not overlap",
            ),
            (
                Self::Payermax {
                    merchant_no,
                    app_id,
                },
                Self::Payermax {
                    merchant_no: other_no,
                    app_id: other_app,
                },
            ) => {
                let are_apps = app_id.is_some() && other_app.is_some();
                match (merchant_no == other_no, app_id == other_app) {
                    (false, true) | (true, false) if are_apps => Verdict::ApartWhereStrict,
                    (false, _) => Verdict::Apart,
                    (true, _) => Verdict::Same(
                        "give both an app_id, each its own, or make one account of them",
                    ),
                }
            }
            (Self::Payermax { .. }, Self::Paycools(_))
            | (Self::Paycools(_), Self::Payermax { .. }) => Verdict::Strange,
        }
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

    /// Refuses what two places have in common and nothing tells apart.
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
        let audiences = (self.audiences.get(&one), self.audiences.get(&other));
        let verdict = match audiences {
            (Some(one), Some(other)) => one.beside(other),
            _ => Verdict::Same("make one of its own for each account"),
        };
        let same = format!("{other_name} has the same as {one_name} ({})", earlier.key);
        match verdict {
            Verdict::Apart => {}
            Verdict::ApartWhereStrict => {
                for index in [one, other] {
                    registry.be_strict(&accounts[index].provider, &accounts[index].account);
                }
            }
            Verdict::Strange => self.warnings.push(format!(
                "{}: {same}; no two providers have a key in common, so one of them is the wrong file",
                this.key
            )),
            Verdict::Same(instead) => {
                let what = format!(
                    "{same}, and nothing tells their messages apart: each would believe what is meant \
                     for the other; {instead}"
                );
                self.note(&this.key, what);
            }
        }
    }
}
