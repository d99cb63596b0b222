//! `PayCools` in the demo: one account that takes both forms.

use super::callbacks::Form;
use super::folder::Folder;
use super::stage::Stage;
use super::token;
use crate::crypto::{SigningKey, SuffixSecret};
use crate::domain::claim::Status;
use crate::providers::paycools::{ACK_FLAT, ACK_OPEN_API};
use crate::sandbox::Told;
use crate::sandbox::paycools;
use crate::sandbox::paycools::Paycools;

/// Where both forms go.
const PATH: &str = "/callbacks/paycools/my";
/// Decimals of what the account counts in.
const MINOR_DIGITS: u8 = 2;

/// The provider, with a key and a secret of its own.
pub struct Scene {
    key: SigningKey,
    secret: String,
}

impl Scene {
    pub fn new() -> anyhow::Result<Self> {
        Ok(Self {
            key: SigningKey::generate()?,
            secret: token(),
        })
    }
}

impl super::Scene for Scene {
    fn config(&self, folder: &Folder) -> anyhow::Result<String> {
        folder.write("paycools.pem", self.key.public_pem())?;
        folder.write("paycools-private.pem", self.key.to_pem())?;
        folder.write("paycools.secret", &self.secret)?;
        Ok(format!(
            r#"[[accounts]]
provider = "paycools"
account = "my"
public_keys = [{{ id = "demo", file = "paycools.pem" }}]
secret = "file:paycools.secret"
currency = "MYR"
utc_offset = "+08:00"
minor_digits = {MINOR_DIGITS}
"#
        ))
    }

    fn play(&self, stage: &mut Stage) -> anyhow::Result<()> {
        let secret = SuffixSecret::new(&self.secret);
        let open_api = paycools::Form::OpenApi(&self.key);
        let flat = paycools::Form::Flat(&secret);
        for (system, form, acknowledgement, refund_no) in [
            ("paycools", open_api, ACK_OPEN_API, "DEMO-PCL-1"),
            ("paycools flat", flat, ACK_FLAT, "DEMO-PCL-FLAT-1"),
        ] {
            let sender = Paycools {
                form,
                minor_digits: MINOR_DIGITS,
            };
            let form = Form {
                system,
                provider: "paycools",
                path: PATH,
                acknowledgement,
                told: Told {
                    refund_no,
                    order_no: "DEMO-ORDER-2",
                    amount: "88.80",
                    status: Some(Status::Succeeded),
                },
                stored: "succeeded 88.80 MYR",
            };
            form.play(stage, &sender)?;
        }
        Ok(())
    }
}
