//! The sandbox as a second program: it plays the providers' request side, and its ledger says how often money moved.

mod circle;

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;

use serde_json::{Value, json};

use super::folder::Folder;
use super::http::Client;
use super::reader::text;
use super::server::PROGRAM;
use super::{Server, run};

pub use circle::{CALLER, Circle, NEVER, QUICK, Setting};

/// Bearer token of a reader that may do everything, `refunds:write` too.
pub const CALLER_TOKEN: &str = "caller-token-of-everything-0123456789abcdef0";

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

    /// What its clock shows.
    #[track_caller]
    pub fn clock(&self) -> String {
        text(&self.call("GET", "clock", &Value::Null)["now"])
    }

    /// Ends it at once.
    pub fn stop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
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
        self.stop();
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
