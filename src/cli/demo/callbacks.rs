//! What is tried with every provider that signs its callbacks itself.

use super::stage::{NOTHING, REFUSED, Stage};
use super::table::Seen;
use crate::domain::claim::Status;
use crate::outbound::client::Answer;
use crate::sandbox::{Prepared, Sender, Told};

/// What a tampered callback says instead of its refund number.
const FORGED: &str = "DEMO-FORGED";

/// One form of one provider's callbacks.
pub struct Form<'a> {
    /// As the table names it.
    pub system: &'static str,
    /// As the config names it.
    pub provider: &'static str,
    /// Where its callbacks go.
    pub path: &'static str,
    /// The exact success body.
    pub acknowledgement: &'static str,
    /// A refund that succeeds.
    pub told: Told<'a>,
    /// The same once it is stored.
    pub stored: &'static str,
}

impl Form<'_> {
    /// A good callback, its duplicate, a tampered one, and one that contradicts.
    pub fn play(&self, stage: &mut Stage, sender: &dyn Sender) -> anyhow::Result<()> {
        let good = sender.prepare(&self.told)?;
        let tampered = tampered(&good, self.told.refund_no);
        let contradiction = sender.prepare(&Told {
            status: Some(Status::Failed),
            ..self.told
        })?;
        let acknowledged = format!("200 {}", self.acknowledgement);
        let conflict = format!("{}, asks: conflict", self.stored);
        let number = self.told.refund_no;
        for (what, prepared, number, answer, stored) in [
            (
                "refund succeeded",
                &good,
                number,
                acknowledged.as_str(),
                self.stored,
            ),
            ("the same again", &good, number, &acknowledged, self.stored),
            ("tampered", &tampered, FORGED, REFUSED, NOTHING),
            (
                "contradicting: failed",
                &contradiction,
                number,
                &acknowledged,
                &conflict,
            ),
        ] {
            let got = words(&stage.post(self.path, prepared)?);
            let seen = Seen::new(got, stage.stored(self.provider, number)?);
            stage.note(self.system, what, seen, Seen::new(answer, stored));
        }
        Ok(())
    }
}

/// The same request about another refund, with the signature left as it is.
fn tampered(good: &Prepared, refund_no: &str) -> Prepared {
    let body = String::from_utf8_lossy(&good.body).replace(refund_no, FORGED);
    Prepared {
        headers: good.headers.clone(),
        body: body.into_bytes(),
    }
}

/// Status and body.
pub fn words(answer: &Answer) -> String {
    format!("{} {}", answer.status, answer.body)
}
