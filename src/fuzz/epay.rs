//! Reports of the `EPay` caller in every format, and the headers that choose the format of the reply.

use crate::domain::ids::text::is_deceptive;
use crate::domain::money::Amount;
use crate::providers::epay::negotiate;
use crate::providers::epay::{
    Charset, CommonOperationResult, EndSingle, ErrCode, MediaType, NegotiationHeaders, Sample,
    decode, sample,
};

pub(super) fn json(body: &[u8]) {
    for media in [
        "application/json",
        "text/json; charset=utf-16",
        "application/*",
    ] {
        check(media, body);
    }
}

pub(super) fn xml(body: &[u8]) {
    for media in ["application/xml", "text/xml; charset=utf-16"] {
        check(media, body);
    }
}

pub(super) fn form(body: &[u8]) {
    check("application/x-www-form-urlencoded", body);
}

pub(super) fn bson(body: &[u8]) {
    check("application/bson", body);
}

/// Headers, one a line, in the order Accept, Accept-Charset, Content-Type, X-Requested-With.
pub(super) fn negotiation(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.lines();
    let headers = NegotiationHeaders {
        accept: lines.next(),
        accept_charset: lines.next(),
        content_type: lines.next(),
        x_requested_with: lines.next(),
    };
    let format = negotiate(&headers);
    let named = format.content_type();
    let again = negotiate(&NegotiationHeaders {
        accept: Some(format.media().name()),
        accept_charset: Some(format.charset().name()),
        ..NegotiationHeaders::default()
    });
    assert_eq!(again, format, "who asks for what he got gets it again");
    let result = CommonOperationResult {
        errcode: 1,
        errmsg: text.into_owned(),
        tag: None,
    };
    let (content_type, body) = result.encode(format);
    assert_eq!(content_type, named);
    assert!(!body.is_empty());
    // The parser of our own commands knows UTF-8 only, which is all that it asks for.
    if format.charset() == Charset::Utf8 {
        let read = crate::providers::epay::errcode_of(&content_type, &body);
        assert_eq!(read, Some(ErrCode::Invalid.number()), "{content_type}");
    }
}

/// An accepted report keeps every rule and is the same in every format.
fn check(media: &str, body: &[u8]) {
    let Ok(report) = decode(Some(media), body) else {
        return;
    };
    let EndSingle {
        batchno,
        trandeno,
        refundmoney,
    } = &report;
    for (number, most) in [(batchno, 200), (trandeno, 100)] {
        assert!(!number.trim().is_empty() && number.encode_utf16().count() <= most);
        assert!(!number.chars().any(is_deceptive), "{number:?}");
    }
    assert!(!batchno.contains('/'), "{batchno:?}");
    assert!(!refundmoney.is_zero() && refundmoney.decimals() <= 2);
    let money = refundmoney.to_text(2);
    assert_eq!(Amount::parse(&money), Ok(*refundmoney));
    let said = Sample {
        batchno,
        trandeno,
        refundmoney: &money,
    };
    for media in [
        MediaType::ApplicationJson,
        MediaType::ApplicationXml,
        MediaType::Form,
        MediaType::Bson,
    ] {
        let again = decode(Some(media.name()), &sample(&said, media));
        assert_eq!(again.as_ref(), Ok(&report), "as {}", media.name());
    }
}
