//! Reports in XML: order, names, one-piece money, what a document may contain.

use super::{fixture, outcome, report};
use crate::providers::epay::decode;

const NAMESPACE: &str =
    "http://schemas.datacontract.org/2004/07/DigitalScience.DataTransfer.Tour.V5.Parm";
const NOT_XML: &str = "the request body is not a well-formed XML document";
const ROOT: &str =
    "the request body does not have the root element EPayEndRefundSuccessParm in its namespace";
const FORBIDDEN: &str = "the request body contains a DOCTYPE or a processing instruction";
const ENCODING: &str = "the request body declares another encoding than it has";
const TOO_COMPLEX: &str = "the request body is nested too deeply or has too many attributes";
const NIL: &str = r#"xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:nil="true""#;
const ALL_MISSING: &str = "batchno is missing; trandeno is missing; refundmoney is missing";

/// A document around these children.
fn document(children: &str) -> String {
    format!("<EPayEndRefundSuccessParm xmlns=\"{NAMESPACE}\">{children}</EPayEndRefundSuccessParm>")
}

fn with_children(children: &str) -> String {
    outcome("application/xml", document(children))
}

fn with_money(content: &str) -> String {
    let money = format!("<refundmoney>{content}</refundmoney>");
    with_children(&format!(
        "<batchno>b</batchno>{money}<trandeno>t</trandeno>"
    ))
}

fn with_batchno(content: &str) -> String {
    let batchno = format!("<batchno>{content}</batchno>");
    with_children(&format!(
        "{batchno}<refundmoney>1</refundmoney><trandeno>t</trandeno>"
    ))
}

/// A good document with something before and after it.
fn between(before: &str, after: &str) -> String {
    let children = "<batchno>b</batchno><refundmoney>1</refundmoney><trandeno>t</trandeno>";
    outcome("text/xml", format!("{before}{}{after}", document(children)))
}

#[test]
fn elements_come_in_any_order_under_any_prefix() {
    for name in ["request.xml", "request-late-money.xml", "request-utf16.xml"] {
        assert_eq!(
            decode(Some("text/xml"), &fixture(name)),
            Ok(report("3.5")),
            "{name}"
        );
    }
    let orders = [
        "<trandeno>t</trandeno><refundmoney>1</refundmoney><batchno>b</batchno>",
        "<refundmoney>1</refundmoney>\n<batchno>b</batchno><!-- c --><trandeno>t</trandeno>",
    ];
    for children in orders {
        assert_eq!(with_children(children), "b|t|1", "{children}");
    }
}

#[test]
fn all_three_members_are_required() {
    let batchno = "<batchno>b</batchno>";
    let table = [
        (String::new(), ALL_MISSING),
        (
            batchno.into(),
            "trandeno is missing; refundmoney is missing",
        ),
        (
            format!("{batchno}<trandeno>t</trandeno>"),
            "refundmoney is missing",
        ),
        (
            format!("{batchno}<trandeno/><refundmoney/>"),
            "trandeno is missing; refundmoney is missing",
        ),
        (
            format!("{batchno}<trandeno>t</trandeno><refundmoney {NIL}/>"),
            "refundmoney is missing",
        ),
        (
            format!("{batchno}<trandeno>t</trandeno><refundmoney {NIL}>3</refundmoney>"),
            "refundmoney is missing",
        ),
        (
            format!("{batchno}<TranDeNo>t</TranDeNo><refundmoney>3</refundmoney>"),
            "trandeno is missing",
        ),
        (
            format!("{batchno}<trandeno xmlns=\"urn:x\">t</trandeno><refundmoney>3</refundmoney>"),
            "trandeno is missing",
        ),
    ];
    for (children, expected) in table {
        assert_eq!(with_children(&children), expected, "{children}");
    }
    let nil_root = document("").replace("Parm\">", &format!("Parm\" {NIL}>"));
    assert_eq!(outcome("text/xml", nil_root), ALL_MISSING);
    assert_eq!(outcome("text/xml", " \n"), ALL_MISSING);
}

#[test]
fn money_is_an_xs_decimal_in_one_piece() {
    let not_number = "refundmoney is not a decimal number";
    let table = [
        ("3", "b|t|3"),
        ("\n 3.50\t", "b|t|3.5"),
        ("+3.5", "b|t|3.5"),
        ("003.5", "b|t|3.5"),
        (".5", "b|t|0.5"),
        ("5.", "b|t|5"),
        ("<![CDATA[3.5]]>", "b|t|3.5"),
        ("&#51;.5", "b|t|3.5"),
        ("<!-- yuan -->3.5<!-- end -->", "b|t|3.5"),
        ("1<!-- -->2", not_number),
        ("1<!-- --><![CDATA[2]]>", not_number),
        ("1<!-- -->&#50;", not_number),
        ("<x/>3", not_number),
        ("<refundmoney>3</refundmoney>", not_number),
        ("1e2", not_number),
        ("1,000", not_number),
        ("0x1F", not_number),
        ("INF", not_number),
        ("-3", "refundmoney is not greater than zero"),
        ("3.999", "refundmoney has more than two decimals"),
    ];
    for (content, expected) in table {
        assert_eq!(with_money(content), expected, "{content}");
    }
}

#[test]
fn identifiers_keep_their_text() {
    let table = [
        (" b ", "batchno begins or ends with white space"),
        ("a&amp;&lt;&#x62;&quot;", "a&<b\"|t|1"),
        ("<![CDATA[a<b]]>", "a<b|t|1"),
        ("2015<!-- day -->0424", "20150424|t|1"),
        ("退款", "退款|t|1"),
        ("a<x>y</x>", "batchno is not a text"),
        ("a\nb", "batchno contains a character that is not printable"),
        (
            "a&#x1;",
            "batchno contains a character that is not printable",
        ),
    ];
    for (content, expected) in table {
        assert_eq!(with_batchno(content), expected, "{content}");
    }
}

#[test]
fn unknown_elements_and_attributes_are_passed_over() {
    let children = "<a x=\"1\"><batchno>no</batchno><b/>text<c>&amp;</c></a>\
        <batchno id=\"7\">b</batchno><refundmoney>1</refundmoney><trandeno>t</trandeno><z/>";
    assert_eq!(with_children(children), "b|t|1");
}

#[test]
fn a_member_given_twice_must_be_the_same_both_times() {
    let good = "<batchno>b</batchno><refundmoney>1</refundmoney><trandeno>t</trandeno>";
    assert_eq!(
        with_children(&format!("{good}<refundmoney>1</refundmoney>")),
        "b|t|1"
    );
    assert_eq!(
        with_children(&format!("{good}<refundmoney>2</refundmoney>")),
        "refundmoney is given more than once with different values"
    );
}

#[test]
fn the_root_must_have_the_documented_name_and_namespace() {
    let good = document("");
    for body in [
        good.replace("EPayEndRefundSuccessParm", "epayEndRefundSuccessParm"),
        good.replace("V5.Parm", "V6.Parm"),
        "<EPayEndRefundSuccessParm/>".to_owned(),
        "<a/>".to_owned(),
    ] {
        assert_eq!(outcome("application/xml", &body), ROOT, "{body}");
    }
}

#[test]
fn only_white_space_and_comments_surround_the_root() {
    let declaration = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\r\n";
    let table = [
        (declaration, "\n<!-- end -->\n", "b|t|1"),
        ("<!-- start -->", "", "b|t|1"),
        ("\u{feff}", "", "b|t|1"),
        ("<?xml version='1.0'?>", "", "b|t|1"),
        ("", "x", NOT_XML),
        ("", "<a/>", NOT_XML),
        ("", "</a>", NOT_XML),
        ("", "<![CDATA[ ]]>", NOT_XML),
        ("", "&amp;", NOT_XML),
        ("x", "", NOT_XML),
        ("&#32;", "", NOT_XML),
        ("<a/>", "", ROOT),
        (" <?xml version=\"1.0\"?>", "", NOT_XML),
        ("<?xml version=\"1.1\"?>", "", NOT_XML),
        ("<!-- -- -->", "", NOT_XML),
        ("<!DOCTYPE a>", "", FORBIDDEN),
        ("<!DOCTYPE a [<!ENTITY b \"c\">]>", "", FORBIDDEN),
        ("<?php x?>", "", FORBIDDEN),
        ("", "<?php x?>", FORBIDDEN),
        ("<?xml version=\"1.0\" encoding=\"gb2312\"?>", "", ENCODING),
        ("<?xml version=\"1.0\" encoding=\"utf-16\"?>", "", ENCODING),
    ];
    for (before, after, expected) in table {
        assert_eq!(between(before, after), expected, "{before} … {after}");
    }
}

#[test]
fn what_is_not_well_formed_is_refused() {
    let cut = document("<batchno>b</batchno>");
    assert_eq!(outcome("text/xml", &cut[..cut.len() - 30]), NOT_XML);
    assert_eq!(outcome("text/xml", "{}"), NOT_XML);
    let table = [
        ("<batchno>b</trandeno>", NOT_XML),
        ("<batchno>&unknown;</batchno>", NOT_XML),
        ("<batchno>&#0;</batchno>", NOT_XML),
        ("<batchno>a & b</batchno>", NOT_XML),
        ("<p:batchno>b</p:batchno>", NOT_XML),
        ("<a p:b=\"c\"/>", NOT_XML),
        ("<a b=\"1\" b=\"2\"/>", NOT_XML),
        ("<a b=\"&unknown;\"/>", NOT_XML),
        ("text", NOT_XML),
        ("<batchno><?php x?></batchno>", FORBIDDEN),
    ];
    for (children, expected) in table {
        assert_eq!(with_children(children), expected, "{children}");
    }
}

#[test]
fn nesting_and_attributes_are_bounded() {
    let nested = |levels: usize| format!("{}{}", "<a>".repeat(levels), "</a>".repeat(levels));
    assert_eq!(with_children(&nested(15)), ALL_MISSING);
    assert_eq!(with_children(&nested(16)), TOO_COMPLEX);
    assert_eq!(with_children(&"<a>".repeat(20_000)), TOO_COMPLEX);
    let attributes = |count: usize| {
        let attributes: Vec<String> = (0..count).map(|n| format!("a{n}=\"\"")).collect();
        format!("<a {}/>", attributes.join(" "))
    };
    assert_eq!(with_children(&attributes(32)), ALL_MISSING);
    assert_eq!(with_children(&attributes(33)), TOO_COMPLEX);
}
