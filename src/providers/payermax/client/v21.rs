//! Bodies of v2.1: flat, all strings, one URL for every call, told apart by `bizType`.

use super::PayermaxClient;
use super::check::decimals_of;
use crate::domain::ids::ExternalId;
use crate::domain::money::Money;
use crate::providers::outgoing::Outgoing;
use crate::providers::outgoing::body::JsonText;

/// Of the documents.
const VERSION: &str = "2.1";
/// The provider's own member of an intent: Brazil needs it for some channels.
pub(super) const EMAIL: &str = "email";

/// Which member carries the reason: the table of the page says `comment`, its sample `comments`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::providers::payermax) enum CommentMembers {
    Both,
    Comment,
    Comments,
}

#[derive(Debug)]
pub(in crate::providers::payermax) struct OldApi {
    pub(in crate::providers::payermax) comment_members: CommentMembers,
}

impl OldApi {
    pub(super) fn refund(&self, client: &PayermaxClient, outgoing: &Outgoing<'_>) -> String {
        let intent = outgoing.intent;
        let reason = intent.reason.as_deref();
        let given_as = |names: [CommentMembers; 2]| {
            let is_named = names.contains(&self.comment_members);
            reason.filter(|_| is_named)
        };
        let order_no = intent.order_no.as_ref().map(ExternalId::as_str);
        JsonText::new()
            .text("merchantId", &client.merchant_no)
            .text("bizType", "refundApply")
            .text("version", VERSION)
            .text("refundId", outgoing.refund_no)
            .optional("orderId", order_no)
            .text("amount", &amount(intent.money))
            .text("currency", intent.money.currency.code())
            .optional("callbackUrl", client.callback_url.as_deref())
            .optional(
                "comment",
                given_as([CommentMembers::Both, CommentMembers::Comment]),
            )
            .optional(
                "comments",
                given_as([CommentMembers::Both, CommentMembers::Comments]),
            )
            .optional("email", intent.field(EMAIL))
            .end()
    }

    pub(super) fn query(client: &PayermaxClient, outgoing: &Outgoing<'_>) -> String {
        JsonText::new()
            .text("merchantId", &client.merchant_no)
            .text("version", VERSION)
            .text("bizType", "refundQuery")
            .text("refundId", outgoing.refund_no)
            .end()
    }
}

/// Two decimals, or none where the currency has none.
pub(super) fn amount(money: Money) -> String {
    money.amount.to_text(decimals_of(money.currency).min(2))
}
