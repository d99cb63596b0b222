//! Questions for a person, and callbacks about something other than refunds.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::{registered, set};

/// Labels of what is counted for each account.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct AccountLabels {
    /// The system.
    pub provider: String,
    /// The account there.
    pub account: String,
}

/// Labels of open questions.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct QuestionLabels {
    /// One of the reasons for a question.
    reason: &'static str,
}

/// Labels of decisions; both are closed sets.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DecisionLabels {
    question: &'static str,
    decision: &'static str,
}

/// Open questions, and callbacks without a refund.
pub struct QuestionMetrics {
    /// Authentic callbacks about something other than refunds.
    pub elsewhere: Family<AccountLabels, Counter>,
    attention: Family<QuestionLabels, Gauge>,
    decisions: Family<DecisionLabels, Counter>,
    /// Decisions that wait for a second person.
    pub approvals_waiting: Gauge,
}

impl QuestionMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let help = "Authentic callbacks about something other than refunds";
        let elsewhere = registered(registry, "other_callbacks", help);
        let help = "Refunds with an open question, by its reason";
        let attention = registered(registry, "attention_refunds", help);
        let help = "Decisions of operators that took effect, by question";
        let decisions = registered(registry, "decisions", help);
        let help = "Refunds with a decision that waits for a second person";
        Self {
            elsewhere,
            attention,
            decisions,
            approvals_waiting: registered(registry, "approvals_waiting", help),
        }
    }

    /// Shows how often a question was answered so.
    pub fn show_decisions(&self, question: &'static str, decision: &'static str, times: u64) {
        let labels = DecisionLabels { question, decision };
        set(&self.decisions.get_or_create(&labels), times);
    }

    /// Shows how many refunds have an open question of this reason.
    pub fn show_attention(&self, reason: &'static str, refunds: i64) {
        self.attention
            .get_or_create(&QuestionLabels { reason })
            .set(refunds);
    }
}
