//! What the server says, in the store's words.
//! <https://www.postgresql.org/docs/current/errcodes-appendix.html>

use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use crate::store::StoreError;

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        let Some(said) = error.as_db_error() else {
            let text = with_cause(&error);
            return if is_about_trust(&error) {
                Self::Open(text)
            } else {
                Self::Away(text)
            };
        };
        let text = format!("{} ({})", said.message(), said.code().code());
        let code = said.code();
        // Losers of a race: the whole job is run again.
        if [
            SqlState::T_R_SERIALIZATION_FAILURE,
            SqlState::T_R_DEADLOCK_DETECTED,
            SqlState::LOCK_NOT_AVAILABLE,
        ]
        .contains(code)
        {
            return Self::SerializationFailure(text);
        }
        match code.code() {
            // Cancelled by statement_timeout or by an operator.
            "57014" => Self::Busy(text),
            "53100" => Self::Full(text),
            "25006" => Self::ReadOnly(text),
            code => match &code[..2] {
                // Connection, resources, operator's intervention, a disk of the server's.
                "08" | "53" | "57" | "58" => Self::Away(text),
                // A wrong password, database or right: another connection gets no further.
                "28" | "3D" => Self::Open(text),
                "23" => Self::Constraint(text),
                _ => Self::Statement(text),
            },
        }
    }
}

/// The crate's own words name only the step that failed; the cause says why.
fn with_cause(error: &Error) -> String {
    use std::error::Error as _;
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

/// Whether a certificate was not believed, or the two sides have no way of talking in common: another
/// connection gets no further.
fn is_about_trust(error: &Error) -> bool {
    use std::error::Error as _;
    let io = error
        .source()
        .and_then(|cause| cause.downcast_ref::<std::io::Error>());
    let inner = io.and_then(std::io::Error::get_ref);
    inner
        .and_then(|inner| inner.downcast_ref::<rustls::Error>())
        .is_some()
}
