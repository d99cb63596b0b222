//! What holds for any bytes, any headers and any report.

use bson::rawdoc;
use proptest::prelude::*;

use crate::domain::money::Amount;

use super::EndSingle;
use crate::providers::epay::negotiate;
use crate::providers::epay::{CommonOperationResult, NegotiationHeaders, decode};

const MEDIA: [&str; 7] = [
    "application/json",
    "application/json; charset=utf-16",
    "application/xml",
    "text/xml; charset=utf-16",
    "application/x-www-form-urlencoded",
    "application/bson",
    "application/*",
];

/// Identifiers of every script, markup included, without what the rules reject.
fn identifier() -> impl Strategy<Value = String> {
    "([!-~&&[^/]][ -~&&[^/]]{0,29})?[a-z0-9退款é😀<>&'\"\\\\%+]{1,20}"
}

fn money() -> impl Strategy<Value = String> {
    (0_u64..10_000_000_000_000_000, 1_u8..100)
        .prop_map(|(integer, fraction)| format!("{integer}.{fraction:02}"))
}

fn xml(report: &EndSingle) -> String {
    let escape = |text: &str| quick_xml::escape::escape(text).into_owned();
    format!(
        "<EPayEndRefundSuccessParm xmlns=\"http://schemas.datacontract.org/2004/07/\
         DigitalScience.DataTransfer.Tour.V5.Parm\"><batchno>{}</batchno>\
         <refundmoney>{}</refundmoney><trandeno>{}</trandeno></EPayEndRefundSuccessParm>",
        escape(&report.batchno),
        report.refundmoney,
        escape(&report.trandeno),
    )
}

proptest! {
    #[test]
    fn no_bytes_whatever_make_decode_panic(body in prop::collection::vec(any::<u8>(), 0..300)) {
        for media in MEDIA {
            let _ = decode(Some(media), &body);
        }
    }

    #[test]
    fn no_bytes_shaped_like_a_request_make_decode_panic(
        body in r#"[{}\[\]:,'"/*\\<>!?&;#\-=+%.0-9exu a-z]{0,80}"#,
        prefix in prop::sample::select(vec!["", "{batchno:", "<?xml ", "<!--", "batchno=", "<a "]),
    ) {
        for media in MEDIA {
            let _ = decode(Some(media), format!("{prefix}{body}").as_bytes());
        }
    }

    #[test]
    fn no_damage_to_a_good_document_makes_decode_panic(at in 0_usize..97, byte: u8) {
        let mut body = super::fixture("request-double-3.5.bson");
        body[at] = byte;
        let _ = decode(Some("application/bson"), &body);
        let mut body = super::fixture("request.xml");
        body[at] = byte;
        let _ = decode(Some("application/xml"), &body);
    }

    #[test]
    fn no_headers_make_negotiation_panic(a in any::<String>(), b in "[a-z*/;,=q0-9.\" ]{0,40}") {
        for (accept, other) in [(&a, &b), (&b, &a)] {
            let headers = NegotiationHeaders {
                accept: Some(accept),
                accept_charset: Some(other),
                content_type: Some(other),
                x_requested_with: None,
            };
            let format = negotiate(&headers);
            let result = CommonOperationResult { errcode: 1, errmsg: a.clone(), tag: None };
            prop_assert!(result.encode(format).0.contains("; charset=utf-"));
        }
    }

    #[test]
    fn one_report_is_the_same_in_every_format(
        batchno in identifier(), trandeno in identifier(), money in money(),
    ) {
        let report = EndSingle { batchno, trandeno, refundmoney: Amount::parse(&money).unwrap() };
        let json = serde_json::json!({
            "batchno": report.batchno, "trandeno": report.trandeno, "refundmoney": money,
        }).to_string();
        let json_utf16: Vec<u8> = json.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("batchno", &report.batchno)
            .append_pair("trandeno", &report.trandeno)
            .append_pair("refundmoney", &money)
            .finish();
        let document = rawdoc! {
            "batchno": report.batchno.as_str(),
            "trandeno": report.trandeno.as_str(),
            "refundmoney": money.as_str(),
        };
        let bodies = [
            ("application/json", json.into_bytes()),
            ("application/json; charset=utf-16", json_utf16),
            ("application/xml", xml(&report).into_bytes()),
            ("application/x-www-form-urlencoded", form.into_bytes()),
            ("application/bson", document.into_bytes()),
        ];
        for (media, body) in bodies {
            prop_assert_eq!(decode(Some(media), &body), Ok(report.clone()), "{}", media);
        }
    }

    #[test]
    fn money_of_up_to_fifteen_digits_survives_a_double(
        integer in 0_u64..10_000_000_000_000, fraction in 1_u8..100,
    ) {
        let money = format!("{integer}.{fraction:02}");
        let document = rawdoc! {
            "batchno": "b", "trandeno": "t", "refundmoney": money.parse::<f64>().unwrap(),
        };
        let decoded = decode(Some("application/bson"), document.as_bytes()).unwrap();
        prop_assert_eq!(decoded.refundmoney, Amount::parse(&money).unwrap());
    }
}
