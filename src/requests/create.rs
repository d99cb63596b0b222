//! The intent: request, refund and first event in one commit, after every guard against refunding too much or twice.

use std::sync::Arc;

use serde_json::{Value, json};

use super::Requests;
use super::payment::check_sum;
use super::repeat::{Known, look_up, note_key};
use crate::domain::claim::{Account, RefundNo, Status};
use crate::domain::event::EventKind;
use crate::domain::ids::{ExternalId, RefundId};
use crate::domain::money::Amount;
use crate::domain::refund::Refund;
use crate::domain::request::intent::{FieldError, Intent};
use crate::domain::request::machine::Machine;
use crate::domain::request::{Mode, Progress, Request, State};
use crate::domain::time::Clock;
use crate::domain::trail::{About, Act, Actor};
use crate::failpoints::crash_point;
use crate::intake::Applying;
use crate::providers::outgoing::Client;
use crate::store::{Lane, RefundRow, StoreError, Tx};

/// Letters and digits of made numbers: no I, L, O and U.
const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// How a made number begins where the account says nothing.
const MADE_PREFIX: &str = "RF";
/// Shortest made number: 15 characters, which every provider takes.
const MADE_CHARS_MIN: usize = 15;
/// Random characters of one, at least: 65 bits.
const RANDOM_CHARS_MIN: usize = 13;

/// What a caller wants.
#[derive(Clone, Debug)]
pub struct NewRequest {
    pub account: Account,
    pub mode: Mode,
    /// `None`: a number is made.
    pub refund_no: Option<RefundNo>,
    pub intent: Intent,
    /// What the caller believes can still be refunded of the payment.
    pub amount_available: Option<Amount>,
    /// Who asks for it.
    pub by: Actor,
    /// The caller's idempotency key, and the body that it came with.
    pub key: Option<(String, Vec<u8>)>,
}

/// A request that is on disk.
#[derive(Debug)]
pub enum Created {
    New(Box<RefundRow>),
    /// The same was asked for before.
    Same(Box<RefundRow>),
    /// The same under the same idempotency key.
    SameKey(Box<RefundRow>),
}

/// Why nothing was created.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The account has no `[accounts.api]` section, or is not configured.
    #[error("the account cannot submit refunds")]
    CannotSubmit,
    #[error("the refund cannot be requested as asked")]
    Invalid(Vec<FieldError>),
    #[error("a refund with this number exists, with other content")]
    Exists(RefundId),
    #[error("the idempotency key was used with another body")]
    KeyReused,
    /// With what can still be refunded.
    #[error("more than was paid: {0} can still be refunded")]
    OverRefund(Amount),
    #[error("{0} can still be refunded")]
    AvailableMismatch(Amount),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Max tries where a concurrent call is first.
const ATTEMPTS_MAX: u32 = 3;

impl Requests {
    /// Commits an intent. Idempotent by number, and by idempotency key.
    pub async fn create(&self, new: NewRequest) -> Result<Created, CreateError> {
        let new = Arc::new(new);
        if let Some(created) = self.repeated(&new).await? {
            return Ok(created);
        }
        let api = self.api(&new.account).ok_or(CreateError::CannotSubmit)?;
        let refund_no = self.checked_number(&new, api.client.as_ref())?;
        for warning in api.client.warnings(refund_no.as_str(), &new.intent) {
            let (provider, account) = (&new.account.provider, &new.account.name);
            tracing::warn!(provider, account, "{warning}");
        }
        let numbers = Numbers::of(&new, refund_no, api.client.as_ref());
        let lane = Lane::of_refund(&new.account, Some(&numbers.refund_no));
        let clock = Arc::clone(&self.clock);
        let created = self.write_again("request refund", lane, move |tx| {
            create(tx, &new, &numbers, clock.as_ref())
        });
        let created = created.await??;
        crash_point!("request-created");
        self.wake.notify_one();
        Ok(created)
    }

    /// The number of a request that the provider would take: the caller's, or one that is made.
    fn checked_number(
        &self,
        new: &NewRequest,
        client: &dyn Client,
    ) -> Result<RefundNo, CreateError> {
        let now = self.clock.now().to_timestamp().unwrap_or_default();
        let refund_no = match (&new.refund_no, new.mode) {
            (Some(number), _) => Some(number.clone()),
            (None, Mode::Submit) => Some(self.made_number(client)?),
            (None, Mode::Watch) => None,
        };
        // A made number obeys the provider's rules as a caller's does.
        let number = refund_no.as_ref().map(RefundNo::as_str);
        let mut errors = client.check(number, &new.intent, now);
        if !errors.is_empty() {
            if new.refund_no.is_none() {
                tell_that_no_number_fits(&mut errors);
            }
            return Err(CreateError::Invalid(errors));
        }
        refund_no.ok_or_else(|| {
            invalid_number("is required to watch a refund that another system has sent")
        })
    }

    /// A concurrent call with the same number or key that was first has committed by then, so the next try finds
    /// what it made.
    pub(super) async fn write_again<T, F>(
        &self,
        name: &'static str,
        lane: Lane,
        write: F,
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>) -> Result<T, StoreError> + Send + Sync + 'static,
    {
        let write = Arc::new(write);
        let mut tried = 1;
        loop {
            let write = Arc::clone(&write);
            match self.store.write(name, lane, move |tx| write(tx)).await {
                Err(StoreError::Locked) if tried < ATTEMPTS_MAX => tried += 1,
                written => return written,
            }
        }
    }

    /// The prefix of the account's numbers, or `RF`, and random characters behind it.
    fn made_number(&self, client: &dyn Client) -> Result<RefundNo, CreateError> {
        let prefix = client.number_prefix().unwrap_or(MADE_PREFIX);
        let chars = MADE_CHARS_MIN
            .saturating_sub(prefix.chars().count())
            .max(RANDOM_CHARS_MIN);
        let text = format!("{prefix}{}", self.random_text(chars));
        let number = text.parse::<ExternalId>();
        number
            .map(RefundNo::from)
            .map_err(|flaw| invalid_number(flaw.to_string()))
    }

    /// At most 14 characters.
    fn random_text(&self, chars: usize) -> String {
        let bytes = u128::from_be_bytes(*self.clock.new_uuid().as_bytes());
        // The last 62 bits are random, and so are 12 in bytes 6 and 7.
        let mut bits = (bytes >> 64 & 0xfff) << 62 | bytes & ((1 << 62) - 1);
        let mut text = String::with_capacity(chars);
        for _ in 0..chars {
            let place = usize::try_from(bits & 31).unwrap_or(0);
            text.push(char::from(CROCKFORD[place]));
            bits >>= 5;
        }
        text
    }
}

/// The prefix of the account is too long for a made number: the caller gave none that could be wrong.
fn tell_that_no_number_fits(errors: &mut [FieldError]) {
    for error in errors
        .iter_mut()
        .filter(|error| error.pointer == "/refund_no")
    {
        error.detail = format!(
            "is required: a number that is made has {RANDOM_CHARS_MIN} characters behind refund_no_prefix of the \
             account, and that is not one that the provider takes; give one, or shorten the prefix"
        );
    }
}

fn invalid_number(what: impl Into<String>) -> CreateError {
    CreateError::Invalid(vec![FieldError::new("/refund_no", what)])
}

/// The numbers of a request, and how its provider tells them apart.
struct Numbers {
    refund_no: RefundNo,
    key: String,
    payment_key: Option<String>,
}

impl Numbers {
    fn of(new: &NewRequest, refund_no: RefundNo, client: &dyn Client) -> Self {
        let payment = new.intent.payment().map(ExternalId::as_str);
        Self {
            key: client.number_key(refund_no.as_str()),
            payment_key: payment.map(|payment| client.number_key(payment)),
            refund_no,
        }
    }
}

pub(super) type Outcome = Result<Created, CreateError>;

/// Nothing is written before every guard has passed: what is returned here commits.
fn create(
    tx: &mut Tx<'_>,
    new: &NewRequest,
    numbers: &Numbers,
    clock: &dyn Clock,
) -> Result<Outcome, StoreError> {
    let refund_no = &numbers.refund_no;
    match look_up(tx, new, clock)? {
        Known::Answered(outcome) => return Ok(outcome),
        Known::ByCallbacks(known) => return watch(tx, new, known.refund(), numbers, clock),
        Known::Unknown => {}
    }
    // Equal to another number but for what the provider does not tell apart.
    if let Some(other) = tx
        .snapshot()
        .request_of_number(&new.account, &numbers.key)?
    {
        let request = tx.snapshot().request(other)?;
        if request.is_some_and(|request| request.refund_no == *refund_no) {
            // A concurrent call has committed it since it was looked for; the next try finds it.
            return Err(StoreError::Locked);
        }
        return Ok(Err(CreateError::Exists(other)));
    }
    if let Err(error) = check_sum(tx, new, numbers.payment_key.as_deref())? {
        return Ok(Err(error));
    }
    let request = request(new, numbers, clock);
    let locked = tx.insert_refund(Refund::requested(&request))?;
    // A concurrent transaction inserted it, and has committed by now.
    let locked = locked.ok_or(StoreError::Locked)?;
    if !tx.insert_request(&request, &numbers.key)? {
        return Err(StoreError::SerializationFailure(
            "a request with this number appeared".to_owned(),
        ));
    }
    let refund_id = request.refund_id;
    append_act(tx, new, &request);
    note_key(tx, new, refund_id, clock)?;
    Applying::new(tx, clock, locked, None)
        .with_request(Some(request))
        .finish(vec![EventKind::RefundRequested])?;
    let row = tx.snapshot().known_refund(refund_id)?;
    Ok(Ok(Created::New(row)))
}

fn append_act(tx: &mut Tx<'_>, new: &NewRequest, request: &Request) {
    let (account, intent) = (&request.account, &request.intent);
    let about = About::refund(request.refund_id);
    let mut entry = new
        .by
        .did(Act::RefundRequested, about, request.requested_at);
    if let Some(reason) = &intent.reason {
        entry = entry.because(reason);
    }
    let is = json!({
        "provider": account.provider,
        "account": account.name,
        "refund_no": request.refund_no.as_str(),
        "payment": intent.payment().map(ExternalId::as_str),
        "amount": intent.money.amount_text(),
        "currency": intent.money.currency.code(),
        "mode": request.mode.as_str(),
        "state": request.machine.state.as_str(),
    });
    tx.append_act(entry.changed(&Value::Null, &is));
}

/// A refund with this number is known from callbacks: it can only be watched. Its callback may have been faster than
/// the one who watches.
fn watch(
    tx: &mut Tx<'_>,
    new: &NewRequest,
    known: &Refund,
    numbers: &Numbers,
    clock: &dyn Clock,
) -> Result<Outcome, StoreError> {
    let id = known.id;
    // The provider knows the number already.
    if new.mode != Mode::Watch {
        return Ok(Err(CreateError::Exists(id)));
    }
    let mut request = request(new, numbers, clock);
    request.refund_id = id;
    request.machine.state = match known.status {
        Status::Pending => State::Accepted,
        Status::Succeeded => State::Done,
        Status::Failed | Status::Canceled => State::Failed,
    };
    if request.machine.state.is_final() {
        request.next_at = None;
    }
    if !tx.insert_request(&request, &numbers.key)? {
        return Ok(Err(CreateError::Exists(id)));
    }
    append_act(tx, new, &request);
    note_key(tx, new, id, clock)?;
    let row = tx.snapshot().known_refund(id)?;
    Ok(Ok(Created::New(row)))
}

fn request(new: &NewRequest, numbers: &Numbers, clock: &dyn Clock) -> Request {
    let now = clock.now();
    Request {
        refund_id: RefundId::new(clock.new_uuid()),
        account: new.account.clone(),
        refund_no: numbers.refund_no.clone(),
        payment_key: numbers.payment_key.clone(),
        mode: new.mode,
        intent: new.intent.clone(),
        requested_by: new.by.reader.clone(),
        requested_at: now,
        machine: Machine::new(new.mode),
        progress: Progress {
            since: Some(now),
            ..Progress::default()
        },
        last_attempt_at: None,
        next_at: Some(now),
        last_reply: None,
        fence: 0,
        updated_at: now,
    }
}
