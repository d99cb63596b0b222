//! I7: every acknowledged callback is stored. The store does not know what was acknowledged, so the sender
//! brings a list: JSON lines, one written after each success response.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::audit::feed::Feed;
use crate::crypto::{hex, sha256};
use crate::domain::claim::Account;
use crate::providers::part_digest;
use crate::store::{Snapshot, StoreError};

/// Max entries of each kind that a report shows.
const SHOWN_MAX: usize = 20;

/// One acknowledged callback.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acked {
    pub provider: String,
    pub account: String,
    /// Refund number of the callback; empty or absent where it names none.
    #[serde(default)]
    pub refund_no: String,
    /// Lower-case hex of the SHA-256 of the body as sent.
    pub sha256: String,
}

/// The acknowledged callbacks, each with its count.
#[derive(Clone, Debug, Default)]
pub struct AckedList {
    /// By refund: the digest of each callback, and how often it was acknowledged.
    refunds: BTreeMap<(String, String, String), BTreeMap<String, i64>>,
}

#[derive(Debug, thiserror::Error)]
#[error("line {line}: {error}")]
pub struct AckedError {
    line: usize,
    error: serde_json::Error,
}

/// Result of comparing the list with the store.
#[derive(Clone, Debug, Default, Serialize)]
pub struct AckedResult {
    /// Distinct acknowledged callbacks.
    pub acked: u64,
    pub stored: u64,
    /// Not stored, or counted less often than acknowledged.
    pub lost: u64,
    /// Stored or applied more than once.
    pub doubled: u64,
    /// The first `SHOWN_MAX`.
    pub lost_shown: Vec<Acked>,
    /// The first `SHOWN_MAX`.
    pub doubled_shown: Vec<Acked>,
}

impl AckedList {
    /// Parses the lines. Ignores a last line without its line break: its writer was killed.
    pub fn parse(text: &str) -> Result<Self, AckedError> {
        let mut list = Self::default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        for (index, line) in whole.lines().enumerate() {
            if line.trim().is_empty() {
                continue;
            }
            let line_number = index + 1;
            let acked: Acked = serde_json::from_str(line).map_err(|error| AckedError {
                line: line_number,
                error,
            })?;
            list.add(acked);
        }
        Ok(list)
    }

    pub fn add(&mut self, acked: Acked) {
        let refund = (acked.provider, acked.account, acked.refund_no);
        let digests = self.refunds.entry(refund).or_default();
        *digests.entry(acked.sha256).or_default() += 1;
    }

    pub(in crate::audit) fn refunds(&self) -> impl Iterator<Item = AckedRefund<'_>> {
        self.refunds
            .iter()
            .map(|((provider, account, refund_no), digests)| AckedRefund {
                account: Account {
                    provider: provider.clone(),
                    name: account.clone(),
                },
                refund_no,
                digests,
            })
    }
}

/// The acknowledged callbacks of one refund.
pub(in crate::audit) struct AckedRefund<'a> {
    account: Account,
    refund_no: &'a str,
    digests: &'a BTreeMap<String, i64>,
}

impl AckedRefund<'_> {
    /// Compares them with what is stored under the refund's number. The feed has been read to its end.
    pub(in crate::audit) fn compare(
        &self,
        snapshot: &mut Snapshot<'_>,
        feed: &Feed,
        result: &mut AckedResult,
    ) -> Result<Vec<String>, StoreError> {
        let mut stored: BTreeMap<String, (usize, i64)> = BTreeMap::new();
        // Deliveries of which only a part is signed may be counted under the bytes of another.
        let mut spare = 0;
        for row in snapshot.callbacks_under_number(&self.account, self.refund_no)? {
            let digest = hex(&sha256(&row.body));
            if part_digest(&self.account.provider, &row.body).is_some() {
                let own = self.digests.get(&digest).copied().unwrap_or_default();
                spare += (row.deliveries - own).max(0);
            }
            let (rows, deliveries) = stored.entry(digest).or_default();
            *rows += 1;
            *deliveries += row.deliveries;
        }
        let has_doubled = self.took_effect_twice(snapshot, feed)?;
        let mut problems = Vec::new();
        for (digest, times) in self.digests {
            let (rows, mut deliveries) = stored.get(digest).copied().unwrap_or_default();
            if rows == 0 && spare >= *times {
                spare -= times;
                deliveries = *times;
            }
            result.acked += 1;
            result.stored += u64::from(deliveries > 0);
            if deliveries == 0 {
                problems.push(format!("{digest} was acknowledged and is not stored"));
            } else if deliveries < *times {
                problems.push(format!(
                    "{digest} was acknowledged {times} times and counted {deliveries} times"
                ));
            }
            if deliveries < *times {
                result.lost += 1;
                self.show(digest, &mut result.lost_shown);
            }
            if rows > 1 || has_doubled {
                result.doubled += 1;
                self.show(digest, &mut result.doubled_shown);
            }
        }
        Ok(problems)
    }

    /// Whether the number has several refunds, or one that succeeded several times. Callbacks without a
    /// refund number rightly make one refund each.
    fn took_effect_twice(
        &self,
        snapshot: &mut Snapshot<'_>,
        feed: &Feed,
    ) -> Result<bool, StoreError> {
        if self.refund_no.is_empty() {
            return Ok(false);
        }
        let claims = snapshot.claims_under_number(&self.account, self.refund_no)?;
        let mut refunds: Vec<_> = claims
            .into_iter()
            .filter_map(|said| said.refund_id)
            .collect();
        refunds.sort_unstable();
        refunds.dedup();
        Ok(refunds.len() > 1 || refunds.iter().any(|id| feed.has_doubled(*id)))
    }

    fn show(&self, digest: &str, shown: &mut Vec<Acked>) {
        if shown.len() < SHOWN_MAX {
            shown.push(Acked {
                provider: self.account.provider.clone(),
                account: self.account.name.clone(),
                refund_no: self.refund_no.to_owned(),
                sha256: digest.to_owned(),
            });
        }
    }

    pub(in crate::audit) fn name(&self) -> String {
        let Account { provider, name } = &self.account;
        format!("{provider}/{name} {}", self.refund_no)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_cut_off_at_the_end_is_left_out_and_a_wrong_one_is_refused() {
        let line = r#"{"provider":"payermax","account":"main","refund_no":"R-1","sha256":"00"}"#;
        let list = AckedList::parse(&format!("{line}\n\n{line}\n{{\"provi")).unwrap();
        let digests: Vec<_> = list.refunds().map(|refund| refund.digests["00"]).collect();
        assert_eq!(digests, [2], "the same answer twice");
        let wrong = AckedList::parse(&format!("{line}\nR-1\n")).unwrap_err();
        assert!(wrong.to_string().starts_with("line 2: "), "{wrong}");
    }
}
