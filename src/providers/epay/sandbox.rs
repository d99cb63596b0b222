//! Reports as a caller writes them, in every format, for `trigger`, `demo` and the tests; and the
//! one number of the reply that such a caller looks at.
//!
//! Money is a text in all four formats: its digits arrive as they were typed, where a JSON or BSON
//! number could pass through floating point.

use bson::RawDocumentBuf;
use bson::raw::{RawDocument, cstr};
use quick_xml::escape::escape;

use super::wire::media::{MediaRange, MediaType, Syntax};
use super::{XML_INSTANCE_NAMESPACE, XML_REQUEST_NAMESPACE, XML_REQUEST_ROOT};
use crate::domain::claim::Status;
use crate::providers::sandbox::{Example, Form, Sandbox, SignedRequest, Write};

/// How `EPay`'s caller is played.
pub(super) const SANDBOX: Sandbox = Sandbox {
    vendor: "EPay",
    account: "default",
    members: "",
    forms: &[Form {
        name: "epay",
        help: "EPay `EndSingle/Success`",
        proof: None,
        write: Write::Report(request),
        has: &Status::ALL,
        acknowledgement: "",
        example: Example {
            system: "epay",
            refund_no: "",
            order_no: "",
            amount: "30.00",
            succeeded: "succeeded 30.00 CNY",
            failed: "",
            open: ("", ""),
        },
    }],
};

/// A report under the caller's token; the refund number is `batchno/trandeno`, as readers see it.
fn request(
    wanted: &crate::providers::sandbox::Sample<'_>,
    token: &str,
) -> Result<SignedRequest, String> {
    if wanted.status != Some(Status::Succeeded) {
        return Err("EPay only ever reports success; leave out --outcome".to_owned());
    }
    let Some((batchno, trandeno)) = wanted.refund_no.split_once('/') else {
        return Err("an EPay refund number is batchno/trandeno".to_owned());
    };
    let report = Sample {
        batchno,
        trandeno,
        refundmoney: wanted.amount,
    };
    // A caller reads what it writes; forms are never written by the service.
    let accepted = match wanted.media {
        MediaType::Form => MediaType::ApplicationJson,
        media => media,
    };
    Ok(SignedRequest {
        headers: vec![
            ("content-type", wanted.media.name().to_owned()),
            ("accept", accepted.name().to_owned()),
            ("authorization", format!("Bearer {token}")),
        ],
        body: sample(&report, wanted.media),
    })
}

/// What a made report shall say; nothing of it is checked, so that a mistake can be sent, too.
#[derive(Clone, Copy, Debug)]
pub struct Sample<'a> {
    /// Batch number of the refund application.
    pub batchno: &'a str,
    /// Trade number of the payment.
    pub trandeno: &'a str,
    /// What was refunded: decimal text in yuan.
    pub refundmoney: &'a str,
}

/// The body of a request whose Content-Type is [`MediaType::name`] of `media`; text is UTF-8.
pub fn sample(sample: &Sample<'_>, media: MediaType) -> Vec<u8> {
    match media.syntax() {
        Syntax::Json => json(sample).into_bytes(),
        Syntax::Xml => xml(sample).into_bytes(),
        Syntax::Form => form(sample).into_bytes(),
        Syntax::Bson => bson(sample),
    }
}

fn json(sample: &Sample<'_>) -> String {
    serde_json::json!({
        "batchno": sample.batchno,
        "trandeno": sample.trandeno,
        "refundmoney": sample.refundmoney,
    })
    .to_string()
}

/// Elements in the order of their names, as the original's own serializer writes them.
fn xml(sample: &Sample<'_>) -> String {
    format!(
        "<{XML_REQUEST_ROOT} xmlns:i=\"{XML_INSTANCE_NAMESPACE}\" \
         xmlns=\"{XML_REQUEST_NAMESPACE}\"><batchno>{}</batchno>\
         <refundmoney>{}</refundmoney><trandeno>{}</trandeno></{XML_REQUEST_ROOT}>",
        escape(sample.batchno),
        escape(sample.refundmoney),
        escape(sample.trandeno),
    )
}

fn form(sample: &Sample<'_>) -> String {
    form_urlencoded::Serializer::new(String::new())
        .append_pair("batchno", sample.batchno)
        .append_pair("trandeno", sample.trandeno)
        .append_pair("refundmoney", sample.refundmoney)
        .finish()
}

fn bson(sample: &Sample<'_>) -> Vec<u8> {
    let mut document = RawDocumentBuf::new();
    document.append(cstr!("batchno"), sample.batchno);
    document.append(cstr!("trandeno"), sample.trandeno);
    document.append(cstr!("refundmoney"), sample.refundmoney);
    document.into_bytes()
}

/// The `errcode` of a reply in UTF-8; `None` where the reply has none, as that of a 401.
pub fn errcode_of(content_type: &str, body: &[u8]) -> Option<i32> {
    let range = MediaRange::parse(content_type)?;
    let media = MediaType::WRITTEN
        .into_iter()
        .flatten()
        .find(|media| range.covers(**media))?;
    match media.syntax() {
        Syntax::Json | Syntax::Form => {
            let reply: serde_json::Value = serde_json::from_slice(body).ok()?;
            reply["errcode"].as_i64()?.try_into().ok()
        }
        Syntax::Xml => {
            let (_, rest) = std::str::from_utf8(body).ok()?.split_once("<errcode>")?;
            rest.split_once("</errcode>")?.0.parse().ok()
        }
        Syntax::Bson => RawDocument::from_bytes(body).ok()?.get_i32("errcode").ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{CommonOperationResult, EndSingle, ErrCode, ErrorMessage, decode};
    use super::super::{NegotiationHeaders, negotiate};
    use super::*;

    #[test]
    fn what_is_written_is_what_is_read_in_every_format() {
        let made = Sample {
            batchno: "B <&\"> +%1 批",
            trandeno: "T='2'/3",
            refundmoney: "3.50",
        };
        for media in MediaType::READ {
            let body = sample(&made, media);
            let expected = EndSingle {
                batchno: made.batchno.to_owned(),
                trandeno: made.trandeno.to_owned(),
                refundmoney: "3.5".to_owned().try_into().unwrap(),
            };
            assert_eq!(decode(Some(media.name()), &body), Ok(expected), "{media:?}");
        }
    }

    #[test]
    fn the_errcode_is_found_in_every_format_and_nowhere_else() {
        for media in MediaType::WRITTEN.into_iter().flatten() {
            let format = negotiate(&NegotiationHeaders {
                accept: Some(media.name()),
                ..NegotiationHeaders::default()
            });
            let (kind, body) = CommonOperationResult::from(ErrCode::Invalid).encode(format);
            assert_eq!(errcode_of(&kind, &body), Some(1), "{kind}");
            let (kind, body) = ErrorMessage::unauthorized().encode(format);
            assert_eq!(errcode_of(&kind, &body), None, "{kind}");
        }
    }
}
