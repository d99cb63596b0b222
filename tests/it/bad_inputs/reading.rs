//! The internal listener: our own systems make mistakes, too, and a token may leak. What would become
//! a text of the store is checked here, so that no engine has to reject it.

use super::row::{Becomes, Request, Row};

pub fn rows() -> Vec<Row> {
    let mut rows = queries();
    rows.extend(paths());
    rows.extend(tokens());
    rows
}

fn queries() -> Vec<Row> {
    let bad = [
        "/v1/refunds?refund_no=R%00",
        "/v1/refunds?order_no=%00",
        "/v1/refunds?provider=payermax%00",
        "/v1/refunds?account=%00main",
        "/v1/refunds?provider_refund_no=T%001",
        "/v1/refunds?refund_no=R%0d%0a",
        "/v1/refunds?status=SUCCEEDED",
        "/v1/refunds?status=succeeded%00",
        "/v1/refunds?attention=yes",
        "/v1/refunds?updated_after=yesterday",
        "/v1/refunds?updated_after=2026-02-30T00:00:00Z",
        "/v1/refunds?updated_after=2026-11-22T17:57Z",
        "/v1/refunds?updated_after=20261122T175707Z",
        "/v1/refunds?updated_after=2026-11-22T17:57:07Z[UTC]",
        "/v1/refunds?updated_after=2026-11-22T17:57:07-00",
        "/v1/refunds?updated_after=2026-11-22%2017:57:07Z",
        "/v1/refunds?cursor=x",
        "/v1/refunds?cursor=rf_",
        "/v1/refunds?limit=0",
        "/v1/refunds?limit=201",
        "/v1/refunds?limit=-1",
        "/v1/refunds?limit=1e2",
        "/v1/refunds?limit=%EF%BC%91",
        "/v1/refunds?limit=99999999999999999999",
        "/v1/refunds?limit=1&limit=2",
        "/v1/refunds?Limit=1",
        "/v1/refunds?refund_no[]=R",
        "/v1/refunds?x=1",
        "/v1/events?after=-1",
        "/v1/events?after=1.5",
        "/v1/events?after=9223372036854775808",
        "/v1/events?after=%00",
        "/v1/events?limit=1001",
        "/v1/events?wait=61s",
        "/v1/events?wait=1m",
        "/v1/events?wait=-1s",
        "/v1/events?wait=s",
    ];
    bad.iter()
        .map(|path| {
            Row::new(
                format!("GET {path}"),
                Request::internal("GET", path, ""),
                Becomes::Problem(400),
            )
        })
        .collect()
}

fn paths() -> Vec<Row> {
    let unknown = [
        "/v1/refunds/rf_x",
        "/v1/refunds/rf_00000000-0000-7000-8000-000000000000",
        "/v1/refunds/RF_00000000-0000-7000-8000-000000000000",
        "/v1/refunds/rf_00000000000070008000000000000000",
        "/v1/refunds/%00",
        "/v1/refunds/rf_%ff",
        "/v1/refunds/'%20OR%201=1--/callbacks",
        "/v1/orders/P%00",
        "/v1/orders/P%ff",
        "/v1/orders/P%201",
        "/v1/orders/%D0%A0-1",
        "/v1/orders/..%2f..%2fetc",
        "/v1//refunds",
        "/v1/refunds/",
        "/V1/refunds",
    ];
    let mut rows: Vec<Row> = unknown
        .iter()
        .map(|path| {
            Row::new(
                format!("GET {path}"),
                Request::internal("GET", path, ""),
                Becomes::Problem(404),
            )
        })
        .collect();
    for (method, path) in [
        ("PUT", "/v1/refunds"),
        ("DELETE", "/v1/orders/P-1"),
        ("PUT", "/v1/events"),
    ] {
        let request = Request::internal(method, path, "{}");
        rows.push(Row::new(
            format!("{method} {path}"),
            request,
            Becomes::Problem(405),
        ));
    }
    rows
}

fn tokens() -> Vec<Row> {
    let call = || Request::internal("GET", "/v1/refunds", "");
    let mut rows: Vec<Row> = [
        ("no token", ""),
        ("an empty token", "Bearer "),
        (
            "the digest as the token",
            "Bearer 0000000000000000000000000000000000000000000000000000000000000000",
        ),
        (
            "the EPay token",
            "Bearer epay-caller-token-0123456789abcdef0123456789",
        ),
        ("another scheme", "Basic YTpi"),
    ]
    .into_iter()
    .map(|(what, value)| {
        Row::new(
            format!("reading with {what}"),
            call().header("authorization", value),
            Becomes::Problem(401),
        )
    })
    .collect();
    let feed = format!("Bearer {}", crate::harness::config::FEED_TOKEN);
    let request = call().header("authorization", feed.clone());
    rows.push(Row::new(
        "reading without the scope",
        request,
        Becomes::Problem(403),
    ));
    let request = Request::internal("PUT", "/v1/orders/BAD-1", r#"{"state":"paid"}"#);
    let request = request.header("authorization", feed);
    rows.push(Row::new(
        "registering without the scope",
        request,
        Becomes::Problem(403),
    ));
    rows
}
