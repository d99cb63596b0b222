//! The operator's console: where browsers reach it, how its cookie is kept, and which proxy may name its users.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::Deserialize;

use super::portals::Portal;
use crate::config::file::Text;
use crate::config::{Checker, Scope};
use crate::crypto::TokenDigest;
use crate::providers::accounts::network::Network;

/// Shortest secret of a proxy; `openssl rand -hex 32` makes one.
const PROXY_SECRET_CHARS_MIN: usize = 16;
/// What everyone whom a proxy names may do, where the config does not say.
const PROXY_SCOPE: Scope = Scope::ConsoleRead;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct ConsoleSection {
    enabled: Option<Text<bool>>,
    external_url: Option<String>,
    allow_insecure_cookie: Option<Text<bool>>,
    proxy_user_header: Option<String>,
    trusted_proxies: Option<Vec<String>>,
    proxy_secret_header: Option<String>,
    proxy_secret: Option<String>,
    proxy_scopes: Option<Vec<String>>,
    proxy_groups_header: Option<String>,
    proxy_groups: Option<BTreeMap<String, Vec<String>>>,
    #[serde(default)]
    portals: BTreeMap<String, String>,
}

/// The console, checked.
#[derive(Clone, Debug)]
pub struct ConsoleSettings {
    /// The origin that browsers use, such as `https://refunds.example.com`; `None`: the one of their requests.
    pub origin: Option<String>,
    /// Whether browsers keep a cookie that is marked `Secure`: over TLS, and on this machine.
    pub secure_cookie: bool,
    /// Who names users; `None`: they log in with a reader's token.
    pub proxy: Option<ProxyLogin>,
    /// Where the providers show a refund themselves.
    pub portals: Vec<Portal>,
}

/// A proxy that has authenticated the user.
#[derive(Clone, Debug)]
pub struct ProxyLogin {
    /// Header with the user's name.
    pub user_header: String,
    /// Peers whose header is believed.
    pub trusted: Vec<Network>,
    /// Header and digest of a secret that the proxy adds.
    pub secret: Option<(String, TokenDigest)>,
    /// What each user may do.
    pub scopes: Vec<Scope>,
    /// Header with the user's groups, separated by commas, and what each of them adds.
    pub groups: Option<(String, BTreeMap<String, Vec<Scope>>)>,
}

impl Checker {
    /// `None` where the console is off, or a problem is noted.
    pub(in crate::config) fn console(
        &mut self,
        section: &ConsoleSection,
        listen: Option<SocketAddr>,
        accounts: &[String],
    ) -> Option<ConsoleSettings> {
        let proxy = self.proxy_login(section);
        let portals = self.portals(&section.portals, accounts);
        let origin = section
            .external_url
            .as_ref()
            .and_then(|url| self.origin(url));
        if !section.enabled.is_some_and(|enabled| enabled.0) {
            return None;
        }
        let secure_cookie = match &origin {
            Some(origin) => origin.starts_with("https://") || is_this_machine(origin),
            None => listen.is_some_and(|listen| listen.ip().is_loopback()),
        };
        let key = "console.allow_insecure_cookie";
        if !self.permission(key, section.allow_insecure_cookie) && !secure_cookie {
            let what = "browsers keep the cookie of a login over https and on 127.0.0.1 alone: set \
                        console.external_url to the https:// address of the proxy in front, or set this to true \
                        in a network where no other party can listen";
            self.note(key, what);
        }
        Some(ConsoleSettings {
            origin,
            secure_cookie,
            proxy,
            portals,
        })
    }

    /// Scheme, host and port of an address, as browsers send them in `Origin`.
    fn origin(&mut self, url: &str) -> Option<String> {
        let text = url.trim_end_matches('/').to_ascii_lowercase();
        let rest = ["https://", "http://"].into_iter().find_map(|scheme| {
            let rest = text.strip_prefix(scheme)?;
            let default = if scheme == "https://" { ":443" } else { ":80" };
            Some((scheme, rest.strip_suffix(default).unwrap_or(rest)))
        });
        let is_host = |host: &str| {
            !host.is_empty()
                && host
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-.:[]".contains(&b))
        };
        let origin = rest.filter(|(_, host)| is_host(host));
        if origin.is_none() {
            let what = "must be the scheme, host and port of the console in browsers, without a path, such as \
                        https://refunds.example.com";
            self.note("console.external_url", what);
        }
        origin.map(|(scheme, host)| format!("{scheme}{host}"))
    }

    fn proxy_login(&mut self, section: &ConsoleSection) -> Option<ProxyLogin> {
        let Some(user_header) = &section.proxy_user_header else {
            for (key, is_given) in [
                ("trusted_proxies", section.trusted_proxies.is_some()),
                ("proxy_secret_header", section.proxy_secret_header.is_some()),
                ("proxy_secret", section.proxy_secret.is_some()),
                ("proxy_scopes", section.proxy_scopes.is_some()),
                ("proxy_groups_header", section.proxy_groups_header.is_some()),
                ("proxy_groups", section.proxy_groups.is_some()),
            ] {
                if is_given {
                    let what = "has a meaning only with console.proxy_user_header";
                    self.note(format!("console.{key}"), what);
                }
            }
            return None;
        };
        let trusted = self.networks(section.trusted_proxies.as_deref().unwrap_or_default());
        if trusted.is_empty() {
            let what =
                "must name the addresses of the proxy: anyone else could claim to be any user";
            self.note("console.trusted_proxies", what);
        }
        let secret = self.proxy_secret(section);
        let scopes = match &section.proxy_scopes {
            Some(words) => self.scopes("console.proxy_scopes", words),
            None => vec![PROXY_SCOPE],
        };
        let groups = match (&section.proxy_groups_header, &section.proxy_groups) {
            (Some(header), Some(groups)) => {
                let scopes_of = groups.iter().map(|(group, words)| {
                    let key = format!("console.proxy_groups.{group}");
                    (group.clone(), self.scopes(&key, words))
                });
                Some((header.to_ascii_lowercase(), scopes_of.collect()))
            }
            (None, None) => None,
            _ => {
                let what = "needs console.proxy_groups, and that needs this";
                self.note("console.proxy_groups_header", what);
                None
            }
        };
        Some(ProxyLogin {
            user_header: user_header.to_ascii_lowercase(),
            trusted,
            secret,
            scopes,
            groups,
        })
    }

    fn proxy_secret(&mut self, section: &ConsoleSection) -> Option<(String, TokenDigest)> {
        let key = "console.proxy_secret";
        match (&section.proxy_secret_header, &section.proxy_secret) {
            (Some(header), Some(text)) => {
                let secret = self.secret(key, text)?;
                if secret.expose().chars().count() < PROXY_SECRET_CHARS_MIN {
                    let what = format!("has fewer than {PROXY_SECRET_CHARS_MIN} characters");
                    self.note(key, what);
                }
                Some((
                    header.to_ascii_lowercase(),
                    TokenDigest::of(secret.expose()),
                ))
            }
            (None, None) => None,
            _ => {
                self.note(
                    key,
                    "needs console.proxy_secret_header, and that needs this",
                );
                None
            }
        }
    }

    fn networks(&mut self, texts: &[String]) -> Vec<Network> {
        let mut networks = Vec::new();
        for (index, text) in texts.iter().enumerate() {
            let network = Network::parse(text);
            if network.is_none() {
                let what = format!("{text:?} is no address and no network such as 10.0.0.0/24");
                self.note(format!("console.trusted_proxies[{index}]"), what);
            }
            networks.extend(network);
        }
        networks
    }

    fn scopes(&mut self, key: &str, words: &[String]) -> Vec<Scope> {
        let mut scopes = Vec::new();
        for word in words {
            match word.parse() {
                Ok(scope) => scopes.push(scope),
                Err(error) => self.note(key, format!("{error}")),
            }
        }
        scopes
    }
}

/// Whether browsers take this host for their own machine, whatever a name server says.
fn is_this_machine(origin: &str) -> bool {
    let host = origin.trim_start_matches("http://");
    let host = match host.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => host,
    };
    host == "localhost" || host == "127.0.0.1" || host == "[::1]"
}
