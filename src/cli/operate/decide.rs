//! `decide`: an operator answers the open questions of a refund. It asks the running service, whose call does the work.

use std::process::ExitCode;

use clap::{ArgGroup, Args};
use serde_json::{Value, json};

use crate::cli::operate::endpoint::Service;
use crate::cli::output;
use crate::cli::output::Format;
use crate::domain::claim::Reason;
use crate::domain::decision::Decision;
use crate::domain::ids::{CallbackId, DecisionId, RefundId};

/// Answers an open question of a refund, or shows what is open and what was decided
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("act").args(["decision", "approve", "reject", "close_out"]))]
#[command(after_help = "Examples:
  refund-receiver decide --token env:OPERATOR_TOKEN
  refund-receiver decide rf_0199ebf0-04d4-79de-a645-9ca09745a1a7 --token env:OPERATOR_TOKEN
  refund-receiver decide rf_… --question conflict --callback cb_… --decision keep \\
    --reason 'PayerMax: the second notification was a mistake, case 4711' --token file:operator.token
  refund-receiver decide rf_… --question amount_mismatch --callback cb_… --decision accept --reason 'fee, agreed' --token env:OPERATOR_TOKEN
  refund-receiver decide rf_… --question outcome_overdue --decision succeeded --reason 'bank statement of 31 Jan' --token env:OPERATOR_TOKEN
  refund-receiver decide rf_… --approve dc_… --reason 'checked with the bank' --token env:SECOND_TOKEN
  refund-receiver decide rf_… --close-out --reason 'the order is registered now' --token env:OPERATOR_TOKEN

Without a refund: every refund with an open question. With a refund alone: its open questions, what each takes, and
what was decided. The token is that of a [[readers]] entry with the scope operate; lists need refunds:read. Exit code 0: done, done before, or waiting for a second person, as the output says; 1: the service says
no, and why; 2: wrong usage.")]
pub struct Decide {
    /// The refund
    refund: Option<RefundId>,
    /// What is asked: the reason in its attention
    #[arg(long, value_parser = question, requires = "decision", requires = "refund")]
    question: Option<Reason>,
    /// The callback that raised the question; needed to accept it, and where several are open
    #[arg(long, value_name = "CALLBACK", requires = "decision")]
    callback: Option<CallbackId>,
    /// keep, accept, succeeded, failed, canceled or dismiss
    #[arg(long, value_parser = decision, requires_all = ["question", "reason"])]
    decision: Option<Decision>,
    /// Agree to a decision that waits for a second person
    #[arg(long, value_name = "DECISION", requires_all = ["refund", "reason"])]
    approve: Option<DecisionId>,
    /// Drop a decision that waits for a second person
    #[arg(long, value_name = "DECISION", requires_all = ["refund", "reason"])]
    reject: Option<DecisionId>,
    /// Try the close-out of its order again (EPay)
    #[arg(long, requires_all = ["refund", "reason"])]
    close_out: bool,
    /// Why: 1 to 500 characters
    #[arg(long, requires = "act")]
    reason: Option<String>,
    #[command(flatten)]
    service: Service,
    /// How to print the result
    #[arg(long, value_enum, default_value = "table")]
    output: Format,
}

fn question(text: &str) -> Result<Reason, String> {
    let known = Reason::ALL.map(Reason::as_str).join(", ");
    Reason::from_word(text).ok_or_else(|| format!("is none of {known}"))
}

fn decision(text: &str) -> Result<Decision, String> {
    let known = Decision::ALL.map(Decision::as_str).join(", ");
    Decision::from_word(text).ok_or_else(|| format!("is none of {known}"))
}

impl Decide {
    pub fn run(&self) -> ExitCode {
        let Some(refund) = self.refund else {
            return self.list();
        };
        let path = format!("/v1/refunds/{refund}");
        let reason = json!(self.reason);
        let (path, body) = if let (Some(question), Some(decision)) = (self.question, self.decision)
        {
            let body = json!({
                "question": question, "decision": decision, "callback_id": self.callback, "reason": reason,
            });
            (format!("{path}/decisions"), body)
        } else {
            let path = match (self.approve, self.reject) {
                (Some(id), _) => format!("{path}/decisions/{id}/approve"),
                (_, Some(id)) => format!("{path}/decisions/{id}/reject"),
                _ if self.close_out => format!("{path}/close-out"),
                _ => return self.show(&format!("{path}/decisions")),
            };
            (path, json!({ "reason": reason }))
        };
        match self.service.call("POST", &path, &body.to_string()) {
            Ok(refund) => self.done(&refund),
            Err(code) => return code,
        }
        ExitCode::SUCCESS
    }

    /// The refund after the act.
    fn done(&self, refund: &Value) {
        if self.output == Format::Json {
            return output::line(refund.to_string());
        }
        output::line(format!(
            "{} is {}",
            cell(&refund["id"]),
            cell(&refund["status"])
        ));
        for open in items(&refund["attention"]) {
            let approval = &open["approval"];
            let (reason, callback) = (cell(&open["reason"]), cell(&open["callback_id"]));
            if approval.is_null() {
                output::line(format!("open: {reason} {callback}"));
            } else {
                let (id, decision) = (cell(&approval["id"]), cell(&approval["decision"]));
                let by = cell(&approval["by"]);
                output::line(format!(
                    "waits for a second person: {reason} {callback}: {decision} by {by}, {id}"
                ));
            }
        }
        let close_out = &refund["closeout"];
        if !close_out.is_null() {
            let (state, errcode) = (cell(&close_out["state"]), cell(&close_out["errcode"]));
            output::line(format!("close-out: {state}, errcode {errcode}"));
        }
    }

    /// Every refund that needs a person.
    fn list(&self) -> ExitCode {
        let mut rows = Vec::new();
        let mut cursor = String::new();
        loop {
            let path = format!("/v1/refunds?attention=true&limit=200{cursor}");
            let page = match self.service.call("GET", &path, "") {
                Ok(page) => page,
                Err(code) => return code,
            };
            for refund in items(&page["data"]) {
                for open in items(&refund["attention"]) {
                    if self.output == Format::Json {
                        let refund = &refund["id"];
                        output::line(json!({ "refund": refund, "question": open }).to_string());
                    }
                    rows.push(vec![
                        cell(&refund["id"]),
                        cell(&refund["status"]),
                        cell(&open["reason"]),
                        cell(&open["callback_id"]),
                        cell(&open["since"]),
                        cell(&open["approval"]["id"]),
                    ]);
                }
            }
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        if self.output == Format::Table {
            output::table(
                &["refund", "status", "question", "callback", "since", "waits"],
                &rows,
            );
        }
        ExitCode::SUCCESS
    }

    /// What is open, and what was decided.
    fn show(&self, path: &str) -> ExitCode {
        let list = match self.service.call("GET", path, "") {
            Ok(list) => list,
            Err(code) => return code,
        };
        if self.output == Format::Json {
            output::line(list.to_string());
            return ExitCode::SUCCESS;
        }
        let open: Vec<_> = items(&list["open"])
            .iter()
            .map(|one| {
                let decisions: Vec<_> = items(&one["decisions"]).iter().map(cell).collect();
                vec![
                    cell(&one["question"]),
                    cell(&one["callback_id"]),
                    cell(&one["since"]),
                    decisions.join(" "),
                    cell(&one["waiting"]),
                ]
            })
            .collect();
        output::table(&["open", "callback", "since", "takes", "waits"], &open);
        let decided: Vec<_> = items(&list["data"])
            .iter()
            .map(|one| DECIDED.map(|column| cell(&one[column])).to_vec())
            .collect();
        if !decided.is_empty() {
            output::line("");
            output::table(&DECIDED, &decided);
        }
        ExitCode::SUCCESS
    }
}

/// What the table of decisions shows, by the names of the JSON.
const DECIDED: [&str; 8] = [
    "at",
    "state",
    "question",
    "decision",
    "by",
    "status_before",
    "status_after",
    "reason",
];

fn items(list: &Value) -> &[Value] {
    list.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
