//! The soak: random refunds, faults on both sides and `kill -9` of both processes, all from one seed. In the end every
//! refund is final, asks a person, or is planned beyond the run; no number moved money twice.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::soak_faults::Drawn;
use super::stage::{Part, Setup, Stage, stopwatch};
use crate::domain::time::{Clock as _, SystemClock, Timestamp};
use crate::sandbox::server::random::Random;

/// Ends of numbers; most are plain.
const ENDS: [&str; 16] = [
    "", "", "", "", "OK", "FAIL", "CANCEL", "PEND", "LATE", "FLIP", "LOST", "LOST", "DUP", "UNK",
    "AMT", "CUR",
];
/// Refunds between two kills, at most.
const BETWEEN_KILLS: u64 = 24;
/// Longest time until all is quiet after the last refund.
const DRAIN: Duration = Duration::from_secs(100);
/// The same on a store that instances share: what one of them was sending when it died waits for the end of its lease.
const DRAIN_SHARED: Duration = Duration::from_secs(400);

struct Soak {
    stage: Stage,
    random: Random,
    drain: Duration,
    /// The payment of each refund, by its number.
    payments: HashMap<String, String>,
    /// An instance is, and will be started again.
    away: bool,
    kills: u32,
    faults: u32,
    resumed: u32,
}

/// Plays one seed; what was seen, in a few words.
pub fn run(folder: &Path, setup: &Setup, refunds: u32) -> anyhow::Result<String> {
    let mut soak = Soak {
        stage: Stage::start(folder, setup)?,
        random: Random::new(setup.seed),
        drain: if setup.store.is_some() {
            DRAIN_SHARED
        } else {
            DRAIN
        },
        payments: HashMap::new(),
        away: false,
        kills: 0,
        faults: 0,
        resumed: 0,
    };
    let mut until_kill = 1 + soak.random.below(BETWEEN_KILLS);
    for number in 0..refunds {
        let body = soak.refund(number);
        soak.create(&body)?;
        if soak.random.percent(45) {
            soak.arm()?;
        }
        let pause = soak.random.below(120);
        std::thread::sleep(Duration::from_millis(pause));
        if soak.away && soak.random.percent(40) {
            soak.stage.complete()?;
            soak.away = false;
        }
        until_kill -= 1;
        if until_kill == 0 {
            soak.stage.complete()?;
            soak.kill()?;
            until_kill = 1 + soak.random.below(BETWEEN_KILLS);
        }
        if number % 20 == 19 {
            soak.resume()?;
        }
    }
    // Once more, while nothing new comes.
    soak.kill()?;
    soak.stage.complete()?;
    let asked = soak.drain()?;
    soak.stage.check()?;
    let Soak {
        kills,
        faults,
        resumed,
        ..
    } = soak;
    Ok(format!(
        "{refunds} refunds, {faults} faults, {kills} kills, {resumed} resumed accounts: {asked}"
    ))
}

impl Soak {
    fn refund(&mut self, number: u32) -> Value {
        let end = self.random.pick(&ENDS).copied().unwrap_or_default();
        let kind = self.random.below(6);
        // Without callbacks a success that turns is never told.
        let end = if end == "FLIP" && kind > 3 {
            "LOST"
        } else {
            end
        };
        let refund_no = format!("S{number}N{end}");
        let amount = format!("{}.00", 1 + self.random.below(9));
        // Some are parts of one payment.
        let payment = if number > 0 && self.random.percent(15) {
            number - 1
        } else {
            number
        };
        let payment = format!("P{payment}");
        self.payments.insert(refund_no.clone(), payment.clone());
        match kind {
            0 => {
                json!({"provider": "payermax", "account": "main", "refund_no": refund_no, "order_no": payment,
                "amount": amount, "currency": "IDR"})
            }
            1 => {
                json!({"provider": "payermax", "account": "old", "refund_no": refund_no,
                "order_no": format!("Q{number}"), "amount": amount, "currency": "SAR",
                "order_amount": amount, "reason": "returned"})
            }
            2 => {
                json!({"provider": "paycools", "account": "my", "refund_no": refund_no,
                "provider_payment_no": format!("C{payment}"), "amount": amount, "currency": "MYR"})
            }
            3 => {
                json!({"provider": "paycools", "account": "ph", "refund_no": refund_no,
                "provider_payment_no": format!("D{payment}"), "amount": amount, "currency": "PHP"})
            }
            4 => {
                json!({"provider": "quickpay", "account": "store-1", "refund_no": refund_no, "order_no": payment,
                "amount": amount, "currency": "CNY", "order_amount": "100.00"})
            }
            _ => {
                json!({"provider": "nmanagement", "account": "ccb", "refund_no": refund_no, "order_no": payment,
                "amount": amount, "currency": "CNY"})
            }
        }
    }

    /// As a careful caller does: again until there is an answer.
    fn create(&self, body: &Value) -> anyhow::Result<()> {
        let began = stopwatch();
        loop {
            match self.stage.api("POST", "/v1/refunds", Some(body)) {
                Ok((200 | 202, _)) => return Ok(()),
                Ok((503, _)) | Err(_) if began.elapsed() < DRAIN => {
                    std::thread::sleep(Duration::from_millis(50));
                }
                Ok((status, said)) => anyhow::bail!("{body} was answered {status} {said}"),
                Err(error) => return Err(error),
            }
        }
    }

    fn arm(&mut self) -> anyhow::Result<()> {
        let Drawn {
            provider,
            call,
            fault,
        } = Drawn::draw(&mut self.random);
        let seconds = if fault == "skew" { 600 } else { 1 };
        let times = 1 + self.random.below(2);
        let mut body = json!({"provider": provider, "call": call, "fault": fault, "times": times,
                              "seconds": seconds});
        if fault == "at-once" {
            body["to"] = json!(self.stage.public_url(self.stage.instances() - 1));
        }
        self.stage.sandbox("POST", "/sandbox/faults", Some(&body))?;
        self.faults += 1;
        Ok(())
    }

    /// Kills an instance of the service, the sandbox, or all, and starts them again.
    fn kill(&mut self) -> anyhow::Result<()> {
        let instances = self.stage.instances();
        let one = usize::try_from(self.random.below(instances as u64)).unwrap_or(0);
        let parts = match self.random.below(5) {
            0..=1 => vec![Part::Instance(one)],
            2..=3 => vec![Part::Sandbox],
            _ => {
                let all = (0..instances).map(Part::Instance);
                all.chain([Part::Sandbox]).collect()
            }
        };
        for part in &parts {
            self.stage.kill_part(*part);
            self.kills += 1;
        }
        if instances > 1 && parts.len() == 1 && parts[0] != Part::Sandbox {
            // Callers go on with the other one.
            self.away = true;
            return Ok(());
        }
        let away = self.random.below(800);
        std::thread::sleep(Duration::from_millis(away));
        for part in parts.iter().rev() {
            self.stage.start_part(*part)?;
        }
        Ok(())
    }

    /// What an operator does with accounts that stopped.
    fn resume(&mut self) -> anyhow::Result<()> {
        let (status, accounts) = self.stage.api("GET", "/v1/accounts", None)?;
        anyhow::ensure!(status == 200, "GET /v1/accounts: {status} {accounts}");
        for account in accounts["data"].as_array().into_iter().flatten() {
            if account["stopped"].is_null() || account["stopped"] == json!(false) {
                continue;
            }
            let name = |member: &str| account[member].as_str().unwrap_or_default();
            let path = format!(
                "/v1/accounts/{}/{}/resume",
                name("provider"),
                name("account")
            );
            let reason = json!({ "reason": "the soak goes on" });
            let (status, said) = self.stage.api("POST", &path, Some(&reason))?;
            anyhow::ensure!(status == 200, "{path}: {status} {said}");
            self.resumed += 1;
        }
        Ok(())
    }

    /// No more faults: waits until every refund is as it has to be in the end.
    fn drain(&mut self) -> anyhow::Result<String> {
        self.stage.sandbox("DELETE", "/sandbox/faults", None)?;
        let began = stopwatch();
        let end = SystemClock.now().plus(self.drain);
        // All that the providers will ever do by themselves.
        std::thread::sleep(Duration::from_secs(2));
        self.stage.advance("15h")?;
        let mut next_ask = Duration::from_secs(4);
        loop {
            self.resume()?;
            let refunds = self.stage.refunds()?;
            let ledger = self.stage.ledger()?;
            let open = self.unfinished(&refunds, &ledger, end);
            let Some((refund, why)) = open.first() else {
                return Ok(summary(&refunds, &ledger));
            };
            if began.elapsed() > self.drain {
                let all = open.len();
                anyhow::bail!(
                    "{all} are not as they have to be in the end; the first {why}: {refund}"
                );
            }
            if began.elapsed() > next_ask {
                next_ask += Duration::from_secs(15);
                self.ask(&refunds)?;
            }
            std::thread::sleep(Duration::from_millis(500));
        }
    }

    /// What a person does with all that is open.
    fn ask(&self, refunds: &[Value]) -> anyhow::Result<()> {
        for refund in refunds {
            let state = refund["request"]["state"].as_str().unwrap_or_default();
            let id = refund["id"].as_str().context("a refund without an id")?;
            if matches!(state, "unknown" | "accepted") {
                let path = format!("/v1/refunds/{id}/ask");
                let (status, said) = self.stage.api("POST", &path, None)?;
                let is_fine = matches!(status, 202 | 409);
                anyhow::ensure!(is_fine, "{path}: {status} {said}");
            }
        }
        Ok(())
    }
}

/// How numbers are compared.
fn key(provider: &Value, number: &Value) -> (String, String) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (text(provider), text(number).to_ascii_uppercase())
}

/// Whether nothing more happens to it by itself.
fn is_final(refund: &Value) -> bool {
    let state = refund["request"]["state"].as_str().unwrap_or_default();
    matches!(state, "done" | "failed" | "refused" | "canceled")
}

impl Soak {
    /// Refunds that are neither final, nor ask a person, nor wait for a time beyond the run; and those of which
    /// the provider knows the end and the service does not.
    fn unfinished(
        &self,
        refunds: &[Value],
        ledger: &[Value],
        end: Timestamp,
    ) -> Vec<(Value, &'static str)> {
        let entries: HashMap<_, _> = ledger
            .iter()
            .map(|entry| (key(&entry["provider"], &entry["number"]), entry))
            .collect();
        let mut open = Vec::new();
        for refund in refunds {
            let request = &refund["request"];
            let asks = refund["attention"]
                .as_array()
                .is_some_and(|open| !open.is_empty());
            if asks || is_final(refund) {
                continue;
            }
            let entry = entries.get(&key(&refund["provider"], &refund["refund_no"]));
            let is_over = entry.is_some_and(|entry| {
                let state = entry["state"].as_str();
                let ended = matches!(state, Some("succeeded" | "failed" | "canceled"));
                ended && entry["open"] == json!(0)
            });
            let next_at = request["next_at"].as_str();
            let next_at = next_at.and_then(|text| Timestamp::from_rfc3339(text).ok());
            let is_soon = next_at.is_some_and(|at| at <= end);
            let why = match request["state"].as_str() {
                _ if is_over => "ended at the provider and is open here",
                _ if next_at.is_none() => "is open, asks no person and is never due",
                Some("sending") if is_soon => "is being sent",
                Some("queued") if is_soon && !self.waits(refund, refunds) => "is not sent",
                _ => continue,
            };
            open.push((refund.clone(), why));
        }
        open
    }

    /// Whether another refund of its payment is open.
    fn waits(&self, refund: &Value, refunds: &[Value]) -> bool {
        let payment = |refund: &Value| self.payments.get(refund["refund_no"].as_str()?);
        refunds.iter().any(|other| {
            other["id"] != refund["id"]
                && other["provider"] == refund["provider"]
                && payment(other) == payment(refund)
                && !is_final(other)
        })
    }
}

fn summary(refunds: &[Value], ledger: &[Value]) -> String {
    let of = |state: &str| {
        let found = refunds
            .iter()
            .filter(|one| one["request"]["state"] == json!(state));
        found.count()
    };
    let asking = refunds.iter().filter(|one| {
        let open = one["attention"].as_array();
        open.is_some_and(|open| !open.is_empty())
    });
    let asking = asking.count();
    let moved = ledger.iter().filter(|entry| entry["moved"] == json!(1));
    let moved = moved.count();
    let final_ones = of("done") + of("failed") + of("refused");
    let open = refunds.len() - final_ones;
    format!(
        "{moved} moved once, none twice; {final_ones} final, {open} open, {asking} ask a person"
    )
}
