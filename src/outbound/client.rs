//! A small HTTP client for the commands that send something.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use ureq::Agent;
use ureq::http::{Request, Uri};
use ureq::tls::TlsConfig;

/// Longest time for one request; above the longest `wait` that a command asks for.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Media type, if any.
    pub content_type: String,
    /// The body; not UTF-8 is shown as replacement characters.
    pub body: String,
    /// The body as it came.
    pub bytes: Vec<u8>,
}

/// A URL of the command line that can be asked: with a scheme and a host.
pub fn http_url(text: &str) -> Result<String, String> {
    let uri: Option<Uri> = text.parse().ok();
    let is_complete = uri.is_some_and(|uri| {
        let host = uri.host().unwrap_or_default();
        matches!(uri.scheme_str(), Some("http" | "https")) && !host.is_empty()
    });
    if is_complete {
        Ok(text.to_owned())
    } else {
        Err("write http://HOST:PORT/PATH or https://HOST/PATH".to_owned())
    }
}

/// Keeps connections open between requests.
pub struct Client {
    agent: Agent,
}

impl Client {
    /// A client that follows no redirects and takes any status for an answer.
    #[expect(
        clippy::new_without_default,
        reason = "a default would not show that it sets up TLS"
    )]
    pub fn new() -> Self {
        let crypto = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = TlsConfig::builder()
            .unversioned_rustls_crypto_provider(crypto)
            .build();
        let agent = Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(TIMEOUT))
            .user_agent(concat!("refund-receiver/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        Self { agent }
    }

    /// Sends a request and reads the whole answer.
    pub fn send(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> anyhow::Result<Answer> {
        let mut request = Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let has_body = method == "POST" || method == "PUT";
        let answer = if has_body {
            self.agent.run(request.body(body)?)
        } else {
            self.agent.run(request.body(())?)
        };
        let mut answer = answer.with_context(|| format!("{method} {url}"))?;
        let content_type = answer
            .headers()
            .get("content-type")
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        let bytes = answer.body_mut().read_to_vec()?;
        Ok(Answer {
            status: answer.status().as_u16(),
            content_type,
            body: String::from_utf8_lossy(&bytes).into_owned(),
            bytes,
        })
    }
}
