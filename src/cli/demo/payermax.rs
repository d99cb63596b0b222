//! PayerMax in the demo: one merchant, both generations under one key.

use super::callbacks::Form;
use super::folder::Folder;
use super::stage::Stage;
use crate::crypto::SigningKey;
use crate::domain::claim::Status;
use crate::providers::payermax::{ACK_NEW, ACK_V21};
use crate::sandbox::Told;
use crate::sandbox::payermax::Payermax;

/// Where its callbacks go.
pub const PATH: &str = "/callbacks/payermax/main";
/// The merchant of the demo; `trigger` has the same by default.
const MERCHANT: &str = "020213827212251";

/// The provider, with a key of its own.
pub struct Scene {
    key: SigningKey,
}

impl Scene {
    pub fn new() -> anyhow::Result<Self> {
        let key = SigningKey::generate()?;
        Ok(Self { key })
    }
}

impl super::Scene for Scene {
    fn config(&self, folder: &Folder) -> anyhow::Result<String> {
        folder.write("payermax.pem", self.key.public_pem())?;
        folder.write("payermax-private.pem", self.key.to_pem())?;
        Ok(format!(
            r#"[[accounts]]
provider = "payermax"
account = "main"
merchant_no = "{MERCHANT}"
public_keys = [{{ id = "demo", file = "payermax.pem" }}]
"#
        ))
    }

    fn play(&self, stage: &mut Stage) -> anyhow::Result<()> {
        for (system, v21, acknowledgement, refund_no) in [
            ("payermax", false, ACK_NEW, "DEMO-PMX-1"),
            ("payermax v2.1", true, ACK_V21, "DEMO-PMX-OLD-1"),
        ] {
            let sender = Payermax {
                key: &self.key,
                v21,
                merchant_no: MERCHANT,
                app_id: None,
                currency: "IDR",
            };
            let form = Form {
                system,
                provider: "payermax",
                path: PATH,
                acknowledgement,
                told: Told {
                    refund_no,
                    order_no: "DEMO-ORDER-1",
                    amount: "10000",
                    status: Some(Status::Succeeded),
                },
                stored: "succeeded 10000.00 IDR",
            };
            form.play(stage, &sender)?;
        }
        Ok(())
    }
}
