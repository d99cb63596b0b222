//! The parameters of a URL that this program reads itself, in libpq's words; what it does not do is rejected
//! or said by name, never left out in silence.

use std::path::{Path, PathBuf};

use super::tls::{Identity, Trust};
use super::url::PostgresUrlError;

/// What libpq knows, too, and a server cannot be reached without doing what it says.
const UNSUPPORTED: [&str; 27] = [
    "client_encoding",
    "fallback_application_name",
    "gssdelegation",
    "gssencmode",
    "gsslib",
    "krbsrvname",
    "max_protocol_version",
    "min_protocol_version",
    "oauth_client_id",
    "oauth_client_secret",
    "oauth_issuer",
    "oauth_scope",
    "passfile",
    "replication",
    "require_auth",
    "requirepeer",
    "requiressl",
    "service",
    "servicefile",
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
    "sslcertmode",
    "sslcompression",
    "sslcrl",
    "sslcrldir",
    "sslpassword",
    "sslsni",
];
/// What this program decides by itself: how long a server is waited for, and which one is used.
const DECIDED: [&str; 9] = [
    "connect_timeout",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "load_balance_hosts",
    "target_session_attrs",
    "tcp_user_timeout",
];

/// The parameters behind `?`.
#[derive(Debug, Default)]
pub(super) struct Options {
    pub sslmode: Option<String>,
    sslrootcert: Option<String>,
    sslcert: Option<String>,
    sslkey: Option<String>,
    /// Those that have no effect.
    pub ignored: Vec<&'static str>,
    /// Those that the driver reads.
    pub rest: String,
}

impl Options {
    /// Takes the parameters apart.
    pub(super) fn parse(query: &str) -> Result<Self, PostgresUrlError> {
        let mut options = Self::default();
        let mut rest = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            if let Some(name) = UNSUPPORTED.into_iter().find(|known| *known == name) {
                return Err(PostgresUrlError::Unsupported(name));
            }
            if name == "target_session_attrs" && !["any", "read-write", "primary"].contains(&value)
            {
                return Err(PostgresUrlError::ReadsOnly);
            }
            if let Some(name) = DECIDED.into_iter().find(|known| *known == name) {
                options.ignored.push(name);
                continue;
            }
            let option = match name {
                "sslmode" => &mut options.sslmode,
                "sslrootcert" => &mut options.sslrootcert,
                "sslcert" => &mut options.sslcert,
                "sslkey" => &mut options.sslkey,
                _ => {
                    rest.push(pair);
                    continue;
                }
            };
            *option = Some(decoded(value));
        }
        options.rest = rest.join("&");
        Ok(options)
    }

    /// Whose certificate is believed.
    pub(super) fn trust(&self, base: &Path) -> Result<Trust, PostgresUrlError> {
        let file = |path: &str| base.join(path);
        match (self.sslmode.as_deref(), self.sslrootcert.as_deref()) {
            (Some("verify-full"), None | Some("system")) => Ok(Trust::SystemRoots),
            (Some("verify-full"), Some(path)) => Ok(Trust::Roots(file(path))),
            (Some("verify-ca"), None | Some("system")) => Err(PostgresUrlError::NoRoots),
            (Some("verify-ca"), Some(path)) => Ok(Trust::Chain(file(path))),
            (None | Some("disable" | "prefer" | "require"), None) => Ok(Trust::Unchecked),
            (None | Some("disable" | "prefer" | "require"), Some(_)) => {
                Err(PostgresUrlError::UnusedRoots)
            }
            (Some(_), _) => Err(PostgresUrlError::SslMode),
        }
    }

    /// The certificate that this program shows of itself, and its key.
    pub(super) fn identity(&self, base: &Path) -> Result<Option<Identity>, PostgresUrlError> {
        let (certificate, key) = match (&self.sslcert, &self.sslkey) {
            (None, None) => return Ok(None),
            (Some(certificate), Some(key)) => (certificate, key),
            (Some(_), None) => return Err(PostgresUrlError::HalfIdentity("sslcert", "sslkey")),
            (None, Some(_)) => return Err(PostgresUrlError::HalfIdentity("sslkey", "sslcert")),
        };
        if self.sslmode.as_deref() == Some("disable") {
            return Err(PostgresUrlError::UnusedIdentity);
        }
        let file = |path: &String| -> PathBuf { base.join(path) };
        Ok(Some(Identity {
            certificate: file(certificate),
            key: file(key),
        }))
    }
}

/// A value as libpq reads it: `%2F` is a slash, and a + is a +.
fn decoded(value: &str) -> String {
    let pair = format!("v={}", value.replace('+', "%2B"));
    let first = form_urlencoded::parse(pair.as_bytes()).next();
    first.map_or_else(String::new, |(_, value)| value.into_owned())
}
