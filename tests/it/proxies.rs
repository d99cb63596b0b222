//! Behind nginx and `HAProxy`, as `deploy/proxy` sets them up: the same requests get the same answers,
//! the bytes that were signed arrive untouched, and no request is ever taken for two.

use std::time::Duration;

use crate::harness::front::Front;
use crate::harness::http::Client;
use crate::harness::keys::provider_key;
use crate::harness::payermax::{ACK, MAIN, Notice, SAMPLE, SAMPLE_REFUND_NO};
use crate::harness::reader::text;
use crate::harness::shapes::Shape;
use crate::harness::wire::{Bent, Wire};
use crate::harness::{Engine, Server};

#[test]
fn behind_nginx_every_shape_has_its_answer() {
    let server = Server::usual(Engine::Sqlite);
    let proxy = Front::nginx(&server);
    super::edge::answered(&server, &proxy.url, |shape: &Shape| shape.nginx);
}

#[test]
fn behind_haproxy_every_shape_has_its_answer() {
    let server = Server::usual(Engine::Sqlite);
    let proxy = Front::haproxy(&server);
    super::edge::answered(&server, &proxy.url, |shape: &Shape| shape.haproxy);
}

#[test]
fn bytes_arrive_untouched_and_answers_come_back_untouched() {
    let server = Server::usual(Engine::Sqlite);
    for (proxy, name) in [
        (Front::nginx(&server), "nginx"),
        (Front::haproxy(&server), "haproxy"),
    ] {
        // White space, escapes and letters beyond ASCII: what a well-meant rewriting would change.
        let body = Notice::new(&format!("R-{name}"), "REFUND_SUCCESS")
            .text()
            .replacen(
                '{',
                "\r\n\t{ \"more\" : \"\\u00e9 é 退款 \u{1f4b0} \\/ +%20&\",\r\n ",
                1,
            );
        let length = 64 * 1024 - body.len();
        let body = body.replacen("é", &format!("é{}", "x".repeat(length)), 1);
        assert_eq!(body.len(), 64 * 1024, "as long as it may be");
        let sign = provider_key().sign(body.as_bytes());
        let headers = [
            ("content-type", "application/json"),
            ("sign", sign.as_str()),
        ];
        let url = format!("{}{MAIN}", proxy.url);
        let reply = Client::new().send("POST", &url, &headers, body.as_bytes());
        reply.expect(200, ACK);
        assert_eq!(reply.header("content-type"), "application/json");
        let refund = server.applied(&format!("R-{name}"));
        assert_eq!(
            server.callbacks(&text(&refund["id"]))[0]["body"],
            body,
            "{name}"
        );
    }
}

#[test]
fn refusals_come_through_as_they_are() {
    let server = Server::usual(Engine::Sqlite);
    let nginx = Front::nginx(&server);
    let haproxy = Front::haproxy(&server);
    let good = provider_key().sign(SAMPLE.as_bytes());
    let client = Client::new();
    for (name, method, path, headers, body) in [
        (
            "no signature",
            "POST",
            MAIN,
            vec![("content-type", "application/json")],
            SAMPLE,
        ),
        (
            "unknown account",
            "POST",
            "/callbacks/payermax/unknown",
            vec![("content-type", "application/json"), ("sign", &good)],
            SAMPLE,
        ),
        (
            "no JSON",
            "POST",
            MAIN,
            vec![("content-type", "application/json")],
            "{",
        ),
        (
            "no type",
            "POST",
            MAIN,
            vec![("sign", good.as_str())],
            SAMPLE,
        ),
        ("no such page", "POST", "/v1/refunds", vec![], ""),
        ("another method", "DELETE", MAIN, vec![], ""),
    ] {
        let ask =
            |url: &str| client.send(method, &format!("{url}{path}"), &headers, body.as_bytes());
        let direct = ask(&server.public_url);
        assert!(direct.status >= 400, "{name}");
        for proxy in [&nginx, &haproxy] {
            let reply = ask(&proxy.url);
            reply.expect(direct.status, direct.text());
            for header in ["content-type", "allow", "retry-after"] {
                assert_eq!(
                    reply.header(header),
                    direct.header(header),
                    "{name}: {header}"
                );
            }
        }
    }
    server.assert_refund_tables_are_empty();
    server.notify(MAIN, SAMPLE).expect(200, ACK);
    assert_eq!(server.applied(SAMPLE_REFUND_NO)["status"], "succeeded");
}

#[test]
fn slow_clients_are_given_up_behind_a_proxy_too() {
    let server = Server::usual(Engine::Sqlite);
    let nginx = Front::nginx(&server);
    let haproxy = Front::haproxy(&server);
    let bent = Bent::notice("R-slow").host().length();
    let (head, body) = (bent.head(), bent.body_bytes());
    std::thread::scope(|scope| {
        for (name, url, answers) in [
            ("nginx", &nginx.url, &[][..]),
            ("haproxy", &haproxy.url, &[408]),
        ] {
            let head = &head;
            scope.spawn(move || {
                let pause = Duration::from_millis(300);
                let (got, took) = Wire::open(url).dribble(head, pause);
                assert_eq!(got.statuses, answers, "{name}: a slow head");
                assert!(
                    took < Duration::from_secs(15),
                    "{name}: a slow head took {took:?}"
                );
            });
            scope.spawn(move || {
                let got = Wire::open(url).send(head).send(&body[..9]).all_answers();
                assert_eq!(got.statuses, answers, "{name}: a body that stops");
            });
        }
    });
    server.assert_refund_tables_are_empty();
}
