//! The program aborts at every crash point; the ordinary program is
//! started on the same store, and no acknowledged callback is lost, doubled or half applied.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, ExitStatus};

use crate::harness::faulty::VARIABLE;
use crate::harness::ledger::{Ledger, mixed, register_orders};
use crate::harness::payermax::{ACK, MAIN, SAMPLE};
use crate::harness::server::{PROGRAM, program, report};
use crate::harness::{ConfigBuilder, Engine, Server, faulty};

/// Deliveries made ready for one crash.
const DELIVERIES: usize = 40;

/// Crash points of a callback, and how often each is passed before the program aborts.
const UNDER_LOAD: [(&str, &[u32]); 7] = [
    ("commit-before", &[0, 1, 2, 9]),
    ("commit-after", &[0, 1, 2, 9]),
    ("accepted-not-answered", &[0, 13]),
    ("accepted-not-queued", &[0, 13]),
    ("apply-begun", &[0, 13]),
    ("apply-refund-saved", &[0, 13]),
    ("resume-close-out", &[0, 3]),
];
/// Crash points of a checkpoint (the WAL is copied into the file): at the latest when all is quiet.
const IN_CHECKPOINT: [(&str, &[u32]); 2] =
    [("checkpoint-before", &[0]), ("checkpoint-after", &[0])];
/// Crash points of a first start.
const AT_FIRST_START: [&str; 3] = ["schema-made", "schema-noted", "schema-committed"];
/// Crash points of every start, where file and WAL get a new number.
const IN_GENERATION: [(&str, &[u32]); 3] = [
    ("generation-noted", &[0]),
    ("generation-set", &[0]),
    ("generation-copied", &[0]),
];
/// Crash points of a restore; `restore.rs` uses them.
const IN_RESTORE: [&str; 4] = [
    "restore-copied",
    "restore-moving",
    "restore-moved",
    "restore-named",
];
/// Crash points of a start that upgrades an older store.
const IN_UPGRADE: [&str; 3] = ["upgrade-step", "schema-noted", "schema-committed"];
/// Crash points of an outgoing refund; `requests/crash.rs` uses them.
pub const IN_REQUEST: [&str; 5] = [
    "request-created",
    "request-attempted",
    "request-replied",
    "reply-stored",
    "ask-attempted",
];
/// Crash points of an act; `trail/ends.rs` uses them.
pub const IN_TRAIL: [&str; 2] = ["act-appended", "act-committed"];
/// Crash points of a decision; `decisions/crash.rs` uses them.
pub const IN_DECISION: [&str; 3] = ["decision-begun", "decision-written", "decision-committed"];
/// Crash points of a start that finds a backlog.
const IN_RECOVERY: [(&str, &[u32]); 4] = [
    ("resume-begun", &[0]),
    ("resume-applied", &[0]),
    ("commit-before", &[0, 1, 2]),
    ("commit-after", &[0, 1]),
];

/// A server of the build with crash points, not started yet.
fn server_with_crash_points(engine: Engine) -> Server {
    let mut server = Server::stopped(&ConfigBuilder::new(engine));
    server.use_program(faulty::program());
    server
}

/// Lets the next start end at `point`, after passing it `passes` times.
fn arm(server: &mut Server, point: &str, passes: u32) {
    let action = if passes == 0 {
        format!("{point}=return")
    } else {
        format!("{point}={passes}*off->return")
    };
    server.set_variable(VARIABLE, Some(&action));
}

/// From now on the server never ends by itself.
fn disarm(server: &mut Server) {
    server.set_variable(VARIABLE, None);
}

#[track_caller]
fn assert_aborted(status: ExitStatus, place: &str) {
    assert!(
        status.signal().is_some(),
        "{place}: ended by itself: {status:?}"
    );
}

/// Starts again without faults and checks everything; at once, or after everything was sent again.
fn assert_recovers(server: &mut Server, ledger: &mut Ledger, by_itself: bool) {
    disarm(server);
    server.use_program(program());
    server.restart();
    if by_itself {
        ledger.assert_kept(server);
    }
    register_orders(server, 0, DELIVERIES);
    ledger.assert_whole_after_redelivery(server);
}

fn end_under_load(engine: Engine, points: &[(&str, &[u32])]) {
    let (mut ends, mut acked) = (0, 0);
    for (point, passes) in points {
        for passes in *passes {
            let place = format!("{point} after {passes}");
            let (mut server, mut ledger) = (server_with_crash_points(engine), Ledger::default());
            server.restart();
            if *point != "resume-close-out" {
                register_orders(&server, 0, DELIVERIES);
            }
            server.kill9();
            arm(&mut server, point, *passes);
            server.restart();
            ledger.storm(&mut server, &mixed(0, DELIVERIES), 0, |server| {
                assert_aborted(server.wait_end(), &place);
            });
            (ends, acked) = (ends + 1, acked + ledger.acked());
            assert_recovers(&mut server, &mut ledger, true);
        }
    }
    // A lost or doubled callback has failed the test by now.
    report(&format!(
        "measured | crash points ({engine:?}) | {ends} | {acked} | 0 | 0 |"
    ));
}

#[test]
fn an_end_at_any_place_of_a_callback_loses_and_doubles_nothing() {
    end_under_load(Engine::Sqlite, &UNDER_LOAD);
}

#[test]
fn an_end_at_any_place_of_a_callback_loses_and_doubles_nothing_on_postgres() {
    end_under_load(Engine::Postgres, &UNDER_LOAD);
}

#[test]
fn an_end_while_the_log_is_copied_loses_and_doubles_nothing() {
    end_under_load(Engine::Sqlite, &IN_CHECKPOINT);
}

#[test]
fn an_end_in_the_first_start_leaves_a_store_that_can_be_started() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        for point in AT_FIRST_START {
            let (mut server, mut ledger) = (server_with_crash_points(engine), Ledger::default());
            arm(&mut server, point, 0);
            assert_aborted(server.start_and_end(), point);
            disarm(&mut server);
            server.restart();
            register_orders(&server, 0, DELIVERIES);
            ledger.storm(&mut server, &mixed(0, DELIVERIES), DELIVERIES, |_| {});
            ledger.assert_kept(&server);
        }
    }
}

fn end_in_recovery(engine: Engine, points: &[(&str, &[u32])]) {
    for (point, passes) in points {
        for passes in *passes {
            let place = format!("{point} after {passes}");
            let (mut server, mut ledger) = (server_with_crash_points(engine), Ledger::default());
            arm(&mut server, "apply-begun", 5);
            server.restart();
            ledger.storm(&mut server, &mixed(0, DELIVERIES), 0, |server| {
                assert_aborted(server.wait_end(), "apply-begun");
            });
            arm(&mut server, point, *passes);
            assert_aborted(server.start_and_end(), &place);
            // Where instances share a store, what a dead one had on lease is free after 10 s only, which
            // is waited for once; a retry need not wait.
            let waits = engine == Engine::Sqlite || place == "resume-applied after 0";
            assert_recovers(&mut server, &mut ledger, waits);
        }
    }
}

#[test]
fn an_end_in_the_middle_of_recovery_is_recovered_from() {
    end_in_recovery(Engine::Sqlite, &IN_RECOVERY);
}

#[test]
fn an_end_in_the_middle_of_recovery_is_recovered_from_on_postgres() {
    end_in_recovery(Engine::Postgres, &IN_RECOVERY);
}

#[test]
fn an_end_while_file_and_log_get_a_new_number_never_makes_a_good_store_be_refused() {
    end_in_recovery(Engine::Sqlite, &IN_GENERATION);
    for (point, _) in IN_GENERATION {
        let mut server = server_with_crash_points(Engine::Sqlite);
        arm(&mut server, point, 0);
        // The first start, and then one after the other on what was left.
        for _ in 0..3 {
            assert_aborted(server.start_and_end(), point);
        }
        disarm(&mut server);
        server.restart();
        server.notify(MAIN, SAMPLE).expect(200, ACK);
    }
}

/// For each older version there is a store of it among the fixtures.
#[test]
fn an_end_in_an_upgrade_leaves_the_old_version_or_the_new_one() {
    let present = Server::usual(Engine::Sqlite).schema_version();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/store");
    let is_expanded = |server: &Server| server.tables().contains(&"schema_expanded".to_owned());
    for version in 1..present {
        let fixture = fixtures.join(format!("version-{version}.sql"));
        let old = std::fs::read_to_string(&fixture).expect("a store of each version is kept");
        // The last version before the present one is only added to.
        let points = IN_UPGRADE.into_iter();
        for point in points.filter(|point| *point != "upgrade-step" || version + 1 < present) {
            let mut server = server_with_crash_points(Engine::Sqlite);
            server.change_store(&old);
            arm(&mut server, point, 0);
            assert_aborted(server.start_and_end(), point);
            let is_left_old = point != "schema-committed";
            let left = if is_left_old { version } else { present - 1 };
            let seen = (server.schema_version(), is_expanded(&server));
            assert_eq!(
                seen,
                (left, !is_left_old),
                "whole or not at all, at {point}"
            );
            disarm(&mut server);
            server.restart();
            assert_eq!(server.schema_version(), present - 1);
            assert!(is_expanded(&server));
            let kept = old.matches("INSERT INTO \"refunds\"").count();
            assert_eq!(
                server.refunds("limit=200").len(),
                kept,
                "nothing is lost at {point}"
            );
            server.notify(MAIN, SAMPLE).expect(200, ACK);
            // Its tables are looked at once more.
            server.kill9();
            server.restart();
        }
    }
}

/// Every crash point that the source has.
fn points_in_source() -> BTreeSet<String> {
    fn read(folder: &Path, text: &mut String) {
        for entry in std::fs::read_dir(folder).expect("a readable folder") {
            let path = entry.expect("a readable entry").path();
            if path.is_dir() {
                read(&path, text);
            } else if path.file_name().is_some_and(|name| name != "failpoints.rs") {
                text.push_str(&std::fs::read_to_string(&path).unwrap_or_default());
            }
        }
    }
    let mut text = String::new();
    read(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut text,
    );
    let points = text.split("crash_point!(\"").skip(1);
    points
        .filter_map(|rest| rest.split('"').next())
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_crash_point_is_driven() {
    let under_load = UNDER_LOAD.iter().map(|(point, _)| *point);
    let in_recovery = IN_RECOVERY.iter().map(|(point, _)| *point);
    let in_checkpoint = IN_CHECKPOINT.iter().map(|(point, _)| *point);
    let driven: BTreeSet<String> = under_load
        .chain(in_checkpoint)
        .chain(in_recovery)
        .chain(AT_FIRST_START)
        .chain(IN_UPGRADE)
        .chain(IN_RESTORE)
        .chain(IN_REQUEST)
        .chain(IN_TRAIL)
        .chain(IN_DECISION)
        .chain(IN_GENERATION.iter().map(|(point, _)| *point))
        .map(str::to_owned)
        .collect();
    assert_eq!(driven, points_in_source());
}

#[test]
fn the_ordinary_program_holds_no_crash_point() {
    let holds = |program: &Path, text: &str| {
        let mut search = Command::new("grep");
        search.args(["--text", "--quiet", "--fixed-strings", "-e", text]);
        let status = search.arg(program).status().expect("grep is installed");
        match status.code() {
            Some(0) => true,
            Some(1) => false,
            other => panic!("the search failed: {other:?}"),
        }
    };
    let (ordinary, faulty) = (Path::new(PROGRAM), faulty::program());
    for name in points_in_source()
        .iter()
        .map(String::as_str)
        .chain([VARIABLE])
    {
        assert!(!holds(ordinary, name), "the ordinary program holds {name}");
        assert!(holds(&faulty, name), "this search cannot find {name}");
    }

    let everywhere: Vec<String> = points_in_source()
        .iter()
        .map(|point| format!("{point}=return"))
        .collect();
    let config = ConfigBuilder::new(Engine::Sqlite).variable(VARIABLE, &everywhere.join(";"));
    let mut server = Server::start(&config);
    server.notify(MAIN, SAMPLE).expect(200, ACK);
    assert_eq!(server.refunds("status=succeeded").len(), 1);
    assert_eq!(server.terminate().code(), Some(0));
}

#[test]
fn a_release_build_with_crash_points_is_refused() {
    let as_released = "profile.dev.package.refund-receiver.debug-assertions=false";
    let output = Command::new(env!("CARGO"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args([
            "build",
            "--locked",
            "--lib",
            "--features",
            "failpoints",
            "--config",
            as_released,
        ])
        .output()
        .expect("cargo can be started");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{said}");
    assert!(said.contains("a release build must not have it"), "{said}");
}
