//! What is asked of the service and of the sandbox, and what `sandbox check` and `audit` find.

use std::process::Output;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::{Stage, program};

impl Stage {
    /// A call of the service's API, to its instances in turn; the error is one of the connection.
    pub fn api(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<(u16, Value)> {
        let turn = self.turn.get();
        self.turn.set(turn.wrapping_add(1));
        // As a load balancer: not to one that is known to be away.
        let up: Vec<_> = self
            .instances
            .iter()
            .filter(|one| one.process.is_some())
            .collect();
        anyhow::ensure!(!up.is_empty(), "no instance is up");
        let port = up[turn % up.len()].internal_port;
        let url = format!("http://127.0.0.1:{port}{path}");
        let (status, text) = self.text(method, &url, body)?;
        Ok((status, serde_json::from_str(&text).unwrap_or_default()))
    }

    /// A call of the sandbox itself.
    pub fn sandbox(&self, method: &str, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let (status, text) = self.text(method, &self.sandbox_url(path), body)?;
        anyhow::ensure!(
            status == 200,
            "{method} {path} of the sandbox: {status} {text}"
        );
        Ok(serde_json::from_str(&text).unwrap_or_default())
    }

    pub(super) fn text(
        &self,
        method: &str,
        url: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<(u16, String)> {
        let headers = [
            ("authorization", self.authorization.as_str()),
            ("content-type", "application/json"),
        ];
        let headers = if self.authorization.is_empty() {
            &headers[1..]
        } else {
            &headers[..]
        };
        let body = body.map(Value::to_string).unwrap_or_default();
        let answer = self.client.send(method, url, headers, body.as_bytes())?;
        Ok((answer.status, answer.body))
    }

    /// Every refund that the service knows.
    pub fn refunds(&self) -> anyhow::Result<Vec<Value>> {
        let mut refunds = Vec::new();
        let mut path = "/v1/refunds?limit=200".to_owned();
        loop {
            let (status, page) = self.api("GET", &path, None)?;
            anyhow::ensure!(status == 200, "GET {path}: {status} {page}");
            refunds.extend(page["data"].as_array().cloned().unwrap_or_default());
            match page["next_cursor"].as_str() {
                Some(cursor) => path = format!("/v1/refunds?limit=200&cursor={cursor}"),
                None => return Ok(refunds),
            }
        }
    }

    /// What every provider believes.
    pub fn ledger(&self) -> anyhow::Result<Vec<Value>> {
        let ledger = self.sandbox("GET", "/sandbox/ledger", None)?;
        Ok(ledger["data"].as_array().cloned().unwrap_or_default())
    }

    /// Lets the sandbox's time pass.
    pub fn advance(&self, by: &str) -> anyhow::Result<()> {
        let body = json!({ "advance": by });
        self.sandbox("POST", "/sandbox/clock", Some(&body))?;
        Ok(())
    }

    /// `sandbox check` and `audit` as a person runs them; the error is what they print.
    pub fn check(&self) -> anyhow::Result<()> {
        let mut check = program()?;
        check.args([
            "sandbox",
            "check",
            "--sandbox",
            &self.sandbox_url(""),
            "--against",
        ]);
        check.arg(format!(
            "http://127.0.0.1:{}",
            self.instances[0].internal_port
        ));
        check.arg("--token-file").arg(self.token_file());
        passed("sandbox check", &check.output().context("sandbox check")?)?;
        let mut audit = program()?;
        audit.arg("audit").arg("--config").arg(self.config_file(0));
        passed("audit", &audit.output().context("audit")?)
    }
}

fn passed(name: &str, output: &Output) -> anyhow::Result<()> {
    let said = String::from_utf8_lossy(&output.stdout);
    let problems = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "{name} failed:\n{said}{problems}");
    Ok(())
}
