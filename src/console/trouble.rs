//! Why a page cannot be shown, or an act was not done. The guard makes a page of it, in the reader's language.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};

use crate::config::Scope;
use crate::console::language::text::Text;
use crate::store::StoreError;

#[derive(Debug)]
pub enum Trouble {
    /// No page or thing has this address.
    NotFound,
    /// The user's token lacks this scope.
    Forbidden(Scope),
    /// A form that another site sent.
    ForeignForm,
    /// A form of a session that has ended, or of none.
    StaleForm,
    /// A parameter or field; what is wrong with it.
    Invalid(String),
    /// More than the console works on; the limit.
    TooLarge(String),
    /// The state does not allow it; why.
    Conflict(String),
    /// So many requests of this user are under way.
    TooMany,
    /// Beyond the rate limit of the reader; seconds until the next is taken.
    RateLimited(u64),
    /// The browser has gone.
    HungUp,
    /// The page cannot be written; memory takes all of it, so this is hardly ever seen.
    Unwritten,
    /// The store cannot answer.
    Store(StoreError),
}

impl Trouble {
    pub const fn title(&self) -> Text {
        match self {
            Self::NotFound => Text::NoSuchPage,
            Self::Forbidden(_) => Text::NotAllowed,
            Self::ForeignForm | Self::StaleForm => Text::FormNotTaken,
            Self::Invalid(_) | Self::TooLarge(_) => Text::CannotRead,
            Self::Conflict(_) => Text::NotDone,
            Self::RateLimited(_) => Text::RateLimited,
            Self::TooMany | Self::HungUp | Self::Unwritten | Self::Store(_) => Text::TryAgain,
        }
    }

    /// What to do about it.
    pub const fn advice(&self) -> Text {
        match self {
            Self::NotFound => Text::NoSuchPageAdvice,
            Self::Forbidden(_) => Text::NotAllowedAdvice,
            Self::ForeignForm => Text::ForeignFormAdvice,
            Self::StaleForm => Text::StaleFormAdvice,
            Self::Invalid(_) => Text::CannotReadAdvice,
            Self::TooLarge(_) => Text::TooLargeAdvice,
            Self::Conflict(_) => Text::NotDoneAdvice,
            Self::RateLimited(_) => Text::RateLimitedAdvice,
            Self::TooMany | Self::HungUp | Self::Unwritten | Self::Store(_) => Text::TryAgainAdvice,
        }
    }

    /// Details, where there are some.
    pub fn detail(&self) -> String {
        match self {
            Self::Forbidden(scope) => scope.as_str().to_owned(),
            Self::Invalid(what) | Self::Conflict(what) | Self::TooLarge(what) => what.clone(),
            Self::RateLimited(seconds) => format!("{seconds} s"),
            _ => String::new(),
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.title())
    }
}

impl ResponseError for Trouble {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Forbidden(_) | Self::ForeignForm | Self::StaleForm => StatusCode::FORBIDDEN,
            Self::Invalid(_) => StatusCode::BAD_REQUEST,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::TooMany | Self::RateLimited(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Unwritten => StatusCode::INTERNAL_SERVER_ERROR,
            Self::HungUp | Self::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status_code())
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
