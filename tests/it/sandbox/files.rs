//! The bank's client, and the settlement files that are made of the ledger: `reconcile` reads them.

use serde_json::{Value, json};

use crate::harness::audit::run;
use crate::harness::http::Client;
use crate::harness::sandbox::{Circle, NEVER, QUICK, Sandbox, Setting, body};
use crate::harness::{Engine, Server, wait_for};

/// A member of the bank's client in the config.
fn of_bank(config: &str, name: &str) -> String {
    let bank = config.split("bank_client = {").nth(1).expect("it is there");
    let value = bank.split(&format!("{name} = \"")).nth(1).expect(name);
    value.split('"').next().expect("its end").to_owned()
}

/// A call of the bank's client; the reply as text.
fn bank(sandbox: &Sandbox, serial: &str, code: &str, info: &str) -> String {
    let client = Client::new();
    let config = client.send("GET", &format!("{}/sandbox/config", sandbox.url), &[], b"");
    let password = of_bank(config.text(), "password");
    let xml = format!(
        "requestXml=<?xml version=\"1.0\" encoding=\"GB2312\" standalone=\"yes\" ?><TX><REQUEST_SN>{serial}</REQUEST_SN>\
         <CUST_ID>105000075235505</CUST_ID><USER_ID>WLPT01</USER_ID><PASSWORD>{password}</PASSWORD>\
         <TX_CODE>{code}</TX_CODE><LANGUAGE>CN</LANGUAGE><TX_INFO>{info}</TX_INFO></TX>"
    );
    let reply = client.send("POST", &format!("{}/ccb", sandbox.url), &[], xml.as_bytes());
    assert_eq!(reply.status, 200);
    String::from_utf8_lossy(&reply.body).into_owned()
}

fn code_of(reply: &str) -> &str {
    let code = reply.split("<RETURN_CODE>").nth(1).expect("a code");
    code.split('<').next().expect("its end")
}

#[test]
fn the_bank_client_refunds_and_lists_and_a_repeated_number_moves_money_again() {
    let sandbox = Sandbox::start("manual");
    let refund = "<MONEY>1.50</MONEY><ORDER>O1</ORDER><REFUND_CODE>R1</REFUND_CODE>";
    let taken = bank(&sandbox, "1", "5W1004", refund);
    assert!(taken.contains("<AMOUNT>1.50</AMOUNT>"), "{taken}");
    assert_eq!(
        code_of(&bank(&sandbox, "1", "5W1004", refund)),
        "0130Z110W001",
        "a serial is used once"
    );
    assert_eq!(sandbox.moved("R1"), 1);
    // The bank does not compare numbers: a call that is repeated moves money again.
    assert_eq!(code_of(&bank(&sandbox, "2", "5W1004", refund)), "000000");
    assert_eq!(sandbox.moved("R1"), 2);
    let too_much = "<MONEY>900</MONEY><ORDER>O1</ORDER><REFUND_CODE>R2</REFUND_CODE>";
    assert_eq!(
        code_of(&bank(&sandbox, "3", "5W1004", too_much)),
        "0130Z110W005"
    );
    let lost = "<MONEY>1</MONEY><ORDER>O2</ORDER><REFUND_CODE>R3LOST</REFUND_CODE>";
    assert_eq!(
        code_of(&bank(&sandbox, "4", "5W1004", lost)),
        "0130Z0100001"
    );
    let found = bank(
        &sandbox,
        "5",
        "5W1003",
        "<KIND>0</KIND><ORDER>O2</ORDER><PAGE>1</PAGE>",
    );
    assert!(
        found.contains("<STATUS>1</STATUS><REFUND_CODE>R3LOST</REFUND_CODE>"),
        "{found}"
    );
}

/// The day of UTC+8 on which a refund ended.
fn day_of(sandbox: &Sandbox, number: &str) -> jiff::civil::Date {
    let entry = sandbox.entry(number);
    let finished = entry["finished_at"].as_str().expect("a time");
    let finished: jiff::Timestamp = finished.parse().expect("RFC 3339");
    let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(8));
    finished.to_zoned(zone).date()
}

#[test]
fn the_file_of_a_day_is_made_for_ten_minutes_and_then_fetched() {
    let sandbox = Sandbox::start("manual");
    let refund = "<MONEY>1.50</MONEY><ORDER>O1</ORDER><REFUND_CODE>R1</REFUND_CODE>";
    bank(&sandbox, "1", "5W1004", refund);
    let day = day_of(&sandbox, "R1");
    let wanted = |day: jiff::civil::Date| {
        let day = day.strftime("%Y%m%d");
        format!("<DATE>{day}</DATE><KIND>1</KIND><FILETYPE>1</FILETYPE><BILL_FLAG>1</BILL_FLAG>")
    };
    assert_eq!(
        code_of(&bank(&sandbox, "6", "5W1005", &wanted(day))),
        "YBLA06413051"
    );
    sandbox.advance("1d");
    assert_eq!(
        code_of(&bank(&sandbox, "7", "5W1005", &wanted(day))),
        "YBLA06413102"
    );
    assert_eq!(
        code_of(&bank(&sandbox, "8", "5W1005", &wanted(day))),
        "YBLA06413097"
    );
    sandbox.advance("10m");
    let ready = bank(&sandbox, "9", "5W1005", &wanted(day));
    let name = ready.split("<FILE_NAME>").nth(1).expect("a name");
    let name = name.split('<').next().expect("its end");
    let other = bank(
        &sandbox,
        "10",
        "6W0111",
        "<FILE_NAME>../keys.json</FILE_NAME>",
    );
    assert_eq!(code_of(&other), "0130Z110B357");
    let fetched = bank(
        &sandbox,
        "11",
        "6W0111",
        &format!("<FILE_NAME>{name}</FILE_NAME>"),
    );
    assert_eq!(code_of(&fetched), "000000", "{fetched}");
    let text = std::fs::read_to_string(sandbox.state().join(name)).expect("the file");
    assert!(text.contains("\tO1\t15.00\t1.50\t1\tR1\r\n"), "{text}");
}

#[test]
fn reconcile_reads_the_files_that_are_made_of_the_ledger() {
    let circle = Circle::start(Engine::Sqlite, "real", QUICK);
    let mut ids = Vec::new();
    for (account, number, state) in [
        ("payermax/main", "R1", "done"),
        ("payermax/main", "R2FAIL", "failed"),
        ("payermax/main", "R3LOST", "done"),
        ("payermax/old", "R4", "done"),
        ("nmanagement/ccb", "R5", "done"),
    ] {
        ids.push((circle.request(&body(account, number)), state));
    }
    for (id, state) in ids {
        circle.comes_to(&id, state);
    }
    let day = day_of(&circle.sandbox, "R1").to_string();
    let compared = |provider: &str, account: &str, file: &str| {
        let file = circle.server.folder().path().join(file);
        let file = file.to_str().expect("a plain path");
        let of = ["--provider", provider, "--account", account];
        let made = [
            "sandbox",
            "settlement",
            "--day",
            &day,
            "--to",
            file,
            "--sandbox",
            &circle.sandbox.url,
        ];
        let output = run(&[&made[..], &of].concat());
        assert!(output.status.success(), "{output:?}");
        let config = circle.server.folder().path().join("refund-receiver.toml");
        let config = config.to_str().expect("a plain path");
        let reconcile = [
            "reconcile",
            "--config",
            config,
            "--file",
            file,
            "--output",
            "json",
        ];
        let output = run(&[&reconcile[..], &of].concat());
        let report: Value = serde_json::from_slice(&output.stdout).expect("a report");
        (output.status.code(), report)
    };
    for (provider, account, file, count) in [
        ("payermax", "main", "main.zip", 3),
        ("payermax", "old", "old.zip", 1),
        ("nmanagement", "ccb", "ccb.txt", 1),
    ] {
        let (code, report) = compared(provider, account, file);
        assert_eq!(
            (code, &report["counts"]["match"]),
            (Some(0), &json!(count)),
            "{account}: {report}"
        );
    }
    // Made in the bank's portal.
    let refund = "<MONEY>2.00</MONEY><ORDER>O9</ORDER><REFUND_CODE>R9</REFUND_CODE>";
    bank(&circle.sandbox, "9000000000000001", "5W1004", refund);
    let (code, report) = compared("nmanagement", "ccb", "ccb-2.txt");
    assert_eq!(
        (code, &report["counts"]["only_there"]),
        (Some(1), &json!(1)),
        "{report}"
    );
}

#[test]
fn a_callback_that_reaches_both_instances_at_once_takes_effect_once() {
    let setting = Setting::new(Engine::Postgres, "real", NEVER);
    let other = Server::start(&setting.config);
    let circle = setting.serve();
    let fault = json!({"provider": "payermax", "fault": "at-once", "to": other.public_url});
    circle.sandbox.arm_with(&fault);
    let id = circle.request(&body("payermax/main", "R1"));
    circle.comes_to(&id, "done");
    let events = circle.events_of(&id);
    let told = events.iter().filter(|kind| *kind == "refund.succeeded");
    assert_eq!(told.count(), 1, "{events:?}");
    wait_for("both to be answered", || {
        let told = circle.sandbox.exchanges("R1", "callback");
        let answered = told.iter().filter(|one| one["verdict"] == "acknowledged");
        (answered.count() == 2).then_some(())
    });
    circle.assert_agrees();
}
