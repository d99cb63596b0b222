//! A cursor in the body of a request: `"earliest"`, `{"time": …}` and so on.

use std::fmt;

use serde::de::{Error, IgnoredAny, MapAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{
    AdditionalProperties, ObjectBuilder, OneOfBuilder, Ref, Schema, Type,
};

use crate::domain::time::Timestamp;
use crate::feed::SeekTo;
use crate::http::internal::problem::ApiError;

/// Where in the feed to go on.
pub enum FeedCursor {
    Earliest,
    Latest,
    Sequence(i64),
    Time(Timestamp),
}

/// Not derived, because the derived code accepts `{"earliest":null}` as a word, too.
impl<'de> Deserialize<'de> for FeedCursor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Forms)
    }
}

/// Reads the forms of [`schema`].
struct Forms;

impl<'de> Visitor<'de> for Forms {
    type Value = FeedCursor;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"earliest\", \"latest\", {\"sequence\":N} or {\"time\":\"…\"}")
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<FeedCursor, E> {
        match word {
            "earliest" => Ok(FeedCursor::Earliest),
            "latest" => Ok(FeedCursor::Latest),
            _ => Err(E::invalid_value(Unexpected::Str(word), &self)),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<FeedCursor, A::Error> {
        let name: Option<String> = members.next_key()?;
        let cursor = match name.as_deref() {
            Some("sequence") => FeedCursor::Sequence(members.next_value()?),
            Some("time") => {
                let text: String = members.next_value()?;
                // `Timestamp` itself accepts more spellings than are documented.
                FeedCursor::Time(Timestamp::from_rfc3339(&text).map_err(A::Error::custom)?)
            }
            _ => return Err(A::Error::invalid_type(Unexpected::Map, &self)),
        };
        match members.next_key::<IgnoredAny>()? {
            None => Ok(cursor),
            Some(_) => Err(A::Error::invalid_length(2, &self)),
        }
    }
}

impl FeedCursor {
    /// Checks the number.
    pub fn seek_to(self) -> Result<SeekTo, ApiError> {
        match self {
            Self::Earliest => Ok(SeekTo::Earliest),
            Self::Latest => Ok(SeekTo::Latest),
            Self::Sequence(sequence) => Ok(SeekTo::Sequence(not_negative(sequence)?)),
            Self::Time(time) => Ok(SeekTo::Time(time)),
        }
    }
}

/// The forms of [`FeedCursor`].
pub fn schema() -> Schema {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let number = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(0));
    let only = |name: &str, value: RefOr<Schema>| {
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .property(name, value)
            .required(name)
            .additional_properties(Some(AdditionalProperties::FreeForm(false)))
    };
    let forms = OneOfBuilder::new()
        .item(text().enum_values(Some(["earliest", "latest"])))
        .item(only("sequence", number.into()))
        .item(only("time", Ref::from_schema_name("Timestamp").into()));
    forms.into()
}

/// Checks a sequence number.
pub fn not_negative(sequence: i64) -> Result<i64, ApiError> {
    if sequence < 0 {
        let detail = "sequence must be a whole number, 0 or more";
        return Err(ApiError::InvalidBody(detail.to_owned()));
    }
    Ok(sequence)
}
