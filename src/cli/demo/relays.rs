//! `QuickPay` and nManagement in the demo: providers that never call, relayed by the merchant's own
//! system. A refund that failed may be tried again under the same number.

use serde_json::Value;

use super::folder::Folder;
use super::stage::{NOTHING, REFUSED, Stage};
use super::table::Seen;
use crate::crypto::WebhookSecret;
use crate::domain::claim::Status;
use crate::domain::time::{Clock as _, SystemClock};
use crate::outbound::client::Answer;
use crate::sandbox::relay::{Relay, Reply};
use crate::sandbox::{Prepared, Sender as _, Told, nmanagement, quickpay};

/// One provider and the secret of its relay.
pub struct Scene {
    system: &'static str,
    account: &'static str,
    reply: Reply,
    /// What is tried last: a reply that leaves the outcome open.
    open: (&'static str, &'static str),
    /// What is stored of a failure; not every provider names the amount then.
    failed: &'static str,
    secret_text: String,
    secret: WebhookSecret,
}

/// One message and what shall become of it.
struct Try {
    what: &'static str,
    /// Number of the message; each is believed once.
    message: u32,
    /// In the reply.
    refund: &'static str,
    status: Option<Status>,
    /// In the answer and in the store.
    expected: (&'static str, String),
}

impl Scene {
    pub fn quickpay() -> anyhow::Result<Self> {
        let open = (
            "about the payment only",
            "pending 12.34 CNY, asks: status_unknown",
        );
        let failed = "failed 12.34 CNY";
        Self::new("quickpay", "store-1", quickpay::reply, open, failed)
    }

    pub fn nmanagement() -> anyhow::Result<Self> {
        let open = ("the bank timed out", "pending, asks: outcome_unknown");
        Self::new("nmanagement", "ccb", nmanagement::reply, open, "failed")
    }

    fn new(
        system: &'static str,
        account: &'static str,
        reply: Reply,
        open: (&'static str, &'static str),
        failed: &'static str,
    ) -> anyhow::Result<Self> {
        let secret_text = WebhookSecret::generate_text();
        Ok(Self {
            system,
            account,
            reply,
            open,
            failed,
            secret: WebhookSecret::parse(&secret_text)?,
            secret_text,
        })
    }

    fn sign(
        &self,
        secret: &WebhookSecret,
        message: u32,
        refund_no: &str,
        status: Option<Status>,
    ) -> anyhow::Result<Prepared> {
        let relay = Relay {
            reply: self.reply,
            secret,
            message_id: &format!("msg_demo_{message}"),
            seconds: SystemClock.now().as_millis().div_euclid(1000),
        };
        relay.prepare(&Told {
            refund_no,
            order_no: "DEMO-ORDER-3",
            amount: "12.34",
            status,
        })
    }

    /// Sends to the path of `refund_no` and notes what is stored under that number.
    fn send(
        &self,
        stage: &mut Stage,
        what: &'static str,
        prepared: &Prepared,
        refund_no: &str,
        expected: Seen,
    ) -> anyhow::Result<()> {
        let path = format!("/relays/{}/{}/{refund_no}", self.system, self.account);
        let answer = words(&stage.post(&path, prepared)?);
        let seen = Seen::new(answer, stage.stored(self.system, refund_no)?);
        stage.note(self.system, what, seen, expected);
        Ok(())
    }

    fn tries(&self) -> Vec<Try> {
        let good = "succeeded 12.34 CNY";
        let conflict = format!("{good}, asks: conflict");
        let succeeded = Some(Status::Succeeded);
        let failed = Some(Status::Failed);
        let (open, open_stored) = self.open;
        [
            (
                "refund succeeded",
                1,
                "DEMO-1",
                succeeded,
                "succeeded",
                good,
            ),
            ("the same again", 1, "DEMO-1", succeeded, "succeeded", good),
            (
                "contradicting: failed",
                2,
                "DEMO-1",
                failed,
                "succeeded",
                conflict.as_str(),
            ),
            ("refund failed", 3, "DEMO-2", failed, "failed", self.failed),
            (
                "a retry succeeded",
                4,
                "DEMO-2",
                succeeded,
                "succeeded",
                good,
            ),
            (open, 5, "DEMO-3", None, "pending", open_stored),
        ]
        .map(|(what, message, refund, status, word, stored)| Try {
            what,
            message,
            refund,
            status,
            expected: (word, stored.to_owned()),
        })
        .into()
    }
}

impl super::Scene for Scene {
    fn config(&self, folder: &Folder) -> anyhow::Result<String> {
        let Self {
            system, account, ..
        } = self;
        folder.write(&format!("{system}.secret"), &self.secret_text)?;
        Ok(format!(
            r#"[[accounts]]
provider = "{system}"
account = "{account}"
relay_secrets = ["file:{system}.secret"]
"#
        ))
    }

    fn play(&self, stage: &mut Stage) -> anyhow::Result<()> {
        for attempt in self.tries() {
            let Try {
                what,
                message,
                refund,
                status,
                expected: (word, stored),
            } = attempt;
            let prepared = self.sign(&self.secret, message, refund, status)?;
            let expected = Seen::new(answer_of(word), stored);
            self.send(stage, what, &prepared, refund, expected)?;
        }
        let succeeded = Some(Status::Succeeded);
        // The refund number is not signed; that a message counts once is what guards it.
        let replayed = self.sign(&self.secret, 1, "DEMO-1", succeeded)?;
        let expected = Seen::new(answer_of("succeeded"), NOTHING);
        let what = "its id replayed for another refund";
        self.send(stage, what, &replayed, "DEMO-REPLAYED", expected)?;

        let refused = || Seen::new(REFUSED, NOTHING);
        let mut tampered = self.sign(&self.secret, 6, "DEMO-FORGED", succeeded)?;
        tampered.body.push(b' ');
        self.send(stage, "tampered", &tampered, "DEMO-FORGED", refused())?;
        let stranger = WebhookSecret::parse(&WebhookSecret::generate_text())?;
        let foreign = self.sign(&stranger, 7, "DEMO-FORGED", succeeded)?;
        self.send(stage, "wrong signature", &foreign, "DEMO-FORGED", refused())
    }
}

/// The answer to a applied relay.
fn answer_of(status: &str) -> String {
    format!(r#"200 {{"refund_id":"rf_…","status":"{status}"}}"#)
}

/// Status and body, without the part of the refund's id that nobody could expect.
fn words(answer: &Answer) -> String {
    let reply: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    let body = match reply["refund_id"].as_str() {
        Some(id) if id.starts_with("rf_") => answer.body.replace(id, "rf_…"),
        _ => answer.body.clone(),
    };
    format!("{} {body}", answer.status)
}
