//! Where the load goes, and the bytes of one HTTP/1.1 request to it.
//!
//! Requests are written by hand because they are built once, before the clock starts; an HTTP
//! client library would build them again for every send.

use std::fmt;
use std::str::FromStr;

/// A plain `http://authority/path` address.
#[derive(Clone)]
pub struct Target {
    /// `host:port`, as connected to and as sent in `Host`.
    pub authority: String,
    path: String,
}

impl Target {
    /// One signed callback.
    pub fn post(&self, sign: &str, body: &str) -> Vec<u8> {
        let length = body.len();
        format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n\
             sign: {sign}\r\nContent-Length: {length}\r\n\r\n{body}",
            path = self.path,
            host = self.authority,
        )
        .into_bytes()
    }

    /// One read, with the bearer token when the server asks for one.
    pub fn get(&self, bearer: Option<&str>) -> Vec<u8> {
        let authorization = bearer
            .map(|token| format!("Authorization: Bearer {token}\r\n"))
            .unwrap_or_default();
        format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\n{authorization}\r\n",
            path = self.path,
            host = self.authority,
        )
        .into_bytes()
    }
}

impl FromStr for Target {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rest = text
            .strip_prefix("http://")
            .ok_or("must begin with http://")?;
        let (authority, path) = match rest.find('/') {
            Some(slash) => rest.split_at(slash),
            None => (rest, "/"),
        };
        if !authority.contains(':') {
            return Err("must name a port, as in http://127.0.0.1:8080/path");
        }
        if path
            .bytes()
            .any(|byte| byte.is_ascii_whitespace() || byte.is_ascii_control())
        {
            return Err("must hold no blanks in its path");
        }
        Ok(Self {
            authority: authority.to_owned(),
            path: path.to_owned(),
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "http://{}{}", self.authority, self.path)
    }
}
