//! What is tried with every form that is signed by the provider itself.

use super::stage::{NOTHING, Stage, UNAUTHORIZED};
use super::table::Seen;
use crate::domain::claim::Status;
use crate::outbound::client::Answer;
use crate::sandbox::{Player, Sample, SignedRequest};

/// What a tampered callback says instead of its refund number.
const FORGED: &str = "DEMO-FORGED";

/// A good callback, its duplicate, a tampered one, and one that contradicts.
pub fn play(player: &Player, stage: &mut Stage) -> anyhow::Result<()> {
    let example = &player.form.example;
    let sample = Sample {
        refund_no: example.refund_no,
        order_no: example.order_no,
        amount: example.amount,
        ..Sample::default()
    };
    let good = player.sign(&sample)?;
    let tampered = tampered(&good, example.refund_no);
    let contradiction = player.sign(&Sample {
        status: Some(Status::Failed),
        ..sample
    })?;
    let acknowledged = format!("200 {}", player.form.acknowledgement);
    let (number, stored) = (example.refund_no, example.succeeded);
    let conflict = format!("{stored}, asks: conflict");
    let path = format!("/callbacks/{}/{}", player.system, player.sandbox.account);
    for (what, request, number, answer, stored) in [
        (
            "refund succeeded",
            &good,
            number,
            acknowledged.as_str(),
            stored,
        ),
        ("the same again", &good, number, &acknowledged, stored),
        ("tampered", &tampered, FORGED, UNAUTHORIZED, NOTHING),
        (
            "contradicting: failed",
            &contradiction,
            number,
            &acknowledged,
            &conflict,
        ),
    ] {
        let got = words(&stage.post(&path, request)?);
        let seen = Seen::new(got, stage.stored(player.system, number)?);
        stage.note(example.system, what, seen, Seen::new(answer, stored));
    }
    Ok(())
}

/// The same request about another refund, with the signature left as it is.
fn tampered(good: &SignedRequest, refund_no: &str) -> SignedRequest {
    let body = String::from_utf8_lossy(&good.body).replace(refund_no, FORGED);
    SignedRequest {
        headers: good.headers.clone(),
        body: body.into_bytes(),
    }
}

/// Status and body.
pub fn words(answer: &Answer) -> String {
    format!("{} {}", answer.status, answer.body)
}
