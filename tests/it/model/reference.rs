//! The model: what the outer contract and the tables of `docs/state-machine.md` say, written down
//! once more without the program's code, and without disk, time or parallel work.

use std::collections::{BTreeMap, BTreeSet};

use proptest::sample::Index;

use super::operation::{Message, ORDERS, Operation, PAIRS, Said};

/// `errcode` of a close-out that is finished, and the one of none.
const DONE: i64 = 0;
const UNTRIED: i64 = -1;

/// Most open questions of one kind that a refund shows.
const QUESTIONS_MAX: usize = 5;

/// Everything that the world knows, and what the last request is answered.
#[derive(Clone, Debug, Default)]
pub struct Model {
    /// By `provider/number`.
    pub refunds: BTreeMap<String, Refund>,
    /// By index into [`ORDERS`].
    pub orders: BTreeMap<usize, Order>,
    /// `refund_application.handled` and `order.closed`, each at most once.
    pub order_events: BTreeSet<String>,
    /// All that was sent, each different message once.
    pub sent: Vec<Message>,
    /// The answer to the last request.
    pub answer: Answer,
}

/// What a request is answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Answer {
    /// Nothing was asked.
    #[default]
    None,
    /// The provider's own success bytes.
    Acknowledged,
    /// A relay gets the refund's status.
    Status(&'static str),
    Errcode(i64),
}

/// One refund as readers see it, and what is remembered to judge the next message.
#[derive(Clone, Debug)]
pub struct Refund {
    pub status: &'static str,
    pub cents: u32,
    pub order_no: Option<String>,
    /// Reasons of open questions.
    pub questions: Vec<&'static str>,
    /// Types of its events in order.
    pub events: Vec<&'static str>,
    /// How each different message was judged, in the order in which they came first.
    pub verdicts: Vec<&'static str>,
    other_order: bool,
    /// What was judged how; the same again is no new question.
    judged: BTreeSet<(Claim, &'static str)>,
    /// The order side, for `EPay`: its pair and its present `errcode`.
    pub close_out: Option<(usize, i64)>,
}

/// The meaning of a callback, in any spelling.
type Claim = (Said, u32, bool);

#[derive(Clone, Debug, Default)]
pub struct Order {
    pub state: &'static str,
    closed_by_us: bool,
    /// Batches with an application; whether it is handled.
    pub applications: BTreeMap<&'static str, bool>,
}

impl Model {
    pub fn apply(mut self, operation: &Operation) -> Self {
        self.answer = Answer::None;
        match operation {
            Operation::Send(message) | Operation::CrashDuring { message, .. } => {
                self.receive(message);
            }
            Operation::Repeat(index) => {
                if let Some(message) = self.pick(*index) {
                    self.receive(&message);
                }
            }
            Operation::Elsewhere(index) => {
                if let Some(message) = self.pick_reply(*index) {
                    self.receive(&message);
                }
            }
            Operation::Register {
                order,
                state,
                with_applications,
            } => self.register(*order, state, *with_applications),
            Operation::Crash | Operation::Stop => {}
        }
        self
    }

    /// Something that was sent before.
    pub fn pick(&self, index: Index) -> Option<Message> {
        (!self.sent.is_empty()).then(|| index.get(&self.sent).clone())
    }

    /// A reply that was relayed before.
    pub fn pick_reply(&self, index: Index) -> Option<Message> {
        let replies = self
            .sent
            .iter()
            .filter(|message| matches!(message, Message::Reply { .. }));
        let replies: Vec<_> = replies.collect();
        (!replies.is_empty()).then(|| (*index.get(&replies)).clone())
    }

    /// Both transactions of one message.
    fn receive(&mut self, message: &Message) {
        let is_new = !self.sent.contains(message);
        let key = message.refund();
        let (claim, retry) = match message {
            Message::Notice {
                said,
                cents,
                other_order,
                ..
            } => ((*said, *cents, *other_order), false),
            Message::Reply { said, cents, .. } => ((*said, *cents, false), true),
            Message::Report { cents, .. } => ((Said::Succeeded, *cents, false), false),
        };
        if is_new {
            self.sent.push(message.clone());
            match self.refunds.get_mut(&key) {
                None => {
                    let order_no = match message {
                        Message::Notice {
                            refund,
                            other_order,
                            ..
                        } => {
                            let other = if *other_order { "other-" } else { "" };
                            Some(format!("P-{other}R-{refund}"))
                        }
                        Message::Reply { refund, .. } => Some(format!("P-Q-{refund}")),
                        Message::Report { .. } => None,
                    };
                    self.refunds
                        .insert(key.clone(), Refund::first(claim, order_no));
                }
                Some(refund) => refund.further(claim, retry),
            }
        }
        if let Message::Report { pair, .. } = message {
            let refund = self.refunds.get_mut(&key).expect("received above");
            refund.close_out.get_or_insert((*pair, UNTRIED));
            self.close_out(&key);
        }
        self.answer = self.answer_to(message, &key, claim);
    }

    fn answer_to(&self, message: &Message, key: &str, claim: Claim) -> Answer {
        let refund = &self.refunds[key];
        match message {
            Message::Notice { .. } => Answer::Acknowledged,
            Message::Reply { .. } => Answer::Status(refund.status),
            Message::Report { .. } if refund.cents != claim.1 => Answer::Errcode(5),
            Message::Report { .. } => Answer::Errcode(refund.close_out.map_or(UNTRIED, |it| it.1)),
        }
    }

    /// A registration; close-outs that wait for the order are tried again.
    fn register(&mut self, index: usize, state: &'static str, with_applications: bool) {
        let order = self.orders.entry(index).or_default();
        if order.state != "closed" {
            order.state = state;
        }
        for (batchno, _, of_order, _) in PAIRS {
            if with_applications && of_order == index {
                order.applications.entry(batchno).or_insert(false);
            }
        }
        let keys: Vec<_> = self.refunds.keys().cloned().collect();
        for key in keys {
            let pair = self.refunds[&key].close_out.map(|it| it.0);
            if pair.is_some_and(|pair| PAIRS[pair].2 == index) {
                self.close_out(&key);
            }
        }
    }

    /// One try of a close-out that is not done.
    fn close_out(&mut self, key: &str) {
        let close_out = self.refunds[key].close_out;
        let Some((pair, before)) = close_out.filter(|(_, errcode)| *errcode != DONE) else {
            return;
        };
        let (batchno, trandeno, of_order, applied) = PAIRS[pair];
        let (order_no, _, brought) = ORDERS[of_order];
        let done = self
            .refunds
            .values()
            .filter(|refund| refund.has_taken_from(trandeno));
        let taken: u32 = done.map(|refund| refund.cents).sum();
        let refund = self.refunds.get_mut(key).expect("looked at above");
        let errcode = decide(
            self.orders.get(&of_order),
            batchno,
            taken + refund.cents,
            brought,
        );
        refund.order_no = self.orders.get(&of_order).map(|_| order_no.to_owned());
        let (asked, question) = (question(before), question(errcode));
        if asked != question {
            refund.questions.retain(|open| Some(*open) != asked);
            if let Some(reason) = question {
                refund.questions.push(reason);
                refund.events.push("refund.attention");
            }
        }
        refund.close_out = Some((pair, errcode));
        if errcode != DONE {
            return;
        }
        if refund.cents != applied {
            refund.questions.push("amount_mismatch");
            refund.events.push("refund.attention");
        }
        let order = self.orders.get_mut(&of_order).expect("it was found");
        order.applications.insert(batchno, true);
        self.order_events
            .insert(format!("handled {order_no} {batchno} {trandeno}"));
        if order.state == "refund_applied" {
            order.state = "closed";
            order.closed_by_us = true;
            self.order_events.insert(format!("closed {order_no}"));
        }
    }
}

/// The question that a refused close-out raises.
fn question(errcode: i64) -> Option<&'static str> {
    match errcode {
        2 | 3 => Some("order_unknown"),
        4 => Some("order_state"),
        6 => Some("over_refund"),
        _ => None,
    }
}

/// The close-out table of `docs/state-machine.md`, read from left to right.
fn decide(order: Option<&Order>, batchno: &str, total: u32, paid: u32) -> i64 {
    let Some(order) = order else {
        return 2;
    };
    if !order.applications.contains_key(batchno) {
        return 3;
    }
    let is_open = match order.state {
        "delivered" | "refund_applied" => true,
        "closed" => order.closed_by_us,
        _ => false,
    };
    match (is_open, total > paid) {
        (false, _) => 4,
        (true, true) => 6,
        (true, false) => 0,
    }
}

impl Refund {
    /// The record that a first message makes.
    fn first(claim: Claim, order_no: Option<String>) -> Self {
        let (said, cents, other_order) = claim;
        let mut refund = Self {
            status: "pending",
            cents,
            order_no,
            questions: Vec::new(),
            events: Vec::new(),
            verdicts: Vec::new(),
            other_order,
            judged: BTreeSet::new(),
            close_out: None,
        };
        if let Some((status, event)) = status_of(said) {
            refund.status = status;
            refund.events.push(event);
            refund.verdicts.push("applied");
        } else {
            refund.events.push("refund.pending");
            refund.ask(claim, "questioned", "status_unknown");
        }
        refund
    }

    /// The refund table of `docs/state-machine.md`.
    fn further(&mut self, claim: Claim, retry: bool) {
        let (said, cents, other_order) = claim;
        let Some((status, event)) = status_of(said) else {
            return self.ask(claim, "questioned", "status_unknown");
        };
        if other_order != self.other_order {
            return self.ask(claim, "conflict", "conflict");
        }
        let is_final = self.status != "pending";
        let may_move = !is_final || (retry && self.status == "failed" && status != "failed");
        match (may_move, cents == self.cents) {
            (true, false) => self.ask(claim, "questioned", "amount_mismatch"),
            (true, true) if status == self.status => self.verdicts.push("repeat"),
            (true, true) => {
                self.status = status;
                self.events.push(event);
                self.questions.retain(|open| *open != "status_unknown");
                self.verdicts.push("applied");
            }
            (false, _) if status == "pending" => self.verdicts.push("stale"),
            (false, true) if status == self.status => self.verdicts.push("repeat"),
            (false, _) => self.ask(claim, "conflict", "conflict"),
        }
    }

    /// Raises a question, unless the same meaning was judged like this before.
    fn ask(&mut self, claim: Claim, verdict: &'static str, reason: &'static str) {
        self.verdicts.push(verdict);
        if !self.judged.insert((claim, verdict)) {
            return;
        }
        if self
            .questions
            .iter()
            .filter(|open| **open == reason)
            .count()
            < QUESTIONS_MAX
        {
            self.questions.push(reason);
        }
        self.events.push(if verdict == "conflict" {
            "refund.conflict"
        } else {
            "refund.attention"
        });
    }

    /// Whether its close-out took money from this payment.
    fn has_taken_from(&self, trandeno: &str) -> bool {
        self.close_out
            .is_some_and(|(pair, errcode)| errcode == DONE && PAIRS[pair].1 == trandeno)
    }
}

/// Our word for what was said, and the event of it.
fn status_of(said: Said) -> Option<(&'static str, &'static str)> {
    match said {
        Said::Pending => Some(("pending", "refund.pending")),
        Said::Succeeded => Some(("succeeded", "refund.succeeded")),
        Said::Failed => Some(("failed", "refund.failed")),
        Said::Unknown => None,
    }
}
