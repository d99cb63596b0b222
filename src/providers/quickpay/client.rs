//! Sends refunds to `QuickPay` and asks for their outcome. No document describes how a caller proves itself, so an
//! account sends the static headers of its config. Replies are signed by nothing but their TLS.
//!
//! The documents want a failed refund sent again under the same number, which makes a resend safe here.

use std::time::Duration;

use secrecy::SecretString;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value as Json, json};

use super::codes::{HTTP, STATUSES, SUCCESS};
use super::{request, wire};
use crate::domain::claim::{Claim, Outcome, Reason};
use crate::domain::ids::ExternalId;
use crate::domain::request::Class;
use crate::domain::request::intent::{FieldError, Intent};
use crate::domain::request::timetable::{NotFoundRule, Timetable, hours, minutes};
use crate::providers::VerifiedClaim;
use crate::providers::json::{Object, Value};
use crate::providers::member::shown;
use crate::providers::outgoing::{
    Answer, Call, Client, HeaderValue, Method, Outgoing, Reply, Step,
};
