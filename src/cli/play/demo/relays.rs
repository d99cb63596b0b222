//! Providers that never call, relayed by the merchant's own system. A refund that failed may be retried
//! under the same number.

use serde_json::Value;

use super::stage::{NOTHING, Stage, UNAUTHORIZED};
use super::table::Seen;
use crate::crypto::WebhookSecret;
use crate::domain::claim::Status;
use crate::domain::time::{Clock as _, SystemClock};
use crate::outbound::client::Answer;
use crate::sandbox::{Key, Player, Sample, SignedRequest};

/// Each outcome, the same twice, one that contradicts, a retry, a replay, and two that prove nothing.
pub fn play(player: &Player, stage: &mut Stage) -> anyhow::Result<()> {
    let example = &player.form.example;
    let (succeeded, failed) = (Some(Status::Succeeded), Some(Status::Failed));
    let good = example.succeeded;
    let conflict = format!("{good}, asks: conflict");
    let (open, open_stored) = example.open;
    for (what, message, refund, status, answer, stored) in [
        ("refund succeeded", 1, "1", succeeded, "succeeded", good),
        ("the same again", 1, "1", succeeded, "succeeded", good),
        (
            "contradicting: failed",
            2,
            "1",
            failed,
            "succeeded",
            conflict.as_str(),
        ),
        ("refund failed", 3, "2", failed, "failed", example.failed),
        ("a retry succeeded", 4, "2", succeeded, "succeeded", good),
        (open, 5, "3", None, "pending", open_stored),
    ] {
        let request = sign(player, message, refund, status)?;
        let expected = Seen::new(answer_of(answer), stored);
        send(player, stage, what, &request, refund, expected)?;
    }
    // The refund number is not signed; that a message counts once is what guards it.
    let replayed = sign(player, 1, "1", succeeded)?;
    let expected = Seen::new(answer_of("succeeded"), NOTHING);
    let what = "its id replayed for another refund";
    send(player, stage, what, &replayed, "REPLAYED", expected)?;

    let rejected = || Seen::new(UNAUTHORIZED, NOTHING);
    let mut tampered = sign(player, 6, "FORGED", succeeded)?;
    tampered.body.push(b' ');
    send(player, stage, "tampered", &tampered, "FORGED", rejected())?;
    let other = WebhookSecret::parse(&WebhookSecret::generate_text())?;
    let stranger = Player {
        key: Key::Relay(Box::new(other)),
        ..*player
    };
    let foreign = sign(&stranger, 7, "FORGED", succeeded)?;
    let what = "wrong signature";
    send(player, stage, what, &foreign, "FORGED", rejected())
}

/// Each message number is accepted once.
fn sign(
    player: &Player,
    message: u32,
    refund: &str,
    status: Option<Status>,
) -> anyhow::Result<SignedRequest> {
    let example = &player.form.example;
    player.sign(&Sample {
        refund_no: &format!("{}{refund}", example.refund_no),
        order_no: example.order_no,
        amount: example.amount,
        status,
        message_id: &format!("msg_demo_{message}"),
        seconds: SystemClock.now().as_millis().div_euclid(1000),
        ..Sample::default()
    })
}

/// Sends to the path of a refund and notes what is stored under its number.
fn send(
    player: &Player,
    stage: &mut Stage,
    what: &'static str,
    request: &SignedRequest,
    refund: &str,
    expected: Seen,
) -> anyhow::Result<()> {
    let (system, account) = (player.system, player.sandbox.account);
    let refund_no = format!("{}{refund}", player.form.example.refund_no);
    let path = format!("/relays/{system}/{account}/{refund_no}");
    let answer = words(&stage.post(&path, request)?);
    let seen = Seen::new(answer, stage.stored(system, &refund_no)?);
    stage.note(system, what, seen, expected);
    Ok(())
}

/// The answer to a relayed reply that was applied.
fn answer_of(status: &str) -> String {
    format!(r#"200 {{"refund_id":"rf_…","status":"{status}"}}"#)
}

/// Status and body, without the part of the refund's id that differs from run to run.
fn words(answer: &Answer) -> String {
    let reply: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    let body = match reply["refund_id"].as_str() {
        Some(id) if id.starts_with("rf_") => answer.body.replace(id, "rf_…"),
        _ => answer.body.clone(),
    };
    format!("{} {body}", answer.status)
}
