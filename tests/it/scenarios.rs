//! The scenarios that are shipped, and a short soak, each on both engines; what they refuse, and how they report.

use std::process::{Command, Output};

use serde_json::Value;

use crate::harness::audit::run;
use crate::harness::folder::Folder;
use crate::harness::server::PROGRAM;
use crate::harness::{Engine, Postgres};

/// Those of docs/sandbox.md.
const SHIPPED: [&str; 12] = [
    "happy",
    "partial",
    "timeout-after-accept",
    "timeout-before-accept",
    "callback-before-reply",
    "lost-callback",
    "late-failure",
    "duplicate-number",
    "balance-then-ok",
    "key-rotation",
    "provider-down-6h",
    "kill-9-during-send",
];

/// Runs them in a folder that stays until the test is over, on this engine.
fn play(engine: Engine, runs: &[&str], more: &[&str]) -> Output {
    let folder = Folder::new();
    let mut command = Command::new(PROGRAM);
    command.args(["scenario", "run"]).args(runs).args(more);
    command.arg("--dir").arg(folder.path());
    if engine == Engine::Postgres {
        let server = Postgres::shared();
        for run in runs {
            // As `{run}` says it.
            let name = format!("scenario_{}_1", run.replace('-', "_"));
            server.execute(&format!("CREATE DATABASE {name} OWNER refunds"));
        }
        let url = format!("postgres://refunds@{}/scenario_{{run}}", server.address());
        command.args(["--store", &url]);
    }
    command.output().expect("the program can be started")
}

#[track_caller]
fn assert_all_are_ok(output: &Output, count: usize) {
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{output:?}");
    let ok = said.lines().filter(|line| line.starts_with("ok "));
    assert_eq!(ok.count(), count, "{said}");
}

#[test]
fn every_shipped_scenario_is_ok_on_sqlite() {
    assert_all_are_ok(&play(Engine::Sqlite, &SHIPPED, &[]), SHIPPED.len());
}

#[test]
fn every_shipped_scenario_is_ok_on_postgresql() {
    assert_all_are_ok(&play(Engine::Postgres, &SHIPPED, &[]), SHIPPED.len());
}

#[test]
fn a_soak_with_kills_on_both_sides_is_ok_on_sqlite() {
    let output = play(Engine::Sqlite, &["soak"], &["--refunds", "40"]);
    assert_all_are_ok(&output, 1);
}

#[test]
fn a_soak_with_two_instances_is_ok_on_postgresql() {
    let output = play(
        Engine::Postgres,
        &["soak"],
        &["--refunds", "40", "--instances", "2"],
    );
    assert_all_are_ok(&output, 1);
}

#[test]
fn the_list_names_what_is_shipped() {
    let output = run(&["scenario", "list"]);
    let said = String::from_utf8_lossy(&output.stdout);
    for name in SHIPPED {
        assert!(said.lines().any(|line| line.starts_with(name)), "{said}");
    }
}

/// A scenario that fails at its second step, and one that is fine.
const FAILS: &str = r#"
name = "fails"
about = "a number that <never> comes"
steps = [
  { do = "create", name = "a", body = { provider = "payermax", account = "main", refund_no = "F1PEND", order_no = "P1", amount = "1", currency = "IDR" } },
  { do = "wait-for", refund = "a", status = "succeeded", within = "1s" },
]
"#;

#[test]
fn a_scenario_that_fails_says_where_and_why_in_every_format() {
    let folder = Folder::new();
    let file = folder.write("fails.toml", FAILS);
    let file = file.to_str().expect("a plain path");
    for format in ["table", "json", "ndjson", "junit"] {
        let dir = folder.path().join(format);
        let dir = dir.to_str().expect("a plain path");
        let output = run(&["scenario", "run", file, "--output", format, "--dir", dir]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(said.contains("step 2"), "{said}");
        assert!(said.contains("status of a is"), "{said}");
        match format {
            "table" => assert!(
                said.contains("again: refund-receiver scenario run"),
                "{said}"
            ),
            "junit" => {
                assert!(said.contains("tests=\"1\" failures=\"1\""), "{said}");
                assert!(said.contains("<failure message=\"step 2"), "{said}");
            }
            _ => {
                let line: Value = serde_json::from_str(said.trim()).expect("one object a line");
                assert_eq!(line["ok"], false);
            }
        }
    }
}

#[test]
fn what_cannot_be_played_is_refused_before_anything_starts() {
    let folder = Folder::new();
    let broken = folder.write("broken.toml", "name = 1");
    let broken = broken.to_str().expect("a plain path");
    for (arguments, why) in [
        (
            &["scenario", "run", "nothing"][..],
            "is no scenario; there are happy",
        ),
        (&["scenario", "run", broken], "invalid type"),
        (&["scenario", "run", "gone.toml"], "gone.toml"),
        (
            &["scenario", "run", "--seed", "5..1"],
            "write a number, or two as in 1..10",
        ),
        (
            &["scenario", "run", "--instances", "2"],
            "add --store postgres://",
        ),
        (
            &["scenario", "run", "--store", "sqlite:x.db"],
            "--store takes a URL of PostgreSQL",
        ),
        (&["scenario", "run", "--store", "mysql://x"], "--store"),
        (
            &["scenario", "run", "--store", "postgres://r@127.0.0.1/x"],
            "write {run} into the URL",
        ),
        (&["scenario", "run", "soak", "--refunds", "0"], "--refunds"),
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?} {output:?}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(why), "{arguments:?}: {said}");
    }
}
