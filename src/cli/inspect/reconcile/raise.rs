//! Tells a service what its file says of refunds: it leaves a question where the two differ.

use std::fs::File;
use std::path::Path;

use anyhow::Context as _;
use jiff::civil::Date;
use serde_json::{Value, json};

use crate::crypto::{hex, sha256_of};
use crate::domain::claim::Account;
use crate::http::internal::operate::settlement::ROWS_MAX;
use crate::outbound::client::Client;
use crate::reconcile::report::Finding;

/// What came of the rows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Raised {
    pub raised: u64,
    /// The same file said so before.
    pub known: u64,
}

impl Raised {
    pub fn to_json(self) -> Value {
        json!({"raised": self.raised, "known": self.known})
    }
}

/// The internal listener of a service, and a token of a reader with `operate`.
pub struct Service<'a> {
    pub url: &'a str,
    pub token: &'a str,
}

impl Service<'_> {
    pub fn raise(
        &self,
        account: &Account,
        (file, day): (&Path, Option<Date>),
        findings: &[Finding],
    ) -> anyhow::Result<Raised> {
        let opened = File::open(file).with_context(|| file.display().to_string())?;
        let hash = hex(&sha256_of(opened)?);
        let url = format!(
            "{}/v1/accounts/{}/{}/settlement",
            self.url.trim_end_matches('/'),
            account.provider,
            account.name
        );
        let (client, mut all) = (Client::new(), Raised::default());
        for findings in findings.chunks(ROWS_MAX) {
            let rows: Vec<_> = findings.iter().map(|finding| finding.to_json()).collect();
            let body = json!({
                "file_sha256": hash,
                "day": day.map(|day| day.to_string()),
                "rows": rows,
            });
            let answer = self.post(&client, &url, &body)?;
            let count = |name: &str| answer[name].as_u64().unwrap_or(0);
            all.raised += count("raised");
            all.known += count("known");
        }
        Ok(all)
    }

    fn post(&self, client: &Client, url: &str, body: &Value) -> anyhow::Result<Value> {
        let bearer = format!("Bearer {}", self.token);
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
        ];
        let answer = client.send("POST", url, &headers, body.to_string().as_bytes())?;
        let (status, said) = (answer.status, &answer.body);
        anyhow::ensure!(status == 200, "{url} answered {status}: {said}");
        serde_json::from_str(said).with_context(|| format!("{url} answered no JSON"))
    }
}
