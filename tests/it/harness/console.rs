//! A browser as the console sees it: it keeps the cookie, sends `Origin` with forms, and follows nothing by itself.

use super::config::{ConfigBuilder, Engine};
use super::http::{Client, Reply};
use super::keys::sha256_hex;
use super::reader::percent_encoded;
use super::server::Server;

/// Bearer token of a reader that may see everything in the console and do everything.
pub const OPERATOR_TOKEN: &str = "console-token-of-an-operator-0123456789abcdef";
/// Bearer token of a reader that may look at the console and nothing else.
pub const LOOKER_TOKEN: &str = "console-token-of-one-who-looks-0123456789abc";

const OPERATOR: &str = "\"console:read\", \"callbacks:read\", \"operate\", \"refunds:write\"";

/// The TOML of both readers.
pub fn readers() -> String {
    let reader = |name, token, scopes: &str| {
        let digest = sha256_hex(token);
        format!(
            "[[readers]]\nname = \"{name}\"\ntoken_sha256 = \"{digest}\"\nscopes = [{scopes}]\n"
        )
    };
    let operator = reader("operator", OPERATOR_TOKEN, OPERATOR);
    let looker = reader("looker", LOOKER_TOKEN, "\"console:read\"");
    format!("{operator}{looker}")
}

/// The TOML of the console and both readers.
pub fn toml() -> String {
    format!("{}[console]\nenabled = true\n", readers())
}

/// The usual configuration with the console.
pub fn config(engine: Engine) -> ConfigBuilder {
    ConfigBuilder::new(engine).toml(&toml())
}

#[derive(Debug, Clone)]
pub struct Browser {
    client: Client,
    pub base: String,
    /// As it is sent back; empty before the login.
    pub cookie: String,
    pub language: &'static str,
    /// What a form is sent with; empty: nothing.
    pub origin: String,
}

impl Browser {
    pub fn new(server: &Server) -> Self {
        Self {
            client: server.client(),
            base: server.internal_url.clone(),
            cookie: String::new(),
            language: "en",
            origin: server.internal_url.clone(),
        }
    }

    /// One that is logged in with this token.
    #[track_caller]
    pub fn logged_in(server: &Server, token: &str) -> Self {
        let mut browser = Self::new(server);
        let reply = browser.log_in(token);
        assert_eq!(reply.status, 303, "{}", reply.text());
        browser
    }

    pub fn log_in(&mut self, token: &str) -> Reply {
        let reply = self.send_form(
            "/console/login",
            &[("token", token), ("next", "/console/refunds")],
            &[],
        );
        let set = reply.header("set-cookie");
        if let Some((pair, _)) = set.split_once(';') {
            pair.clone_into(&mut self.cookie);
        }
        reply
    }

    pub fn get(&self, path: &str) -> Reply {
        self.get_with(path, &[])
    }

    pub fn get_with(&self, path: &str, more: &[(&str, &str)]) -> Reply {
        let mut headers = vec![("accept-language", self.language)];
        if !self.cookie.is_empty() {
            headers.push(("cookie", &self.cookie));
        }
        headers.extend(more);
        let url = format!("{}{path}", self.base);
        self.client.send("GET", &url, &headers, b"")
    }

    /// The page, which must be there.
    #[track_caller]
    pub fn page(&self, path: &str) -> String {
        let reply = self.get(path);
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        reply.text().to_owned()
    }

    /// The token of the forms of this session.
    pub fn form_token(&self) -> String {
        value_of(&self.page("/console/logout"), "form_token")
    }

    /// Sends a form with the session's token.
    pub fn submit(&self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let token = self.form_token();
        let mut all = vec![("form_token", token.as_str())];
        all.extend(fields);
        self.send_form(path, &all, &[])
    }

    /// Sends a form with the session's token and a file, as browsers do.
    pub fn upload(&self, path: &str, fields: &[(&str, &str)], file: &[u8]) -> Reply {
        const BOUNDARY: &str = "----a-boundary-of-the-test";
        let token = self.form_token();
        let token = [("form_token", token.as_str())];
        let mut body = Vec::new();
        for (name, value) in token.iter().chain(fields) {
            let head = format!("Content-Disposition: form-data; name=\"{name}\"");
            body.extend(format!("--{BOUNDARY}\r\n{head}\r\n\r\n{value}\r\n").bytes());
        }
        let head = "Content-Disposition: form-data; name=\"file\"; filename=\"day.csv\"\r\n\
                    Content-Type: text/csv";
        body.extend(format!("--{BOUNDARY}\r\n{head}\r\n\r\n").bytes());
        body.extend(file);
        body.extend(format!("\r\n--{BOUNDARY}--\r\n").bytes());
        let media = format!("multipart/form-data; boundary={BOUNDARY}");
        self.post(path, &media, &body, &[])
    }

    /// Sends exactly these fields.
    pub fn send_form(&self, path: &str, fields: &[(&str, &str)], more: &[(&str, &str)]) -> Reply {
        let encode = |(name, value): &(&str, &str)| format!("{name}={}", percent_encoded(value));
        let body = fields.iter().map(encode).collect::<Vec<_>>().join("&");
        let media = "application/x-www-form-urlencoded";
        self.post(path, media, body.as_bytes(), more)
    }

    fn post(&self, path: &str, media: &str, body: &[u8], more: &[(&str, &str)]) -> Reply {
        let mut headers = vec![("content-type", media), ("accept-language", self.language)];
        if !self.origin.is_empty() {
            headers.push(("origin", &self.origin));
        }
        if !self.cookie.is_empty() {
            headers.push(("cookie", &self.cookie));
        }
        headers.extend(more);
        let url = format!("{}{path}", self.base);
        self.client.send("POST", &url, &headers, body)
    }
}

/// The value of a field of a page's form.
#[track_caller]
pub fn value_of(page: &str, name: &str) -> String {
    let mark = format!("name=\"{name}\" value=\"");
    let found = page.split_once(&mark);
    let (_, rest) = found.unwrap_or_else(|| panic!("no field {name} in {page}"));
    rest.split('"').next().unwrap_or_default().to_owned()
}
