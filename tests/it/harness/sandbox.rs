//! The sandbox as a second program: it plays the providers' request side, and its ledger says how often money moved.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;

use serde_json::{Value, json};

use super::config::ConfigBuilder;
use super::folder::Folder;
use super::http::{Client, Reply};
use super::keys::{provider_key, sha256_hex};
use super::reader::text;
use super::server::PROGRAM;
use super::{Engine, Proxy, Server, run, wait_for};

/// Bearer token of a reader that may do everything, `refunds:write` too.
pub const CALLER_TOKEN: &str = "caller-token-of-everything-0123456789abcdef0";
/// Asks come quickly.
pub const QUICK: &str = r#"["200ms", "500ms", "1s", "2s", "4s", "8s", "16s", "30s"]"#;
/// No ask within a test: what becomes known is known from a reply or a callback.
pub const NEVER: &str = r#"["1h"]"#;
pub const CALLER: &str = "[[readers]]\nname = \"caller\"\nscopes = [\"refunds:read\", \"refunds:write\", \"events:read\", \
                      \"callbacks:read\", \"operate\"]\n";

/// A running sandbox and its folder.
#[derive(Debug)]
pub struct Sandbox {
    child: Child,
    folder: Folder,
    pub url: String,
    client: Client,
}

/// The file of a sandbox's keys.
const KEYS: &str = "keys.json";

/// Keys that every sandbox of this run has: making them takes seconds.
fn keys() -> &'static [u8] {
    static MADE: OnceLock<Vec<u8>> = OnceLock::new();
    MADE.get_or_init(|| {
        let folder = Folder::new();
        let mut making = Command::new(PROGRAM);
        run(making
            .args(["sandbox", "--print-config", "--dir"])
            .arg(folder.path()));
        std::fs::read(folder.path().join(KEYS)).expect("it keeps its keys")
    })
}

fn private_file(path: &Path, content: &[u8]) {
    let mut options = std::fs::OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(path);
    let written = file.and_then(|mut file| file.write_all(content));
    written.expect("a new file");
}

impl Sandbox {
    /// Starts one on a free port; `clock` is `real`, `fast` or `manual`.
    pub fn start(clock: &str) -> Self {
        let folder = Folder::new();
        let state = folder.path().join("state");
        std::fs::create_dir(&state).expect("a new folder");
        private_file(&state.join(KEYS), keys());
        let log = std::fs::File::create(folder.path().join("sandbox.log")).expect("a log");
        let mut child = Command::new(PROGRAM)
            .args(["sandbox", "--listen", "127.0.0.1:0", "--clock", clock])
            .arg("--dir")
            .arg(&state)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the program can be started");
        let stdout = child.stdout.take().expect("stdout was piped");
        let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
        let ready =
            lines.find_map(|line| line.strip_prefix("sandbox ready on ").map(str::to_owned));
        // Goes on reading, so that the sandbox never blocks on a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            child,
            folder,
            url: ready.expect("it says where it listens"),
            client: Client::new(),
        }
    }

    /// The accounts of the config that the sandbox prints for itself, with these callbacks.
    fn accounts(&self, callbacks: &str) -> String {
        let output = Command::new(PROGRAM)
            .args(["sandbox", "--print-config", "--callbacks", callbacks])
            .args(["--listen", self.url.trim_start_matches("http://")])
            .arg("--dir")
            .arg(self.state())
            .output()
            .expect("the program can be started");
        assert!(output.status.success(), "{output:?}");
        let config = String::from_utf8(output.stdout).expect("text");
        let start = config.find("[[accounts]]").expect("it has accounts");
        config[start..].to_owned()
    }

    /// What its calls answer.
    #[track_caller]
    fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let url = format!("{}/sandbox/{path}", self.url);
        let body = body.to_string();
        let reply = self.client.send(method, &url, &[], body.as_bytes());
        reply.expect_json(200)
    }

    /// Arms a fault for the calls of this provider.
    #[track_caller]
    pub fn arm(&self, provider: &str, call: &str, fault: &str) {
        self.arm_with(&json!({"provider": provider, "call": call, "fault": fault}));
    }

    #[track_caller]
    pub fn arm_with(&self, fault: &Value) {
        self.call("POST", "faults", fault);
    }

    /// Lets the time of a manual clock pass.
    #[track_caller]
    pub fn advance(&self, time: &str) {
        self.call("POST", "clock", &json!({"advance": time}));
    }

    /// What the providers believe, refund by refund.
    #[track_caller]
    pub fn ledger(&self) -> Vec<Value> {
        let ledger = self.call("GET", "ledger", &Value::Null);
        ledger["data"].as_array().expect("a list").clone()
    }

    /// The entry of one number; null where no provider took it.
    #[track_caller]
    pub fn entry(&self, number: &str) -> Value {
        let ledger = self.ledger();
        let mut found = ledger.into_iter().filter(|entry| entry["number"] == number);
        let entry = found.next().unwrap_or_default();
        assert!(found.next().is_none(), "two providers took {number}");
        entry
    }

    /// How often money moved for this number.
    #[track_caller]
    pub fn moved(&self, number: &str) -> u64 {
        self.entry(number)["moved"].as_u64().unwrap_or(0)
    }

    /// Exchanges so far: `call` is `refund`, `query`, `login` or `callback`.
    #[track_caller]
    pub fn exchanges(&self, number: &str, call: &str) -> Vec<Value> {
        let (mut found, mut after) = (Vec::new(), 0);
        loop {
            let page = self.call("GET", &format!("journal?after={after}"), &Value::Null);
            let page = page["data"].as_array().expect("a list").clone();
            let Some(last) = page.last() else {
                return found;
            };
            after = last["sequence"].as_u64().expect("a number");
            let fits = |entry: &Value| entry["number"] == number && entry["call"] == call;
            found.extend(page.into_iter().filter(fits));
        }
    }

    /// Where it keeps keys, state and files.
    pub fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// What it has said on stderr.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("sandbox.log")).expect("its log")
    }

    /// Requests that reached a provider under this number, taken or not.
    #[track_caller]
    pub fn sends(&self, number: &str) -> usize {
        self.exchanges(number, "refund").len()
    }

    /// `sandbox check` against this service.
    pub fn check(&self, server: &Server) -> Output {
        let token = self.folder.write("caller.token", CALLER_TOKEN);
        // Files of secrets are private.
        run(Command::new("chmod").arg("600").arg(&token));
        Command::new(PROGRAM)
            .args(["sandbox", "check", "--sandbox", &self.url])
            .args(["--against", &server.internal_url, "--token-file"])
            .arg(token)
            .output()
            .expect("the program can be started")
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

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
        let found = super::comes_true(super::DEADLINE, || {
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
}

impl Server {
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

/// A refund of an account, as small as it may be.
pub fn body(account: &str, refund_no: &str) -> Value {
    let (provider, name) = account.split_once('/').expect("provider/account");
    let order_no = format!("P{refund_no}");
    let mut body = match account {
        "payermax/main" => json!({"order_no": order_no, "amount": "10000", "currency": "IDR"}),
        "payermax/old" => {
            json!({"order_no": order_no, "amount": "100.00", "order_amount": "100.00",
                                 "currency": "MYR"})
        }
        "paycools/my" => {
            json!({"provider_payment_no": order_no, "amount": "10.00", "currency": "MYR"})
        }
        "paycools/ph" => {
            json!({"provider_payment_no": order_no, "amount": "10.00", "currency": "PHP"})
        }
        "quickpay/store-1" => {
            json!({"order_no": order_no, "amount": "10.00", "order_amount": "20.00",
                                     "currency": "CNY"})
        }
        "nmanagement/ccb" => json!({"order_no": order_no, "amount": "10.00", "currency": "CNY"}),
        other => panic!("no account {other}"),
    };
    body["provider"] = json!(provider);
    body["account"] = json!(name);
    body["refund_no"] = json!(refund_no);
    body["reason"] = json!("returned");
    body
}

/// The accounts that the sandbox plays.
pub const ACCOUNTS: [&str; 6] = [
    "payermax/main",
    "payermax/old",
    "paycools/my",
    "paycools/ph",
    "quickpay/store-1",
    "nmanagement/ccb",
];

/// Where PayerMax' callbacks go, for [`body`] of `payermax/main`.
pub fn payermax_notice(refund_no: &str, status: &str) -> String {
    format!(
        r#"{{"code":"APPLY_SUCCESS","msg":"","keyVersion":"1","appId":"{}","merchantNo":"{}","notifyTime":"2026-01-17T09:33:54.540+00:00","notifyType":"REFUND","data":{{"outRefundNo":"{refund_no}","refundTradeNo":"TI-{refund_no}","outTradeNo":"P{refund_no}","refundAmount":10000,"refundCurrency":"IDR","status":"{status}"}}}}"#,
        super::config::APP_ID,
        super::config::MERCHANT_NO,
    )
}
