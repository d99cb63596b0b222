//! A small HTTP client for the commands that send requests.

use std::time::Duration;

use anyhow::Context as _;
use ureq::Agent;
use ureq::http::{HeaderMap, Request, Uri};

use super::agent;

/// Timeout of one request; above the longest `wait` that a command asks for.
const TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    /// Empty if the response has none.
    pub content_type: String,
    /// Invalid UTF-8 becomes replacement characters.
    pub body: String,
    pub bytes: Vec<u8>,
    headers: HeaderMap,
}

impl Answer {
    /// The first header of this name; `None` where its value is no text, too.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Checks a URL of the command line: it needs a scheme and a host.
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

/// Reuses connections.
pub struct Client {
    agent: Agent,
}

impl Client {
    /// Waits 30 s for a response. Follows no redirects; any status is a response, not an error.
    #[expect(
        clippy::new_without_default,
        reason = "a default would not show that it sets up TLS"
    )]
    pub fn new() -> Self {
        Self::waiting(TIMEOUT)
    }

    /// The same, with another limit for the whole exchange.
    pub fn waiting(limit: Duration) -> Self {
        let agent = agent::config(None, None)
            .timeout_global(Some(limit))
            .build()
            .new_agent();
        Self { agent }
    }

    /// Sends a request and reads the whole response.
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
        let headers = answer.headers().clone();
        let content_type = headers
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
            headers,
        })
    }
}
