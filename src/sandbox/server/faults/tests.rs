//! When a fault fires, where it can happen, and what its words say.

use super::*;

fn armed(call: Option<&str>, fault: &str) -> Armed {
    Armed {
        provider: None,
        call: call.map(str::to_owned),
        number: None,
        fault: fault.parse().unwrap(),
        times: 1,
        seconds: 5,
        to: None,
    }
}

#[test]
fn a_fault_fires_as_often_as_it_was_armed_and_only_where_it_fits() {
    let mut faults = Faults::new(1);
    let wanted = Armed {
        provider: Some("payermax".to_owned()),
        number: Some("R1".to_owned()),
        times: 2,
        ..armed(Some("refund"), "after-accept-cut")
    };
    faults.arm(wanted).unwrap();
    assert_eq!(faults.fire("payermax", "query", Some("R1")), None);
    assert_eq!(faults.fire("payermax", "refund", Some("R2")), None);
    assert_eq!(faults.fire("paycools", "refund", Some("R1")), None);
    for _ in 0..2 {
        let fired = faults.fire("payermax", "refund", Some("R1")).unwrap();
        assert_eq!(fired.kind, Kind::AfterAcceptCut);
    }
    assert_eq!(faults.fire("payermax", "refund", Some("R1")), None);
}

#[test]
fn a_fault_is_armed_only_where_it_can_happen() {
    let mut faults = Faults::new(1);
    for (call, fault) in [
        (Some("callback"), "after-accept-cut"),
        (Some("callback"), "before-accept-500"),
        (Some("refund"), "drop"),
        (Some("query"), "gbk"),
        (Some("refund"), "empty-list"),
        (Some("callback"), "code:1"),
        (None, "at-once"),
    ] {
        assert!(faults.arm(armed(call, fault)).is_err(), "{call:?} {fault}");
    }
    faults.arm(armed(None, "drop")).unwrap();
    assert_eq!(faults.fire("payermax", "refund", None), None);
    assert!(faults.fire("payermax", CALLBACK, None).is_some());
    faults.arm(armed(None, "status-5")).unwrap();
    assert_eq!(faults.fire("payermax", "query", None), None);
    assert!(faults.fire("ccb", "query", None).is_some());
}

#[test]
fn every_word_reads_back() {
    for (word, kind, _) in WORDS {
        assert_eq!(word.parse(), Ok(kind.clone()));
        assert_eq!(kind.to_text(), word);
    }
    for word in [
        "before-accept-502",
        "after-accept-599",
        "code:21007",
        "at-once",
    ] {
        assert_eq!(word.parse::<Kind>().unwrap().to_text(), word);
    }
    for bad in [
        "boom",
        "before-accept-499",
        "after-accept-600",
        "before-accept-",
        "code:",
    ] {
        assert!(bad.parse::<Kind>().is_err(), "{bad}");
    }
}

#[test]
fn a_log_normal_pause_differs_and_is_the_same_for_a_seed() {
    let pauses = |seed| {
        let mut faults = Faults::new(seed);
        let mut wanted = armed(None, "slow-log-normal");
        wanted.times = 20;
        faults.arm(wanted).unwrap();
        let fire = |_| faults.fire("payermax", "refund", None).unwrap().time;
        (0..20).map(fire).collect::<Vec<_>>()
    };
    let first = pauses(1);
    assert_eq!(first, pauses(1));
    assert_ne!(first, pauses(2));
    assert!(first.iter().all(|pause| *pause <= Duration::from_secs(50)));
    assert!(first.iter().any(|pause| *pause < Duration::from_secs(5)));
    assert!(first.iter().any(|pause| *pause > Duration::from_secs(5)));
}
