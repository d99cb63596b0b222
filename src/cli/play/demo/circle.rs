//! The whole circle: refunds are submitted through our API, a sandbox in this process takes them, and the outcome is
//! called back or asked for.

use std::net::SocketAddr;

use rand::RngCore as _;
use rand::rngs::OsRng;
use serde_json::{Map, Value};

use super::LISTEN;
use super::stage::Stage;
use super::table::Seen;
use crate::sandbox::server;
use crate::sandbox::server::clock::Pace;
use crate::sandbox::server::keys::{
    Account, NMANAGEMENT, PAYCOOLS, PAYERMAX, PAYERMAX_OLD, QUICKPAY,
};
use crate::sandbox::server::{Options, Running};

/// Each account that sends, and when after the send it asks. The sandbox calls back after a second, so all but
/// the first are told before they ask.
const SENDING: [(Account, &str); 5] = [
    (PAYERMAX, r#"["2s", "3s", "5s", "8s", "12s"]"#),
    (PAYERMAX_OLD, LONG),
    (PAYCOOLS, LONG),
    (QUICKPAY, LONG),
    (NMANAGEMENT, LONG),
];
const LONG: &str = r#"["1m"]"#;

/// A refund that is submitted.
struct Case {
    what: &'static str,
    account: Account,
    refund_no: &'static str,
    /// `amount currency`.
    money: (&'static str, &'static str),
    /// Members of the body that only some providers need.
    more: &'static [(&'static str, &'static str)],
    /// What the sandbox is told before: a path and a body.
    arranged: Option<(&'static str, &'static str)>,
    /// How its outcome becomes known.
    path: &'static str,
    stored: &'static str,
}

const CASES: [Case; 8] = [
    Case {
        what: "submitted",
        account: PAYCOOLS,
        refund_no: "DEMO1OK",
        money: ("30.00", "MYR"),
        more: &[("provider_payment_no", "DEMOPAY1")],
        arranged: None,
        path: "sent: accepted, called back: applied",
        stored: "succeeded 30.00 MYR, request done",
    },
    Case {
        what: "submitted; its reply is lost",
        account: PAYERMAX,
        refund_no: "DEMO2LOST",
        money: ("30000", "IDR"),
        more: &[("order_no", "DEMOPAY2")],
        arranged: Some((
            "/sandbox/faults",
            r#"{"provider":"payermax","call":"refund","number":"DEMO2LOST","fault":"after-accept-cut"}"#,
        )),
        path: "sent: unknown, asked: done",
        stored: "succeeded 30000.00 IDR, request done",
    },
    Case {
        what: "submitted; no callback comes",
        account: PAYERMAX,
        refund_no: "DEMO3LOST",
        money: ("30000", "IDR"),
        more: &[("order_no", "DEMOPAY3")],
        arranged: None,
        path: "sent: accepted, asked: done",
        stored: "succeeded 30000.00 IDR, request done",
    },
    Case {
        what: "submitted; more than is left",
        account: PAYERMAX,
        refund_no: "DEMO4",
        money: ("30000", "IDR"),
        more: &[("order_no", "DEMOPAY4")],
        arranged: Some((
            "/sandbox/payments",
            r#"{"provider":"payermax","payment":"DEMOPAY4","amount":"20000","currency":"IDR"}"#,
        )),
        path: "sent: refused",
        stored: "failed 30000.00 IDR, request refused",
    },
    Case {
        what: "submitted; another amount is told",
        account: PAYERMAX_OLD,
        refund_no: "DEMO5AMT",
        money: ("30.00", "MYR"),
        more: &[("order_no", "DEMOPAY5"), ("order_amount", "30.00")],
        arranged: None,
        path: "sent: accepted, called back: questioned",
        stored: "pending 30.00 MYR, request accepted, asks: amount_mismatch",
    },
    Case {
        what: "submitted; the reply tells",
        account: QUICKPAY,
        refund_no: "DEMO6OK",
        money: ("30.00", "CNY"),
        more: &[("order_no", "DEMOPAY6"), ("order_amount", "100.00")],
        arranged: None,
        path: "sent: done",
        stored: "succeeded 30.00 CNY, request done",
    },
    Case {
        what: "submitted; the reply tells",
        account: NMANAGEMENT,
        refund_no: "DEMO7OK",
        money: ("30.00", "CNY"),
        more: &[("order_no", "DEMOPAY7")],
        arranged: None,
        path: "sent: done",
        stored: "succeeded 30.00 CNY, request done",
    },
    // The last one: its account sends nothing more.
    Case {
        what: "submitted; our key is rejected",
        account: PAYCOOLS,
        refund_no: "DEMO8",
        money: ("30.00", "MYR"),
        more: &[("provider_payment_no", "DEMOPAY8")],
        arranged: Some((
            "/sandbox/faults",
            r#"{"provider":"paycools","call":"refund","number":"DEMO8","fault":"code:21001"}"#,
        )),
        path: "sent: refused",
        stored: "failed 30.00 MYR, request refused",
    },
];

/// The providers, until this is dropped.
pub struct Circle {
    sandbox: Running,
}

impl Circle {
    /// Starts the sandbox, and adds an account for each provider to the config.
    pub fn start(public: SocketAddr, config: &mut Vec<String>) -> anyhow::Result<Self> {
        let sandbox = server::start(&Options {
            listen: SocketAddr::new(LISTEN[0].ip(), 0),
            dir: None,
            seed: OsRng.next_u64(),
            pace: Pace::Real,
            callbacks: format!("http://{public}"),
            scopes: Vec::new(),
        })?;
        for (account, timetable) in SENDING {
            let section = sandbox.section(&account, &name(&account));
            config.push(format!(
                "{section}max_per_second = 100\ntimetable = {timetable}\n"
            ));
        }
        Ok(Self { sandbox })
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.sandbox.address())
    }
}

/// Submits all of them; gives the answers.
pub fn submit(stage: &Stage, sandbox: &str) -> anyhow::Result<Vec<String>> {
    let mut answers = Vec::new();
    for case in &CASES {
        if let Some((path, body)) = case.arranged {
            stage.arrange(&format!("{sandbox}{path}"), body)?;
        }
        answers.push(stage.submit(&case.body())?);
    }
    Ok(answers)
}

/// Waits for what becomes of each, and notes it.
pub fn see(answers: &[String], stage: &mut Stage) -> anyhow::Result<()> {
    for (case, answer) in CASES.iter().zip(answers) {
        let provider = case.account.provider;
        let seen = if answer == "202" {
            let (path, stored) = stage.outcome(provider, case.refund_no)?;
            Seen::new(format!("{answer}, {path}"), stored)
        } else {
            Seen::new(answer, stage.stored(provider, case.refund_no)?)
        };
        let expected = Seen::new(format!("202, {}", case.path), case.stored);
        stage.note(provider, case.what, seen, expected);
    }
    Ok(())
}

/// The name of an account that sends; those that are only called back have the usual ones.
fn name(account: &Account) -> String {
    format!("sandbox-{}", account.account)
}

impl Case {
    fn body(&self) -> Value {
        let account = name(&self.account);
        let members = [
            ("provider", self.account.provider),
            ("account", account.as_str()),
            ("refund_no", self.refund_no),
            ("amount", self.money.0),
            ("currency", self.money.1),
            ("reason", "returned"),
        ];
        let members = members.iter().chain(self.more);
        let members: Map<_, _> = members
            .map(|(name, text)| ((*name).to_owned(), Value::from(*text)))
            .collect();
        Value::Object(members)
    }
}
