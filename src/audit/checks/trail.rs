//! T1: the trail of acts is whole. Every entry's hash is taken again over what it says and over the hash before it, so
//! an entry that was changed, removed or moved breaks the chain at its place. Only a head that was kept elsewhere
//! shows that the end was cut off together with the head row.

use crate::crypto::{hex, sha256};
use crate::store::{Inspection, StoreError, TrailHead, TrailRow};

/// Entries per snapshot.
const PAGE: u32 = 1_000;
/// Entries between two calls of `progress`.
const PROGRESS: i64 = 10_000;

/// How a trail was proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrailProof {
    /// Entries that continue each other from the first on, and the hash of the last.
    pub proven: TrailHead,
    /// The first entry that does not.
    pub broken: Option<BrokenEntry>,
}

/// The first entry that breaks the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenEntry {
    pub sequence: i64,
    /// Worded to follow the number.
    pub what: String,
}

/// What was proven so far.
struct Chain(TrailHead);

impl Chain {
    /// Proves the next entry.
    fn follow(&mut self, row: &TrailRow) -> Result<(), BrokenEntry> {
        let next = self.0.sequence + 1;
        if row.sequence != next {
            let what = format!("is missing: {} comes after {}", row.sequence, next - 1);
            return Err(BrokenEntry {
                sequence: next,
                what,
            });
        }
        let hash = sha256(&row.entry.chained_bytes(row.sequence, &self.0.hash));
        if hash != row.hash {
            return Err(BrokenEntry {
                sequence: next,
                what: "does not continue the one before it: one of the two was changed or moved"
                    .to_owned(),
            });
        }
        self.0 = TrailHead {
            sequence: next,
            hash,
        };
        Ok(())
    }

    /// Compares a head that was kept elsewhere, once the trail is there.
    fn compare(&self, pinned: Option<TrailHead>) -> Result<(), BrokenEntry> {
        match pinned {
            Some(pinned) if pinned.sequence == self.0.sequence && pinned.hash != self.0.hash => {
                Err(BrokenEntry {
                    sequence: pinned.sequence,
                    what: format!(
                        "has the hash {}, and {} was expected: the trail up to here is another one",
                        hex(&self.0.hash),
                        hex(&pinned.hash)
                    ),
                })
            }
            _ => Ok(()),
        }
    }

    /// Compares the end with the head row, and with what was expected.
    fn end(&self, head: TrailHead, pinned: Option<TrailHead>) -> Result<(), BrokenEntry> {
        let next = self.0.sequence + 1;
        let broken = |what: String| BrokenEntry {
            sequence: next,
            what,
        };
        if head.sequence > self.0.sequence {
            let what = format!("is missing: the head row names {}", head.sequence);
            return Err(broken(what));
        }
        if head.sequence < self.0.sequence {
            return Err(BrokenEntry {
                sequence: head.sequence + 1,
                what: format!("is behind the head row, which names {}", head.sequence),
            });
        }
        if head.hash != self.0.hash {
            return Err(BrokenEntry {
                sequence: self.0.sequence,
                what: "has another hash than the head row".to_owned(),
            });
        }
        match pinned {
            Some(pinned) if pinned.sequence > self.0.sequence => Err(broken(format!(
                "is missing: {} entries were expected; the end was cut off",
                pinned.sequence
            ))),
            _ => Ok(()),
        }
    }
}

/// Proves the trail of a store, in use or at rest; `progress` is told how many entries are proven, and of how many.
pub fn prove_trail(
    inspection: &mut Inspection,
    pinned: Option<TrailHead>,
    progress: &mut dyn FnMut(i64, i64),
) -> Result<TrailProof, StoreError> {
    let mut chain = Chain(TrailHead {
        sequence: 0,
        hash: [0; 32],
    });
    let broken = prove(inspection, &mut chain, pinned, progress)?;
    Ok(TrailProof {
        proven: chain.0,
        broken: broken.err(),
    })
}

fn prove(
    inspection: &mut Inspection,
    chain: &mut Chain,
    pinned: Option<TrailHead>,
    progress: &mut dyn FnMut(i64, i64),
) -> Result<Result<(), BrokenEntry>, StoreError> {
    if let Err(broken) = chain.compare(pinned) {
        return Ok(Err(broken));
    }
    loop {
        let after = chain.0.sequence;
        let (page, head) = inspection.look(|snapshot| {
            let page = snapshot.trail_after(after, PAGE)?;
            Ok((page, snapshot.trail_head()?))
        })?;
        for row in &page {
            let followed = chain.follow(row).and_then(|()| chain.compare(pinned));
            if let Err(broken) = followed {
                return Ok(Err(broken));
            }
            if chain.0.sequence % PROGRESS == 0 {
                progress(chain.0.sequence, head.sequence);
            }
        }
        if page.len() < PAGE as usize {
            return Ok(chain.end(head, pinned));
        }
    }
}
