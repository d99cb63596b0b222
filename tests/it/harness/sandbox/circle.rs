//! The service and the sandbox, each talking to the other.

use serde_json::{Value, json};

use super::{CALLER_TOKEN, Sandbox};
use crate::harness::config::ConfigBuilder;
use crate::harness::http::Reply;
use crate::harness::keys::{provider_key, sha256_hex};
use crate::harness::reader::text;
use crate::harness::{DEADLINE, Engine, Proxy, Server, comes_true, wait_for};

/// Asks come quickly.
pub const QUICK: &str = r#"["200ms", "500ms", "1s", "2s", "4s", "8s", "16s", "30s"]"#;
/// No ask within a test: what becomes known is known from a reply or a callback.
pub const NEVER: &str = r#"["1h"]"#;
pub const CALLER: &str = "[[readers]]\nname = \"caller\"\nscopes = [\"refunds:read\", \"refunds:write\", \"events:read\", \
                      \"callbacks:read\", \"operate\"]\n";

/// A sandbox, and what a service needs to speak with it.
#[derive(Debug)]
pub struct Setting {
    pub sandbox: Sandbox,
    /// Where the sandbox calls back: it goes on to the service that is told.
    pub callbacks: Proxy,
    pub config: ConfigBuilder,
}

impl Setting {
    /// `timetable` is TOML, for every account.
    pub fn new(engine: Engine, clock: &str, timetable: &str) -> Self {
        Self::with(engine, clock, timetable, |accounts| accounts)
    }

    /// The same with the accounts changed by the test.
    pub fn with(
        engine: Engine,
        clock: &str,
        timetable: &str,
        change: impl FnOnce(String) -> String,
    ) -> Self {
        let sandbox = Sandbox::start(clock);
        let callbacks = Proxy::to("127.0.0.1:9");
        let accounts = sandbox.accounts(&format!("http://{}", callbacks.address()));
        let api = format!("[accounts.api]\nmax_per_second = 500\ntimetable = {timetable}\n");
        let accounts = accounts.replace("[accounts.api]\n", &api);
        // The key of the tests is good for callbacks of PayerMax, too.
        let both = "public_keys = [{ id = \"2026\", file = \"payermax.pem\" }, {";
        let accounts = accounts.replace("public_keys = [{", both);
        let reader = format!("{CALLER}token_sha256 = \"{}\"\n", sha256_hex(CALLER_TOKEN));
        let config = ConfigBuilder::bare(engine)
            .file("payermax.pem", &provider_key().public_pem)
            .toml(&change(accounts))
            .toml(&reader);
        Self {
            sandbox,
            callbacks,
            config,
        }
    }

    /// Starts the service, and sends the sandbox's callbacks to it.
    pub fn serve(self) -> Circle {
        let server = Server::start(&self.config);
        self.serve_with(server)
    }

    pub fn serve_with(self, server: Server) -> Circle {
        let circle = Circle {
            sandbox: self.sandbox,
            callbacks: self.callbacks,
            server,
        };
        circle.connect();
        circle
    }
}

/// The service with a sandbox on its other side.
#[derive(Debug)]
pub struct Circle {
    pub server: Server,
    pub callbacks: Proxy,
    pub sandbox: Sandbox,
}

impl Circle {
    pub fn start(engine: Engine, clock: &str, timetable: &str) -> Self {
        Setting::new(engine, clock, timetable).serve()
    }

    fn connect(&self) {
        let address = self.server.public_url.trim_start_matches("http://");
        self.callbacks.retarget(address);
    }

    /// Starts the service again; callbacks go to its new port.
    pub fn restart(&mut self) {
        self.server.restart();
        self.connect();
    }

    /// POST of the internal listener by the caller.
    pub fn post(&self, path: &str, body: &Value) -> Reply {
        self.server.post_as_caller(path, &[], body)
    }

    /// Asks for a refund that must be taken; gives its id.
    #[track_caller]
    pub fn request(&self, body: &Value) -> String {
        let reply = self.post("/v1/refunds", body);
        text(&reply.expect_json(202)["id"])
    }

    /// An operator's act: `resend`, with a reason.
    #[track_caller]
    pub fn resend(&self, id: &str) -> Reply {
        let why = json!({"reason": "the provider says that it never came"});
        self.post(&format!("/v1/refunds/{id}/resend"), &why)
    }

    #[track_caller]
    pub fn ask(&self, id: &str) {
        let reply = self.post(&format!("/v1/refunds/{id}/ask"), &json!({}));
        assert_eq!(reply.status, 202, "{}", reply.text());
    }

    /// `stop` or `resume` of an account.
    #[track_caller]
    pub fn switch(&self, account: &str, act: &str) {
        let path = format!("/v1/accounts/{account}/{act}");
        self.post(&path, &json!({"reason": "a test"}))
            .expect_json(200);
    }

    /// Why an account is stopped; null where it is not.
    #[track_caller]
    pub fn stopped(&self, account: &str) -> Value {
        let accounts = self.get("/v1/accounts");
        let all = accounts["data"].as_array().expect("a list");
        let is_it = |one: &&Value| {
            format!("{}/{}", text(&one["provider"]), text(&one["account"])) == account
        };
        all.iter().find(is_it).expect("it is configured")["stopped"].clone()
    }

    #[track_caller]
    pub fn get(&self, path: &str) -> Value {
        self.server.get_as(CALLER_TOKEN, path).expect_json(200)
    }

    #[track_caller]
    pub fn refund(&self, id: &str) -> Value {
        self.get(&format!("/v1/refunds/{id}"))
    }

    /// The refund, once its request is in this state.
    #[track_caller]
    pub fn comes_to(&self, id: &str, state: &str) -> Value {
        self.until(id, &format!("the request to be {state}"), |refund| {
            refund["request"]["state"] == state
        })
    }

    /// The refund, once `is_so`.
    #[track_caller]
    pub fn until(&self, id: &str, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        let found = comes_true(DEADLINE, || {
            last = self.refund(id);
            is_so(&last)
        });
        assert!(found, "waited in vain for {what}: {last:#}");
        last
    }

    /// The types of a refund's events in order.
    #[track_caller]
    pub fn events_of(&self, id: &str) -> Vec<String> {
        let events = self.server.events();
        let mut of_it = events.iter().filter(|event| event["data"]["id"] == id);
        let types = of_it.by_ref().map(|event| text(&event["type"]));
        types.collect()
    }

    #[track_caller]
    pub fn timeline(&self, id: &str) -> Vec<Value> {
        let timeline = self.get(&format!("/v1/refunds/{id}/timeline"));
        timeline["data"].as_array().expect("a list").clone()
    }

    /// How often the provider was asked about it.
    #[track_caller]
    pub fn asks(&self, id: &str) -> usize {
        let timeline = self.timeline(id);
        let asks = timeline.iter().filter(|entry| entry["kind"] == "ask");
        asks.count()
    }

    /// Waits until the timeline has so many entries of this kind; calls have to have ended.
    #[track_caller]
    pub fn wait_for_entries(&self, id: &str, kind: &str, count: usize) -> Vec<Value> {
        wait_for(&format!("{count} times {kind}"), || {
            let mut entries = self.timeline(id);
            let is_call = |entry: &Value| entry["request"].is_object();
            entries.retain(|entry| {
                entry["kind"] == kind && (!is_call(entry) || entry["ended_at"].is_string())
            });
            (entries.len() >= count).then_some(entries)
        })
    }

    /// Ledger and service say the same.
    #[track_caller]
    pub fn assert_agrees(&self) {
        let output = self.sandbox.check(&self.server);
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{said}");
    }
}

impl Server {
    /// POST of a JSON body by the caller, with further headers.
    pub fn post_as_caller(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> Reply {
        let url = format!("{}{path}", self.internal_url);
        let authorization = format!("Bearer {CALLER_TOKEN}");
        let mut all = vec![
            ("authorization", authorization.as_str()),
            ("content-type", "application/json"),
        ];
        all.extend_from_slice(headers);
        let body = body.to_string();
        self.client().send("POST", &url, &all, body.as_bytes())
    }

    /// The same, of a server that may end before it answers.
    pub fn try_post_as_caller(&self, path: &str, body: &Value) {
        let url = format!("{}{path}", self.internal_url);
        let authorization = format!("Bearer {CALLER_TOKEN}");
        let headers = [
            ("authorization", authorization.as_str()),
            ("content-type", "application/json"),
        ];
        let body = body.to_string();
        drop(
            self.client()
                .try_send("POST", &url, &headers, body.as_bytes()),
        );
    }
}
