//! Named consumers: the service stores the cursor of a reader that cannot store it itself.
//!
//! Reading does not move the cursor. Only an acknowledgement does, and only forward: at least once, what a
//! reader did not acknowledge before it died is read again.

use serde_json::{Value, json};

use super::{Feed, Position};
use crate::domain::ids::Name;
use crate::domain::time::{Clock, Timestamp};
use crate::domain::trail::{About, Act, Actor};
use crate::store::{ConsumerRow, Lane, Snapshot, StoreError, Tx};

/// Max consumers of one reader, so that a client that invents a name at each start gets an error.
const CONSUMERS_MAX: i64 = 100;
const MINUTE_MS: i64 = 60_000;

/// Why a consumer is not moved, or not created.
#[derive(Debug, thiserror::Error)]
pub enum ConsumerError {
    /// The name was never used.
    #[error("no consumer has this name")]
    Unknown,
    /// The reader has reached `CONSUMERS_MAX`.
    #[error("a reader may have {CONSUMERS_MAX} consumers; delete one that is not needed")]
    TooMany,
    /// An acknowledgement never moves back.
    #[error("the consumer is at {at} already; use seek to go back")]
    Backwards {
        /// Its cursor.
        at: i64,
    },
    /// The acknowledged events belong to a history that a restore has ended.
    #[error(
        "the events are of another history than {epoch}; read on from the consumer's cursor, or seek"
    )]
    Restarted {
        /// The present history.
        epoch: String,
        /// Its last number.
        last: i64,
    },
    /// No event has this number yet.
    #[error("the last event is {last}")]
    BeyondLast {
        /// The last number in use.
        last: i64,
    },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The target of a seek.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeekTo {
    /// Before the first event.
    Earliest,
    /// After the last event.
    Latest,
    /// After the event with this number.
    Sequence(i64),
    /// Before the first event at or after this time.
    Time(Timestamp),
}

impl SeekTo {
    /// The cursor: the number of the last event to skip. `Err` holds the feed's last number.
    pub fn resolve(self, snapshot: &mut Snapshot<'_>) -> Result<Result<i64, i64>, StoreError> {
        let last = snapshot.last_sequence()?;
        Ok(match self {
            Self::Earliest => Ok(0),
            Self::Latest => Ok(last),
            Self::Sequence(sequence) if sequence > last => Err(last),
            Self::Sequence(sequence) => Ok(sequence),
            Self::Time(time) => Ok(last_before(snapshot, time, last)?),
        })
    }
}

/// The last event older than `time`, by binary search: times grow with the numbers, except for clock skew
/// between instances.
fn last_before(snapshot: &mut Snapshot<'_>, time: Timestamp, last: i64) -> Result<i64, StoreError> {
    let (mut older, mut newer) = (0, last + 1);
    while newer - older > 1 {
        let middle = older + (newer - older) / 2;
        match snapshot.event_time(middle)? {
            Some(at) if at >= time => newer = middle,
            Some(_) | None => older = middle,
        }
    }
    Ok(older)
}

impl Feed {
    /// Reads a consumer; on first use it is created at the beginning of the feed.
    pub async fn consumer(
        &self,
        by: &Actor,
        name: &Name,
        clock: &dyn Clock,
    ) -> Result<ConsumerRow, ConsumerError> {
        let key = (by.reader.clone(), name.as_str().to_owned());
        let known = self
            .store
            .read(move |snapshot| snapshot.consumer(&key.0, &key.1))
            .await?;
        match known {
            Some(consumer) => Ok(consumer),
            None => {
                self.change(by, name, clock, Move::Use, |_, _| Ok(Ok(0)))
                    .await
            }
        }
    }

    /// Moves a consumer forward: everything up to this position is processed. Idempotent.
    pub async fn ack(
        &self,
        by: &Actor,
        name: &Name,
        upto: &Position,
        clock: &dyn Clock,
    ) -> Result<ConsumerRow, ConsumerError> {
        let (sequence, of) = (upto.after, upto.clone());
        self.change(by, name, clock, Move::Ack, move |tx, at| {
            let last = tx.snapshot().last_sequence()?;
            let epoch = tx.snapshot().epoch()?;
            Ok(if !of.is_of(&epoch) {
                Err(ConsumerError::Restarted { epoch, last })
            } else if sequence < at {
                Err(ConsumerError::Backwards { at })
            } else if sequence > last {
                Err(ConsumerError::BeyondLast { last })
            } else {
                Ok(sequence)
            })
        })
        .await
    }

    /// Moves a consumer forward or back; on first use it is created.
    pub async fn seek(
        &self,
        by: &Actor,
        name: &Name,
        to: SeekTo,
        clock: &dyn Clock,
    ) -> Result<ConsumerRow, ConsumerError> {
        self.change(by, name, clock, Move::Seek, move |tx, _| {
            let found = to.resolve(&mut tx.snapshot())?;
            Ok(found.map_err(|last| ConsumerError::BeyondLast { last }))
        })
        .await
    }

    pub async fn forget_consumer(
        &self,
        by: &Actor,
        name: &Name,
        clock: &dyn Clock,
    ) -> Result<(), ConsumerError> {
        let (by, name, now) = (by.clone(), name.as_str().to_owned(), clock.now());
        let deleted = self
            .store
            .write("forget consumer", Lane::SHARED, move |tx| {
                let Some(known) = tx.lock_consumer(&by.reader, &name)? else {
                    return Ok(false);
                };
                let entry = by.did(Act::ConsumerDeleted, About::new("consumer", &name), now);
                tx.append_act(entry.changed(&sequence(known.acked_sequence), &Value::Null));
                tx.delete_consumer(&by.reader, &name)
            })
            .await?;
        deleted.then_some(()).ok_or(ConsumerError::Unknown)
    }

    pub async fn consumers(&self, reader: &str) -> Result<Vec<ConsumerRow>, StoreError> {
        let reader = reader.to_owned();
        self.store
            .read(move |snapshot| snapshot.consumers_of_reader(&reader))
            .await
    }

    /// Locks a consumer and moves it to what `cursor` computes from the present one.
    async fn change(
        &self,
        by: &Actor,
        name: &Name,
        clock: &dyn Clock,
        how: Move,
        cursor: impl Fn(&mut Tx<'_>, i64) -> Result<Result<i64, ConsumerError>, StoreError>
        + Send
        + 'static,
    ) -> Result<ConsumerRow, ConsumerError> {
        let now = clock.now();
        let fresh = ConsumerRow {
            reader: by.reader.clone(),
            name: name.as_str().to_owned(),
            acked_sequence: 0,
            created_at: now,
            updated_at: now,
        };
        let by = by.clone();
        let work = move |tx: &mut Tx<'_>| {
            let known = tx.lock_consumer(&fresh.reader, &fresh.name)?;
            if known.is_none() {
                if matches!(how, Move::Ack) {
                    return Ok(Err(ConsumerError::Unknown));
                }
                if tx.snapshot().count_consumers(&fresh.reader)? >= CONSUMERS_MAX {
                    return Ok(Err(ConsumerError::TooMany));
                }
            }
            let at = known.as_ref().map_or(0, |known| known.acked_sequence);
            let cursor = match cursor(tx, at)? {
                Ok(cursor) => cursor,
                Err(error) => return Ok(Err(error)),
            };
            let mut consumer = if let Some(known) = known {
                known
            } else {
                tx.insert_consumer(&fresh)?;
                let entry = by.did(Act::ConsumerMade, About::new("consumer", &fresh.name), now);
                tx.append_act(entry.changed(&Value::Null, &sequence(0)));
                fresh.clone()
            };
            if cursor != at {
                if let Some(act) = how.act(&consumer, now) {
                    let entry = by.did(act, About::new("consumer", &consumer.name), now);
                    tx.append_act(entry.changed(&sequence(at), &sequence(cursor)));
                }
                consumer.acked_sequence = cursor;
                consumer.updated_at = now;
                tx.move_consumer(&consumer)?;
            }
            Ok(Ok(consumer))
        };
        self.store
            .write("move consumer", Lane::SHARED, work)
            .await?
    }
}

fn sequence(sequence: i64) -> Value {
    json!({ "sequence": sequence })
}

/// How a consumer is used.
#[derive(Clone, Copy, Debug)]
enum Move {
    /// It is read from, and created at the beginning of the feed.
    Use,
    /// It is acknowledged. A misspelt name must not create one.
    Ack,
    /// It is moved anywhere, and created.
    Seek,
}

impl Move {
    /// The act of a move. Each page ends with an acknowledgement: the first of a minute is told, and where it moved
    /// from says how far the others of the minute before had come.
    fn act(self, consumer: &ConsumerRow, now: Timestamp) -> Option<Act> {
        let minute = |time: Timestamp| time.as_millis() / MINUTE_MS;
        let has_moved = consumer.updated_at > consumer.created_at;
        match self {
            Self::Use => None,
            Self::Ack if has_moved && minute(consumer.updated_at) == minute(now) => None,
            Self::Ack => Some(Act::ConsumerAcked),
            Self::Seek => Some(Act::ConsumerMoved),
        }
    }
}
