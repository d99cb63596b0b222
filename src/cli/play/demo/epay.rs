//! `EPay` in the demo: orders in each state, an order registered late, every format, a wrong token.

use super::callbacks;
use super::stage::{NOTHING, Stage};
use super::table::Seen;
use crate::outbound::client::Answer;
use crate::providers::epay;
use crate::providers::epay::MediaType;
use crate::sandbox::{Key, Player, Sample};

const SYSTEM: &str = "epay";
const CLOSED: &str = "succeeded 30.00 CNY, close-out done, order closed";
/// What a caller without the token reads.
const DENIED: &str = r#"401 {"Message":"Authorization has been denied for this request."}"#;

pub fn play(caller: &Player, stage: &mut Stage) -> anyhow::Result<()> {
    stage.register("DEMO-ORDER-A", "refund_applied", "A")?;
    stage.register("DEMO-ORDER-B", "delivered", "B")?;
    stage.register("DEMO-ORDER-M", "refund_applied", "M")?;
    let delivered = "succeeded 30.00 CNY, close-out done, order delivered";
    let waits = "succeeded 30.00 CNY, close-out pending, asks: order_unknown";
    let parked = "succeeded 100.01 CNY, close-out parked, order refund_applied, asks: over_refund";
    let conflict = format!("{CLOSED}, asks: conflict");
    let json = MediaType::ApplicationJson;
    for (what, name, money, errcode, stored) in [
        ("closes an order", "A", "30.00", 0, CLOSED),
        ("the same again", "A", "30.00", 0, CLOSED),
        ("the same with another amount", "A", "29.00", 5, &conflict),
        ("order already delivered", "B", "30.00", 0, delivered),
        ("payment unknown", "C", "30.00", 2, waits),
        ("more than was paid", "M", "100.01", 6, parked),
    ] {
        let expected = Seen::new(format!("200 errcode {errcode}, application/json"), stored);
        report(stage, caller, (what, name, money), json, expected)?;
    }
    let stranger = Player {
        key: Key::Token("not the token".to_owned()),
        ..*caller
    };
    let denied = Seen::new(DENIED, NOTHING);
    report(
        stage,
        &stranger,
        ("wrong token", "D", "30.00"),
        json,
        denied,
    )?;

    let registered = stage.register("DEMO-ORDER-C", "refund_applied", "C")?;
    let seen = Seen::new(registered, stage.closed_out("B-C/T-C")?);
    let expected = Seen::new("200 order DEMO-ORDER-C", CLOSED);
    stage.note(SYSTEM, "its order is registered late", seen, expected);
    formats(stage, caller)
}

/// One body in each of the other formats, each for an order of its own.
fn formats(stage: &mut Stage, caller: &Player) -> anyhow::Result<()> {
    for (what, name, media, answered) in [
        (
            "closes an order, in XML",
            "X",
            MediaType::ApplicationXml,
            "application/xml",
        ),
        (
            "closes an order, as a form",
            "F",
            MediaType::Form,
            "application/json",
        ),
        (
            "closes an order, in BSON",
            "S",
            MediaType::Bson,
            "application/bson",
        ),
    ] {
        stage.register(&format!("DEMO-ORDER-{name}"), "refund_applied", name)?;
        let expected = Seen::new(format!("200 errcode 0, {answered}"), CLOSED);
        report(stage, caller, (what, name, "30.00"), media, expected)?;
    }
    Ok(())
}

/// Reports the refund `B-name/T-name` over `money` yuan.
fn report(
    stage: &mut Stage,
    caller: &Player,
    (what, name, money): (&'static str, &str, &str),
    media: MediaType,
    expected: Seen,
) -> anyhow::Result<()> {
    let refund_no = format!("B-{name}/T-{name}");
    let request = caller.sign(&Sample {
        refund_no: &refund_no,
        amount: money,
        media,
        ..Sample::default()
    })?;
    let answer = words(&stage.post(epay::PATH, &request)?);
    let seen = Seen::new(answer, stage.stored(SYSTEM, &refund_no)?);
    stage.note(SYSTEM, what, seen, expected);
    Ok(())
}

/// The number that callers look at and the format it came in; all of an answer without it.
fn words(answer: &Answer) -> String {
    let Some(errcode) = epay::errcode_of(&answer.content_type, &answer.bytes) else {
        return callbacks::words(answer);
    };
    let media = answer.content_type.split(';').next().unwrap_or_default();
    format!("{} errcode {errcode}, {media}", answer.status)
}
