//! From Content-Type and body to a report whose members are all there and valid.
//!
//! The original answers a body it cannot read, and a member it does not like, by leaving the
//! parameter or the member empty and letting the action run. What callers saw then was `errcode`,
//! so that is what they get here, with one text that names everything that is wrong. Only a media
//! unknown type is an HTTP error (415).

pub(super) mod bson;
pub(super) mod form;
pub(super) mod json;
pub(super) mod xml;

use std::borrow::Cow;
use std::fmt;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

use crate::domain::money::Amount;
use crate::domain::money::decimal::Spelling;

use super::media::{Charset, MediaRange, MediaType, Syntax};
use super::members::{Fault, Member, Members};

/// One refund that has ended well, as the merchant's notification page reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndSingle {
    /// Batch number of the refund application: 1 to 200 printable UTF-16 code units, no slash.
    pub batchno: String,
    /// Trade number of the payment: 1 to 100 printable UTF-16 code units.
    pub trandeno: String,
    /// What was refunded, in yuan: greater than zero, at most two decimals.
    pub refundmoney: Amount,
}

/// Why a request is no report.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// HTTP 415; `message` is for [`crate::providers::epay::ErrorMessage`].
    #[error("{message}")]
    UnsupportedMedia {
        /// Web API's sentence about the media type.
        message: String,
    },
    /// `errcode` 1; the text of the problems is for `errmsg`.
    #[error("{0}")]
    Invalid(Problems),
}

/// Everything that is wrong with a report; never empty. Its text is one line and repeats nothing
/// of what was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// The problems one by one, members in the order batchno, trandeno, refundmoney.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }

    /// What each of them is about: a member, or the body.
    pub fn places(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|problem| match problem {
            Problem::Body(_) => "body",
            Problem::Member(member, _) => member.name(),
        })
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{problem}")?;
        }
        Ok(())
    }
}

/// One thing that is wrong with a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The body as a whole.
    #[error("the request body {0}")]
    Body(BodyFault),
    /// One member of it.
    #[error("{0} {1}")]
    Member(Member, Fault),
}

/// Why no member could be read at all, worded to follow "the request body".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyFault {
    /// Bytes that are no text in the charset of the request.
    #[error("is not text in its charset")]
    Charset,
    /// Neither a JSON object nor null, or broken before its end.
    #[error("is not a JSON object")]
    Json,
    /// Not well-formed.
    #[error("is not a well-formed XML document")]
    Xml,
    /// Another root element or namespace.
    #[error("does not have the root element EPayEndRefundSuccessParm in its namespace")]
    XmlRoot,
    /// A document type or a processing instruction.
    #[error("contains a DOCTYPE or a processing instruction")]
    XmlForbidden,
    /// An XML declaration that names another encoding than the one in use.
    #[error("declares another encoding than it has")]
    XmlEncoding,
    /// Truncated, with a wrong length or garbage.
    #[error("is not a BSON document")]
    Bson,
    /// More levels or attributes than any caller needs.
    #[error("is nested too deeply or has too many attributes")]
    TooComplex,
}

/// Reads a report. The caller has limited the length of `body`.
pub fn decode(content_type: Option<&str>, body: &[u8]) -> Result<EndSingle, DecodeError> {
    // Without a body Web API looks at no media type: the parameter is null and the action runs.
    if body.is_empty() {
        return check(Members::default(), Spelling::Grouped);
    }
    let sent = content_type
        .and_then(MediaRange::parse)
        .ok_or_else(untyped_body)?;
    let media = MediaType::READ
        .into_iter()
        .find(|media| sent.covers(*media))
        .ok_or_else(|| unknown_media(&sent))?;
    let charset = sent.charset().unwrap_or(Charset::Utf8);
    match media.syntax() {
        Syntax::Json => {
            let (text, _) = decode_text(body, charset)?;
            check(json::read(&text)?, Spelling::Grouped)
        }
        Syntax::Xml => {
            let (text, charset) = decode_text(body, charset)?;
            check(xml::read(&text, charset)?, Spelling::XmlDecimal)
        }
        Syntax::Form => check(form::read(body), Spelling::Float),
        Syntax::Bson => check(bson::read(body)?, Spelling::Grouped),
    }
}

impl From<BodyFault> for DecodeError {
    fn from(fault: BodyFault) -> Self {
        Self::Invalid(Problems(vec![Problem::Body(fault)]))
    }
}

fn check(members: Members, spelling: Spelling) -> Result<EndSingle, DecodeError> {
    members
        .check(spelling)
        .map_err(|problems| DecodeError::Invalid(Problems(problems)))
}

/// Text of JSON or XML, and the charset it really had: a byte order mark wins over the header, as
/// in .NET's readers. Bytes that mean nothing in that charset are rejected, not replaced.
fn decode_text(body: &[u8], charset: Charset) -> Result<(Cow<'_, str>, Charset), BodyFault> {
    let named: &'static Encoding = match charset {
        Charset::Utf8 => UTF_8,
        Charset::Utf16 => UTF_16LE,
    };
    let (encoding, mark_length) = Encoding::for_bom(body).unwrap_or((named, 0));
    let text = encoding
        .decode_without_bom_handling_and_without_replacement(&body[mark_length..])
        .ok_or(BodyFault::Charset)?;
    let is_utf16 = encoding == UTF_16LE || encoding == UTF_16BE;
    let charset = if is_utf16 {
        Charset::Utf16
    } else {
        Charset::Utf8
    };
    Ok((text, charset))
}

fn untyped_body() -> DecodeError {
    DecodeError::UnsupportedMedia {
        message: "The request contains an entity body but no Content-Type header. The inferred \
                  media type 'application/octet-stream' is not supported for this resource."
            .to_owned(),
    }
}

fn unknown_media(sent: &MediaRange<'_>) -> DecodeError {
    DecodeError::UnsupportedMedia {
        message: format!(
            "The request entity's media type '{}' is not supported for this resource.",
            sent.name()
        ),
    }
}
