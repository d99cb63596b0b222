//! Words of the domain in the reader's language. The word of the API is kept in its `title`, so that it can be
//! searched for in logs and documents.

use crate::console::language::lang::Lang;
use crate::domain::claim::{Reason, Status};
use crate::domain::decision::Decision;
use crate::domain::request::State;

/// A word with a colour.
#[derive(Clone, Copy, Debug)]
pub struct Badge {
    /// The word of the API.
    pub word: &'static str,
    pub text: &'static str,
    /// `ok`, `bad`, `wait`, `ask` or `off`.
    pub tone: &'static str,
}

const fn pick(lang: Lang, en: &'static str, zh: &'static str) -> &'static str {
    match lang {
        Lang::En => en,
        Lang::Zh => zh,
    }
}

pub const fn status(lang: Lang, status: Status) -> Badge {
    let (text, tone) = match status {
        Status::Pending => (pick(lang, "pending", "处理中"), "wait"),
        Status::Succeeded => (pick(lang, "succeeded", "成功"), "ok"),
        Status::Failed => (pick(lang, "failed", "失败"), "bad"),
        Status::Canceled => (pick(lang, "canceled", "已取消"), "off"),
    };
    Badge {
        word: status.as_str(),
        text,
        tone,
    }
}

pub const fn state(lang: Lang, state: State) -> Badge {
    let (text, tone) = match state {
        State::Queued => (pick(lang, "queued", "排队中"), "wait"),
        State::Sending => (pick(lang, "sending", "发送中"), "wait"),
        State::Unknown => (pick(lang, "outcome unknown", "结果未知"), "ask"),
        State::Accepted => (pick(lang, "accepted", "渠道已受理"), "wait"),
        State::Refused => (pick(lang, "refused", "渠道拒绝"), "bad"),
        State::Done => (pick(lang, "done", "完成"), "ok"),
        State::Failed => (pick(lang, "failed", "失败"), "bad"),
        State::Canceled => (pick(lang, "canceled", "已取消"), "off"),
    };
    Badge {
        word: state.as_str(),
        text,
        tone,
    }
}

/// What a decision is called, and what it does.
pub const fn decision(lang: Lang, decision: Decision) -> (&'static str, &'static str) {
    match decision {
        Decision::Keep => (
            pick(lang, "Keep what is recorded", "保持现有记录"),
            pick(
                lang,
                "The question is answered; nothing else changes.",
                "问题得到解答，其他不变。",
            ),
        ),
        Decision::Accept => (
            pick(lang, "Accept the callback", "采纳回调"),
            pick(
                lang,
                "What the callback says takes effect, even over a final status.",
                "回调内容生效，即使已有最终状态。",
            ),
        ),
        Decision::Succeeded => (
            pick(lang, "The money moved", "资金已退"),
            pick(
                lang,
                "You know it from the provider: succeeded.",
                "您已向渠道核实：成功。",
            ),
        ),
        Decision::Failed => (
            pick(lang, "The provider could not refund", "渠道未能退款"),
            pick(
                lang,
                "You know it from the provider: failed.",
                "您已向渠道核实：失败。",
            ),
        ),
        Decision::Canceled => (
            pick(lang, "It was withdrawn", "已撤回"),
            pick(
                lang,
                "You know it from the provider: canceled.",
                "您已向渠道核实：已取消。",
            ),
        ),
        Decision::Dismiss => (
            pick(lang, "Of no matter", "无需处理"),
            pick(
                lang,
                "The question is closed; nothing else changes.",
                "关闭问题，其他不变。",
            ),
        ),
    }
}

/// A question in a few words.
pub const fn reason(lang: Lang, reason: Reason) -> &'static str {
    match reason {
        Reason::Conflict => pick(lang, "contradiction", "结果矛盾"),
        Reason::AmountMismatch => pick(lang, "other amount", "金额不符"),
        Reason::CurrencyMismatch => pick(lang, "other currency", "币种不符"),
        Reason::OverRefund => pick(lang, "more than was paid", "超额退款"),
        Reason::StatusUnknown => pick(lang, "unknown status word", "状态词未知"),
        Reason::OutcomeUnknown => pick(lang, "outcome unknown", "结果未知"),
        Reason::OrderUnknown => pick(lang, "order unknown", "订单未知"),
        Reason::OrderState => pick(lang, "order in a wrong state", "订单状态不符"),
        Reason::InvalidContent => pick(lang, "unusable content", "内容无法使用"),
        Reason::OutcomeOverdue => pick(lang, "outcome overdue", "结果逾期"),
        Reason::CannotSend => pick(lang, "cannot be sent", "无法发送"),
        Reason::NotTaken => pick(lang, "never taken by the provider", "渠道始终未受理"),
        Reason::ReplyMismatch => pick(lang, "reply about something else", "应答不符"),
        Reason::ReplyUnproven => pick(lang, "success without a signature", "成功但无签名"),
        Reason::AcceptedAfterRefusal => pick(lang, "succeeded after a refusal", "拒绝后成功"),
        Reason::ProviderLostIt => pick(lang, "provider no longer knows it", "渠道已无记录"),
        Reason::SettlementStatus => pick(lang, "settlement: other status", "对账：状态不符"),
        Reason::SettlementAmount => pick(lang, "settlement: other amount", "对账：金额不符"),
        Reason::SettlementCurrency => pick(lang, "settlement: other currency", "对账：币种不符"),
        Reason::SettlementMissing => pick(lang, "missing in the settlement", "对账文件缺失"),
        Reason::SettlementDuplicate => {
            pick(lang, "several times in the settlement", "对账文件重复")
        }
    }
}

const SETTLEMENT_EN: &str = "The provider’s settlement file says something else than is known here. Clear it up with the provider.";
const SETTLEMENT_ZH: &str = "渠道对账文件与此处记录不一致。请与渠道核实。";

/// What a question means, and what a person can do.
pub const fn advice(lang: Lang, reason: Reason) -> &'static str {
    match reason {
        Reason::Conflict => pick(
            lang,
            "A verified callback contradicts the final status. Compare both in the timeline, and with the provider’s portal.",
            "经验证的回调与最终状态矛盾。请在时间线中比较两者，并与渠道后台核对。",
        ),
        Reason::AmountMismatch | Reason::CurrencyMismatch => pick(
            lang,
            "The outcome names another amount or currency than before. Look up what the provider moved.",
            "结果中的金额或币种与之前不同。请核对渠道实际退款。",
        ),
        Reason::OverRefund => pick(
            lang,
            "More was refunded than was paid for the order. Check the order’s payments and refunds.",
            "退款总额超过订单付款。请核对订单的付款与退款。",
        ),
        Reason::StatusUnknown | Reason::OutcomeUnknown => pick(
            lang,
            "The provider did not say whether money has moved. Look it up in the provider’s portal.",
            "渠道未说明资金是否已退。请在渠道后台查询。",
        ),
        Reason::OrderUnknown => pick(
            lang,
            "No order with this payment is registered. Register the order; the close-out is then tried again.",
            "没有登记该付款的订单。请登记订单，随后会重试结单。",
        ),
        Reason::OrderState => pick(
            lang,
            "The order is in a state that a refund may not close. Correct the order, then try the close-out again.",
            "订单状态不允许结单。请更正订单后重试结单。",
        ),
        Reason::InvalidContent => pick(
            lang,
            "The callback is authentic, but a member of it cannot be used. The callback’s page says which and why.",
            "回调真实，但有字段无法使用。回调页面说明了字段与原因。",
        ),
        Reason::OutcomeOverdue => pick(
            lang,
            "The provider has not told the outcome in its usual time. Ask now, then look in its portal.",
            "渠道未在通常时间内告知结果。请立即查询，再查看渠道后台。",
        ),
        Reason::CannotSend => pick(
            lang,
            "It could not be sent for a day. Check the account: stopped, unreachable, or a wrong key?",
            "一天内都无法发送。请检查账户：是否停止、无法连接或密钥有误？",
        ),
        Reason::NotTaken | Reason::ProviderLostIt => pick(
            lang,
            "The provider does not know the refund. Ask its support before it is sent again.",
            "渠道没有此退款记录。重发前请先联系渠道确认。",
        ),
        Reason::ReplyMismatch | Reason::ReplyUnproven => pick(
            lang,
            "The reply cannot be taken as a fact. Look at it in the timeline; a callback may still come.",
            "该应答不能作为事实。请在时间线中查看；回调可能稍后到达。",
        ),
        Reason::SettlementStatus
        | Reason::SettlementAmount
        | Reason::SettlementCurrency
        | Reason::SettlementMissing
        | Reason::SettlementDuplicate => pick(lang, SETTLEMENT_EN, SETTLEMENT_ZH),
        Reason::AcceptedAfterRefusal => pick(
            lang,
            "The provider refused it first, and refunded it all the same. The money has moved.",
            "渠道先拒绝，随后仍然退款。资金已退。",
        ),
    }
}
