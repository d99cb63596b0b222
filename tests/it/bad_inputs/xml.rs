//! Reports of the `EPay` caller as XML, and the attacks that this format invites.

use super::row::{Becomes, Request, Row};

const NAMESPACE: &str =
    "http://schemas.datacontract.org/2004/07/DigitalScience.DataTransfer.Tour.V5.Parm";

/// Whole documents; `@` is replaced by a good one.
const DOCUMENTS: [(&str, &str); 33] = [
    ("a DOCTYPE", "<!DOCTYPE a>@"),
    (
        "an outside DOCTYPE",
        r#"<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd">@"#,
    ),
    (
        "a public DOCTYPE",
        r#"<!DOCTYPE a PUBLIC "-//W3C//DTD XHTML 1.0//EN" "a.dtd">@"#,
    ),
    ("a DOCTYPE behind", "@<!DOCTYPE a>"),
    (
        "a parameter entity",
        r#"<!DOCTYPE a [<!ENTITY % p SYSTEM "file:///etc/hostname"> %p;]>@"#,
    ),
    ("a processing instruction", "<?go fast?>@"),
    ("an instruction behind", "@<?go fast?>"),
    ("a style sheet", r#"<?xml-stylesheet href="a.xsl"?>@"#),
    ("a late declaration", r#"@<?xml version="1.0"?>"#),
    (
        "a blank before the declaration",
        r#" <?xml version="1.0"?>@"#,
    ),
    (
        "two declarations",
        r#"<?xml version="1.0"?><?xml version="1.0"?>@"#,
    ),
    ("version 1.1", r#"<?xml version="1.1"?>@"#),
    ("no version", r#"<?xml encoding="utf-8"?>@"#),
    (
        "gbk by its word",
        r#"<?xml version="1.0" encoding="gbk"?>@"#,
    ),
    (
        "utf-16 by its word",
        r#"<?xml version="1.0" encoding="utf-16"?>@"#,
    ),
    (
        "utf-7 by its word",
        r#"<?xml version="1.0" encoding="utf-7"?>@"#,
    ),
    ("an empty encoding", r#"<?xml version="1.0" encoding=""?>@"#),
    ("a second root", "@@"),
    ("an element behind", "@<a/>"),
    ("text behind", "@x"),
    ("text before", "x@"),
    ("an entity before", "&amp;@"),
    ("CDATA before", "<![CDATA[x]]>@"),
    ("a NUL behind", "@\0"),
    ("two hyphens in a comment", "<!-- a -- b -->@"),
    ("an open comment", "<!-- @"),
    ("an open CDATA", "@<![CDATA["),
    ("an open tag", "@<a"),
    ("closed twice", "@</EPayEndRefundSuccessParm>"),
    (
        "another document around it",
        r#"<s:Envelope xmlns:s="u"><s:Body>@</s:Body></s:Envelope>"#,
    ),
    ("JSON", r#"{"batchno":"B-tree"}"#),
    ("a bare text", "refund"),
    ("a form", "batchno=B-tree&trandeno=T-1&refundmoney=30"),
];

/// What replaces what in the good document.
const SPOILT: [(&str, &str, &str); 14] = [
    ("never closed", "</EPayEndRefundSuccessParm>", ""),
    ("closed by another name", "</batchno>", "</Batchno>"),
    ("crossed tags", "</batchno>", "</trandeno></batchno>"),
    ("an undefined entity", "B-x", "&nbsp;"),
    ("an instruction inside", "<batchno>", "<?go fast?><batchno>"),
    ("an attribute twice", " xmlns", r#" a="1" a="2" xmlns"#),
    ("an attribute without quotes", " xmlns", " a=1 xmlns"),
    ("a less-than in an attribute", " xmlns", r#" a="<" xmlns"#),
    (
        "an undefined entity in an attribute",
        " xmlns",
        r#" a="&e;" xmlns"#,
    ),
    ("a prefix of nothing", "<batchno>", "<x:a/><batchno>"),
    ("another namespace", "Tour.V5", "Tour.V4"),
    ("a namespace with a blank", "http:", " http:"),
    (
        "two members without a tag between",
        "</batchno><refundmoney>",
        "",
    ),
    ("text between the members", "<trandeno>", "x<trandeno>"),
];

/// Members spoilt in their own documents, so that no two rows send the same bytes.
const MEMBERS: [(&str, &str, &str); 35] = [
    (
        "batchno twice",
        "<trandeno>",
        "<batchno>B-other</batchno><trandeno>",
    ),
    (
        "refundmoney twice",
        "<trandeno>",
        "<refundmoney>31</refundmoney><trandeno>",
    ),
    ("money around a comment", "30.00", "3<!-- -->0.00"),
    (
        "money around CDATA and a comment",
        "30.00",
        "<![CDATA[3]]><!-- -->0.00",
    ),
    ("money around an element", "30.00", "3<a/>0.00"),
    ("money with an exponent", "30.00", "3e1"),
    ("money with a comma", "30.00", "1,000"),
    ("money in other digits", "30.00", "３０"),
    ("money with a NUL reference", "30.00", "30&#0;"),
    ("money of nothing", "30.00", "0.00"),
    ("negative money", "30.00", "-30.00"),
    ("money of three decimals", "30.00", "30.001"),
    ("money of 17 digits", "30.00", "12345678901234567"),
    ("money that is not a number", "30.00", "NaN"),
    ("empty money", "30.00", ""),
    ("a NUL reference", "B-x", "B&#0;"),
    ("a hexadecimal NUL reference", "B-x", "B&#x0;"),
    ("a surrogate reference", "B-x", "B&#xD800;"),
    ("a reference beyond Unicode", "B-x", "B&#x110000;"),
    ("a reference without digits", "B-x", "B&#;"),
    ("a control reference", "B-x", "B&#x1b;[31m"),
    ("a raw control", "B-x", "B\u{1}"),
    ("a raw NUL", "B-x", "B\0"),
    ("a right-to-left override", "B-x", "B\u{202e}"),
    ("a zero-width reference", "B-x", "B&#x200b;"),
    ("a line break in CDATA", "B-x", "<![CDATA[B\nx]]>"),
    ("a slash", "B-x", "B/1"),
    ("an escaped slash", "B-x", "B&#47;1"),
    ("an empty batchno", "B-x", ""),
    ("a blank batchno", "B-x", "  "),
    ("an element in batchno", "B-x", "B<b>1</b>"),
    ("no batchno", "<batchno>B-x</batchno>", ""),
    ("no refundmoney", "<refundmoney>30.00</refundmoney>", ""),
    (
        "batchno in other letters",
        "<batchno>B-x</batchno>",
        "<BatchNo>B-x</BatchNo>",
    ),
    (
        "batchno of no namespace",
        "<batchno>",
        r#"<batchno xmlns="">"#,
    ),
];

/// Odd and right: what replaces what, and the number that is read.
const READ: [(&str, &str, &str, &str); 6] = [
    ("CDATA", "B-x", "<![CDATA[B&<cd]]>", "B&<cd"),
    ("known entities", "B-x", "B&lt;&amp;&#x41;", "B<&A"),
    (
        "a number around a comment",
        "B-x",
        "B-<!-- -->split",
        "B-split",
    ),
    (
        "an unknown element",
        "B-x</batchno>",
        r#"B-inc</batchno><i:include xmlns:i="http://www.w3.org/2001/XInclude" href="file:///etc/passwd"/>"#,
        "B-inc",
    ),
    (
        "a comment with a member",
        "B-x</batchno>",
        "B-com</batchno><!-- <trandeno>T-no</trandeno> -->",
        "B-com",
    ),
    (
        "a schema that is not fetched",
        "<batchno>B-x",
        r#"<batchno i:s="http://127.0.0.1:9/" xmlns:i="u">B-sch"#,
        "B-sch",
    ),
];

pub fn rows() -> Vec<Row> {
    let row = |what: &str, body: Vec<u8>| {
        let request = Request::epay("application/xml", body);
        Row::new(format!("epay xml: {what}"), request, Becomes::Errcode(1))
    };
    let whole = DOCUMENTS
        .iter()
        .map(|(what, text)| row(what, text.replace('@', &document(what)).into()));
    let parts = SPOILT.iter().chain(&MEMBERS);
    let parts = parts.map(|(what, from, to)| row(what, spoilt(what, from, to).into()));
    let large = large().into_iter().map(|(what, body)| row(what, body));
    let read = READ.iter().map(|(what, from, to, batchno)| {
        let request = Request::epay("application/xml", spoilt(what, from, to));
        Row::new(format!("epay xml: {what}"), request, Becomes::Errcode(2))
            .with("refund_no", format!("{batchno}/{}", trandeno(what)))
            .with("amount", "30.00")
    });
    whole.chain(parts).chain(large).chain(read).collect()
}

/// A trade number for the row of this name alone.
fn trandeno(what: &str) -> String {
    super::authentic::number(&format!("epay xml: {what}"))
}

/// A good document.
fn document(what: &str) -> String {
    format!(
        "<EPayEndRefundSuccessParm xmlns=\"{NAMESPACE}\"><batchno>B-x</batchno>\
         <refundmoney>30.00</refundmoney><trandeno>{}</trandeno></EPayEndRefundSuccessParm>",
        trandeno(what)
    )
}

fn spoilt(what: &str, from: &str, to: &str) -> String {
    let good = document(what);
    let bad = good.replacen(from, to, 1);
    assert_ne!(good, bad, "{what} spoils something");
    bad
}

/// What grows when it is read, and what is long or deep.
fn large() -> Vec<(&'static str, Vec<u8>)> {
    let entity = |what, subset: &str, value: &str| {
        let document = spoilt(what, "B-x", value);
        (
            what,
            format!("<!DOCTYPE a [{subset}]>{document}").into_bytes(),
        )
    };
    let laughs: Vec<_> = (1..10)
        .map(|level| {
            format!(
                "<!ENTITY l{level} \"{}\">",
                format!("&l{};", level - 1).repeat(10)
            )
        })
        .collect();
    let laughs = format!("<!ENTITY l0 \"lol\">{}", laughs.concat());
    let long = format!("<!ENTITY e \"{}\">", "x".repeat(10_000));
    let attributes: Vec<_> = (0..6_000)
        .map(|number| format!(" a{number}=\"\""))
        .collect();
    let namespaces: Vec<_> = (0..300)
        .map(|number| format!(" xmlns:n{number}=\"u\""))
        .collect();
    let root = |what, more: &str| {
        (
            what,
            spoilt(what, " xmlns", &format!("{more} xmlns")).into_bytes(),
        )
    };
    let inside = |what, more: &str| {
        (
            what,
            spoilt(what, "<batchno>", &format!("{more}<batchno>")).into_bytes(),
        )
    };
    let utf16 = document("utf16")
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    vec![
        entity("an inside entity", "<!ENTITY e \"B-x\">", "&e;"),
        entity(
            "an outside entity",
            "<!ENTITY e SYSTEM \"file:///etc/passwd\">",
            "&e;",
        ),
        entity("a billion laughs", &laughs, "&l9;"),
        entity("an entity of 10 000 letters", &long, "&e;&e;&e;&e;"),
        root("6 000 attributes", &attributes.concat()),
        root("9 000 equal attributes", &" a=\"\"".repeat(9_000)),
        root("300 namespaces", &namespaces.concat()),
        inside(
            "17 levels",
            &format!("{}{}", "<a>".repeat(16), "</a>".repeat(16)),
        ),
        inside(
            "9 000 levels",
            &format!("{}{}", "<a>".repeat(9_000), "</a>".repeat(9_000)),
        ),
        ("9 000 open elements", "<a>".repeat(9_000).into_bytes()),
        ("9 000 open comments", "<!--".repeat(9_000).into_bytes()),
        ("utf-16 without a word", utf16),
        ("GBK", b"<a>\xcd\xcb</a>".to_vec()),
    ]
}
