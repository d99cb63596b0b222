//! What a provider's settlement file says of refunds: noted once a file, and a question where it differs. A file
//! moves no refund.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Applying, Intake};
use crate::crypto::hex;
use crate::domain::claim::Account;
use crate::domain::decision::SecondPerson;
use crate::domain::ids::RefundId;
use crate::domain::refund::parity::{Parity, Said};
use crate::domain::time::Clock;
use crate::domain::trail::{About, Act, Actor};
use crate::store::{Lane, NewParity, StoreError, Tx};

/// A file that was compared.
#[derive(Clone, Debug)]
pub struct SettlementFile {
    pub account: Account,
    /// SHA-256 of its bytes.
    pub hash: [u8; 32],
    /// The day that it is for.
    pub day: Option<String>,
    /// Who compared it.
    pub by: Actor,
    /// Why, where a person was asked.
    pub reason: Option<String>,
    /// From which amount on the word of one person, and so a file that one person brings, answers no question.
    pub second_person: Arc<SecondPerson>,
}

/// What it says of one refund.
#[derive(Clone, Copy, Debug)]
pub struct SettlementRow {
    pub refund_id: RefundId,
    pub line: Option<u32>,
    pub said: Said,
}

/// What came of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noted {
    /// It asks a person.
    Raised,
    /// It says what is known.
    Agrees,
    /// The same file said so before.
    Known,
    /// The account has no such refund.
    NoRefund,
}

impl Intake {
    /// Notes what a file says of a refund as it is now, and leaves a question where the two differ. Idempotent by the
    /// bytes of the file.
    pub async fn note_settlement(
        &self,
        file: &Arc<SettlementFile>,
        row: SettlementRow,
    ) -> Result<Noted, StoreError> {
        let (file, clock) = (Arc::clone(file), Arc::clone(&self.clock));
        self.store
            .write("note settlement", Lane::SHARED, move |tx| {
                note(tx, &file, row, clock.as_ref())
            })
            .await
    }
}

fn note(
    tx: &mut Tx<'_>,
    file: &SettlementFile,
    row: SettlementRow,
    clock: &dyn Clock,
) -> Result<Noted, StoreError> {
    let id = row.refund_id;
    let Some(locked) = tx.lock_refund_by_id(id)? else {
        return Ok(Noted::NoRefund);
    };
    if locked.refund().account != file.account {
        return Ok(Noted::NoRefund);
    }
    let now = clock.now();
    let parity = Parity::of(locked.refund(), row.said);
    let new = NewParity {
        refund_id: id,
        file_hash: file.hash,
        parity,
        day: file.day.clone(),
        line: row.line,
        noted_by: file.by.reader.clone(),
    };
    if !tx.note_parity(&new, now)? {
        return Ok(Noted::Known);
    }
    let answered = locked.refund().answered_by_match();
    let needs_two = file.second_person.is_needed(&[locked.refund().money]);
    if parity == Parity::Match && (answered.is_empty() || needs_two) {
        return Ok(Noted::Agrees);
    }
    let was = match parity {
        Parity::Match => json!({"questions": answered}),
        _ => Value::Null,
    };
    let is = json!({"file_sha256": hex(&file.hash), "line": row.line, "parity": parity.as_str()});
    let entry = file.by.did(Act::SettlementNoted, About::refund(id), now);
    let entry = match &file.reason {
        Some(reason) => entry.because(reason),
        None => entry,
    };
    tx.append_act(entry.changed(&was, &is));
    let close_out = tx.snapshot().close_out(id)?;
    let request = tx.lock_request(id)?;
    let mut changed = locked.refund().clone();
    changed.note_parity(parity, now);
    if changed != *locked.refund() {
        changed.updated_at = now;
        let mut applying = Applying::new(tx, clock, locked, close_out).with_request(request);
        applying.change(changed);
        applying.finish(Vec::new())?;
    }
    Ok(match parity {
        Parity::Match => Noted::Agrees,
        _ => Noted::Raised,
    })
}
