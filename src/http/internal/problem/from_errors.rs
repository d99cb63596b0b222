//! Which problem each error of the functions behind the API is.

use super::ApiError;
use crate::api::problem::Code;
use crate::decisions::DecideError;
use crate::domain::request::intent::FieldError;
use crate::feed::{ConsumerError, FeedError};
use crate::push::RecoverError;
use crate::requests::CreateError;
use crate::store::StoreError;

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Damaged(_) => Self::Damaged,
            other => Self::Unavailable(other),
        }
    }
}

impl From<CreateError> for ApiError {
    fn from(error: CreateError) -> Self {
        match error {
            CreateError::CannotSubmit => Self::AccountCannotSubmit(
                "the account is not configured, or has no [accounts.api] section to send by".into(),
            ),
            CreateError::Invalid(errors) => Self::InvalidRefund(errors),
            CreateError::Exists(id) => Self::RefundExists(id),
            CreateError::KeyReused => Self::IdempotencyKeyReused,
            CreateError::OverRefund(amount) => Self::OverRefund(amount),
            CreateError::AvailableMismatch(amount) => Self::AmountAvailable(amount),
            CreateError::Store(error) => error.into(),
        }
    }
}

impl From<DecideError> for ApiError {
    fn from(error: DecideError) -> Self {
        let (code, detail) = match error {
            DecideError::NoRefund => return Self::NotFound("refund"),
            DecideError::NoProposal => return Self::NotFound("decision that waits"),
            DecideError::Ambiguous => {
                let what = "is required: several questions of this kind are open";
                return Self::InvalidDecision(vec![FieldError::new("/callback_id", what)]);
            }
            DecideError::KeyReused => return Self::IdempotencyKeyReused,
            DecideError::Store(error) => return error.into(),
            DecideError::NoSuchQuestion => (
                Code::NoSuchQuestion,
                "no such question is open: it was never raised, or is answered; see attention, and \
                 GET /v1/refunds/{id}/decisions"
                    .to_owned(),
            ),
            DecideError::NotAllowed(why) => (Code::DecisionNotAllowed, why.to_string()),
            DecideError::OverRefund => (
                Code::DecisionNotAllowed,
                "the close-out is done, and would take back more than was paid with this amount"
                    .to_owned(),
            ),
            DecideError::Waits(_) => (Code::DecisionWaits, error.to_string()),
            DecideError::Ended(_) => (Code::DecisionEnded, error.to_string()),
            DecideError::SamePerson => (
                Code::SamePerson,
                "you decided this yourself; another reader with the scope operate has to agree"
                    .to_owned(),
            ),
            DecideError::NothingToCloseOut => (
                Code::NothingToCloseOut,
                "the refund has no close-out, or it is done; see closeout".to_owned(),
            ),
        };
        Self::NotDecided(code, detail)
    }
}

impl From<RecoverError> for ApiError {
    fn from(error: RecoverError) -> Self {
        let detail = error.to_string();
        match error {
            RecoverError::Unknown => Self::NotFound("endpoint"),
            RecoverError::BeyondLast { .. } => Self::SequenceUnknown(detail),
            RecoverError::Store(error) => error.into(),
        }
    }
}

impl From<ConsumerError> for ApiError {
    fn from(error: ConsumerError) -> Self {
        let detail = error.to_string();
        match error {
            ConsumerError::Unknown => Self::NotFound("consumer"),
            ConsumerError::TooMany => Self::TooManyConsumers(detail),
            ConsumerError::Backwards { .. } => Self::AckBackwards(detail),
            ConsumerError::BeyondLast { .. } => Self::SequenceUnknown(detail),
            ConsumerError::Restarted { epoch, last } => Self::FeedRestarted {
                epoch,
                last,
                detail,
            },
            ConsumerError::Store(error) => error.into(),
        }
    }
}

impl From<FeedError> for ApiError {
    fn from(error: FeedError) -> Self {
        let detail = error.to_string();
        match error {
            FeedError::Restarted { epoch, last } => Self::FeedRestarted {
                epoch,
                last,
                detail,
            },
            FeedError::BeyondLast { .. } => Self::SequenceUnknown(detail),
            FeedError::Store(error) => error.into(),
        }
    }
}
