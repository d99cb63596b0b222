//! Metrics as monitoring reads them: two formats, negotiated, with the same samples; and nothing that the
//! linter of Prometheus complains about.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::harness::keys::{TestKey, other_key, provider_key};
use crate::harness::payermax::{MAIN, Notice, SAMPLE};
use crate::harness::receiver::{Answer, Receiver};
use crate::harness::{ConfigBuilder, Engine, Reply, Server, wait_for};

const CLASSIC: &str = "text/plain; version=0.0.4; charset=utf-8";
const OPEN: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A server that has something to tell in every family.
fn busy(receiver: &Receiver) -> Server {
    let config = ConfigBuilder::new(Engine::Sqlite).pushing_to(&receiver.url());
    let server = Server::start(&config);
    server.notified(&Notice::new("R-1", "REFUND_SUCCESS"));
    server.post_signed(MAIN, SAMPLE, "AAAA");
    server.post("/callbacks/none", &[], "x");
    server.get("/v1/consumers/erp/events").expect_json(200);
    server.get_as("unknown", "/v1/refunds");
    wait_for("an event to be pushed", || receiver.pushed().pop());
    server
}

fn scrape(server: &Server, accept: &[&str]) -> Reply {
    let headers: Vec<_> = accept.iter().map(|value| ("accept", *value)).collect();
    let reply = server.get_with("/metrics", &headers);
    assert_eq!(reply.status, 200);
    reply
}

/// Names and labels of all samples.
fn samples(text: &str) -> BTreeSet<&str> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| Some(line.rsplit_once(' ')?.0))
        .collect()
}

#[test]
fn the_format_is_the_one_that_is_asked_for_with_the_same_samples() {
    let receiver = Receiver::start(|_| Answer::status(204));
    let server = busy(&receiver);
    for (accept, kind) in [
        (&[][..], CLASSIC),
        (&["*/*"], CLASSIC),
        (&["text/plain;version=0.0.4"], CLASSIC),
        (
            &[
                "text/plain;version=0.0.4;q=0.9",
                "application/openmetrics-text;q=0.5",
            ],
            CLASSIC,
        ),
        (&["text/html,*/*;q=0.1"], CLASSIC),
        (&["application/openmetrics-text"], OPEN),
        (
            &[
                "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            ],
            OPEN,
        ),
        (
            &["application/openmetrics-text; version=1.0.0; charset=utf-8"],
            OPEN,
        ),
    ] {
        let reply = scrape(&server, accept);
        assert_eq!(reply.header("content-type"), kind, "{accept:?}");
        let has_end = reply.text().ends_with("# EOF\n");
        assert_eq!(has_end, kind == OPEN, "{accept:?}");
    }
    // Each scrape changes the latencies of scrapes.
    let is_lasting = |sample: &&str| !sample.contains("route=\"/metrics\"");
    let classic = scrape(&server, &["text/plain"]);
    let open = scrape(&server, &["application/openmetrics-text"]);
    let (classic, open) = (classic.text(), open.text());
    let lasting = |text| {
        samples(text)
            .into_iter()
            .filter(is_lasting)
            .collect::<Vec<_>>()
    };
    assert_eq!(lasting(classic), lasting(open));
    let counter = "refund_receiver_callbacks_total";
    assert!(
        classic.contains(&format!("# TYPE {counter} counter\n")),
        "{classic}"
    );
    assert!(
        open.contains("# TYPE refund_receiver_callbacks counter\n"),
        "{open}"
    );
    for text in [classic, open] {
        let sample =
            format!("{counter}{{provider=\"payermax\",account=\"main\",delivery=\"new\"}} 1\n");
        assert!(text.contains(&sample), "{text}");
    }
}

#[test]
fn promtool_has_nothing_to_say_about_the_metrics() {
    let receiver = Receiver::start(|_| Answer::status(204));
    let server = busy(&receiver);
    let mut child = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is installed (apt-get install prometheus)");
    let mut stdin = child.stdin.take().expect("it is piped");
    let metrics = scrape(&server, &[]);
    stdin
        .write_all(metrics.text().as_bytes())
        .expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success() && said.is_empty(), "{said}");
}

#[test]
fn latencies_have_histograms_whose_labels_no_sender_can_multiply() {
    let receiver = Receiver::start(|_| Answer::status(204));
    let server = busy(&receiver);
    for path in ["/callbacks/a/b", "/callbacks/c/d/e", "/x", "/y?z=1"] {
        server.post(path, &[], "x");
    }
    server.get("/v1/refunds/rf_unknown");
    let metrics = scrape(&server, &[]);
    let text = metrics.text();
    for family in [
        "callback_ack_seconds",
        "http_request_seconds",
        "store_commit_seconds",
        "store_batch_jobs",
        "store_queue_wait_seconds",
        "apply_delay_seconds",
    ] {
        let kind = format!("# TYPE refund_receiver_{family} histogram\n");
        assert!(text.contains(&kind), "{kind}");
    }
    for sample in [
        "refund_receiver_callback_ack_seconds_count{provider=\"payermax\"} 1\n",
        "refund_receiver_build_info{version=\"",
        "route=\"/v1/refunds/{id}\",status=\"404\"",
        "process_resident_memory_bytes ",
        "process_open_fds ",
    ] {
        assert!(text.contains(sample), "{sample}: {text}");
    }
    let routes: BTreeSet<_> = text
        .lines()
        .filter(|line| line.contains("listener=\"public\""))
        .filter_map(|line| Some(line.split_once("route=\"")?.1.split_once('"')?.0))
        .collect();
    let expected = BTreeSet::from(["/callbacks/{provider}/{account}", "other"]);
    assert_eq!(routes, expected, "{text}");
}

#[test]
fn the_time_that_each_key_with_an_end_has_left_is_shown() {
    let keys = [
        (
            "old",
            provider_key(),
            ", not_after = \"2020-01-01T00:00:00Z\"",
        ),
        (
            "next",
            other_key(),
            ", not_after = \"2999-01-01T00:00:00Z\"",
        ),
    ];
    let third = TestKey::generate(2048, 65_537);
    let config = ConfigBuilder::new(Engine::Sqlite)
        .payermax("ending", "020213827212299", None, &keys)
        .payermax("endless", "020213827212298", None, &[("k", &third, "")]);
    let server = Server::start(&config);
    let text = scrape(&server, &[]).text().to_owned();
    let left = |account: &str, key: &str| {
        let labels = format!("provider=\"payermax\",account=\"{account}\",key=\"{key}\"");
        let name = format!("refund_receiver_key_expiry_seconds{{{labels}}} ");
        let line = text.lines().find_map(|line| line.strip_prefix(&name))?;
        Some(line.parse::<i64>().expect("a number"))
    };
    // Not accepted any more for more than six years; accepted for some 970.
    assert!(
        left("ending", "old").expect("a line") < -200_000_000,
        "{text}"
    );
    assert!(
        left("ending", "next").expect("a line") > 30_000_000_000,
        "{text}"
    );
    assert_eq!(left("endless", "k"), None);
}
