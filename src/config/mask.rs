//! What an operator may see of a value: secrets are masked wherever they can be written, also inside an
//! address. What is not known to be harmless is masked.

use super::Secret;
use crate::push::shown_url;

/// What is shown instead of a secret.
const MASK: &str = "********";
/// Options of a database's address that hold no secret.
const HARMLESS_OPTIONS: [&str; 16] = [
    "application_name",
    "channel_binding",
    "connect_timeout",
    "dbname",
    "host",
    "hostaddr",
    "keepalives",
    "keepalives_idle",
    "load_balance_hosts",
    "port",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "target_session_attrs",
    "user",
];

/// How a value is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// As it is.
    Plainly,
    /// Not at all, but for where it comes from.
    Masked,
    /// A database's address, without the password.
    Store,
    /// An endpoint's address, without its query and user.
    Endpoint,
}

impl Shown {
    /// How the member `name` of the section `key` is shown.
    pub(super) fn of_member(self, name: &str, key: &str) -> Self {
        match name {
            // What lies inside a secret is one.
            _ if self == Self::Masked => self,
            "secret"
            | "secrets"
            | "path_secret"
            | "proxy_secret"
            | "relay_secrets"
            | "tokens"
            | "token_sha256"
            | "headers"
            | "private_key"
            | "client_key"
            | "password"
            | "token"
            | "merchant_auth_token" => Self::Masked,
            "url" if key.ends_with("bank_client") => self,
            "url" if key == "store" => Self::Store,
            "url" => Self::Endpoint,
            _ => self,
        }
    }

    /// The text as it is shown.
    pub(super) fn text(self, text: &str) -> String {
        let is_elsewhere = Secret::is_elsewhere(text);
        match self {
            Self::Plainly => text.to_owned(),
            // Where it comes from is no secret, and helps.
            Self::Masked if is_elsewhere => format!("{text} ({MASK})"),
            Self::Masked => MASK.to_owned(),
            Self::Store | Self::Endpoint if is_elsewhere => text.to_owned(),
            Self::Store => store_url(text),
            Self::Endpoint => shown_url(text, MASK).unwrap_or_else(|| MASK.to_owned()),
        }
    }
}

/// The address of a store without its secrets, in whatever part of it they are.
fn store_url(text: &str) -> String {
    let (text, fragment) = cut(text, '#');
    let (address, query) = cut(text, '?');
    // A password that holds ? or # unescaped ends at an @ behind it.
    if [query, fragment]
        .into_iter()
        .flatten()
        .any(|part| part.contains('@'))
    {
        return MASK.to_owned();
    }
    let Some((scheme, rest)) = address.split_once("://") else {
        return match query.or(fragment) {
            None => address.to_owned(),
            Some(_) => format!("{address}?{MASK}"),
        };
    };
    let rest = match rest.rsplit_once('@') {
        Some((user, host)) if user.contains(':') => {
            let user = user.split(':').next().unwrap_or_default();
            format!("{user}:{MASK}@{host}")
        }
        Some(_) | None => rest.to_owned(),
    };
    let query = query.map_or(String::new(), |query| {
        let options: Vec<_> = query.split('&').map(option).collect();
        format!("?{}", options.join("&"))
    });
    let fragment = fragment.map_or(String::new(), |_| format!("#{MASK}"));
    format!("{scheme}://{rest}{query}{fragment}")
}

fn option(pair: &str) -> String {
    match pair.split_once('=') {
        Some((name, _)) if HARMLESS_OPTIONS.contains(&name) => pair.to_owned(),
        Some((name, _)) => format!("{name}={MASK}"),
        None if pair.is_empty() => String::new(),
        None => MASK.to_owned(),
    }
}

fn cut(text: &str, at: char) -> (&str, Option<&str>) {
    match text.split_once(at) {
        Some((before, after)) => (before, Some(after)),
        None => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_a_store_is_shown_without_its_password_in_every_spelling() {
        for (text, expected) in [
            ("postgres://u:SECRET@h/db", "postgres://u:********@h/db"),
            (
                "postgres://u:SE@CR/ET@h:1/db",
                "postgres://u:********@h:1/db",
            ),
            (
                "postgres://u:SECRET@h:1,h2:2/db",
                "postgres://u:********@h:1,h2:2/db",
            ),
            ("postgres://u@h/db", "postgres://u@h/db"),
            (
                "postgres://h/db?user=u&password=SECRET",
                "postgres://h/db?user=u&password=********",
            ),
            (
                "postgres://h/db?sslmode=require&passw%6Frd=SECRET&SECRET",
                "postgres://h/db?sslmode=require&passw%6Frd=********&********",
            ),
            (
                "postgres://h/db?options=-c%20a.b=SECRET",
                "postgres://h/db?options=********",
            ),
            ("postgres://u:SEC?RET@h/db", "********"),
            ("postgres://u:SEC#RET@h/db", "********"),
            ("postgres://h/db#SECRET", "postgres://h/db#********"),
            ("sqlite:data/refunds.db", "sqlite:data/refunds.db"),
            (
                "sqlite:data/refunds.db?key=SECRET",
                "sqlite:data/refunds.db?********",
            ),
            ("env:DATABASE_URL", "env:DATABASE_URL"),
        ] {
            assert_eq!(Shown::Store.text(text), expected);
        }
    }

    #[test]
    fn an_address_of_an_endpoint_is_shown_without_query_and_user() {
        for (text, expected) in [
            (
                "https://erp.example.com/hook",
                "https://erp.example.com/hook",
            ),
            (
                "https://erp.example.com/hook?key=SECRET",
                "https://erp.example.com/hook?********",
            ),
            ("https://SECRET:SECRET@erp.example.com/", "********"),
            ("not an address SECRET", "********"),
        ] {
            assert_eq!(Shown::Endpoint.text(text), expected);
        }
    }

    #[test]
    fn what_lies_inside_a_secret_is_masked() {
        let headers = Shown::Plainly.of_member("headers", "endpoints[0]");
        assert_eq!(
            headers
                .of_member("X-Key", "endpoints[0].headers")
                .text("SECRET"),
            MASK
        );
        assert_eq!(headers.text("env:KEY"), "env:KEY (********)");
    }
}
