//! What each `code` of `PayerMax` means for a request and for a query, as data. The set is open: what is not
//! listed leaves the outcome open. v2.1 documents `0000` alone.
//!
//! Source: the pages of `/refund` and `/refundQuery`, docs.payermax.com.

use crate::domain::request::Class;
use crate::providers::outgoing::Code;

/// The call was taken; `data.status` says how far the refund is.
pub(super) const SUCCESS: &str = "APPLY_SUCCESS";
/// The same in v2.1.
pub(super) const SUCCESS_V21: &str = "0000";

/// Codes of `/refund`.
pub(super) const REFUND: &[Code] = &[
    Code::of(
        "REQ_TIME_OVER_TIME",
        Class::Rebuild,
        "requestTime is more than two minutes off",
    ),
    Code::of("TOO_MANY_REQUEST", Class::Later, "too many calls"),
    Code::lacking_balance(
        "REFUND_INSUFFICIENT_BALANCE",
        "the merchant's balance does not cover it",
    ),
    Code::lacking_balance(
        "BALANCE_INSUFFICIENT",
        "the merchant's balance does not cover it",
    ),
    Code::of("ORDER_REPEAT", Class::Known, "the number was used before"),
    Code::of("SYSTEM_ERROR", Class::Unknown, "an error inside PayerMax"),
    Code::of("REQUEST_TIMEOUT", Class::Unknown, "no result in time"),
    Code::of(
        "UNEXPECTED_ERROR",
        Class::Unknown,
        "an error inside PayerMax",
    ),
    Code::of("PAYMENT_PROCESSING", Class::Unknown, "still in work"),
    Code::of(
        "PAYMENT_FAILED",
        Class::Unknown,
        "failed at the channel; the query tells",
    ),
    Code::of(
        "REFUND_FAILED",
        Class::Unknown,
        "failed at the channel; the query tells",
    ),
    Code::stopping(
        "SIGN_VERIFY_FAILED",
        Class::Refused,
        "our signature does not verify",
    ),
    Code::stopping("MERCHANT_INVALID", Class::Refused, "no such merchant"),
    Code::stopping(
        "MERCHANT_APP_INVALID",
        Class::Refused,
        "no such app, or no key for it",
    ),
    Code::stopping("CONTRACT_INVALID", Class::Refused, "no contract for this"),
    Code::stopping(
        "ONBOARD_ERROR",
        Class::Refused,
        "the merchant is not set up",
    ),
    Code::stopping("AUTHENTICATE_FAILED", Class::Refused, "not authenticated"),
    Code::of("PARAMS_INVALID", Class::Refused, "a member is wrong"),
    Code::of("AMOUNT_INVALID", Class::Refused, "the amount is wrong"),
    Code::of(
        "AMOUNT_LIMIT",
        Class::Refused,
        "the payment method does not take the amount",
    ),
    Code::of(
        "AMOUNT_LIMIT_MINIMUM",
        Class::Refused,
        "below the least amount",
    ),
    Code::of(
        "AMOUNT_LIMIT_MAXIMUM",
        Class::Refused,
        "above the largest amount",
    ),
    Code::of("CURRENCY_INVALID", Class::Refused, "the currency is wrong"),
    Code::of("COUNTRY_INVALID", Class::Refused, "the country is wrong"),
    Code::of("ORDER_NOT_EXIST", Class::Refused, "no such payment"),
    Code::of("ORDER_CLOSED", Class::Refused, "the payment is closed"),
    Code::of(
        "REFUND_NO_INVALID",
        Class::Refused,
        "the refund number is wrong",
    ),
    Code::of("ACCOUNT_BLOCKED", Class::Refused, "the account is blocked"),
    Code::of("PAYMENT_REJECTED", Class::Refused, "rejected"),
    Code::of(
        "ISSUER_PAYMENT_REJECTED",
        Class::Refused,
        "rejected by the issuer",
    ),
];

/// A family of codes of `/refund`: the payment method is wrong, closed or cannot refund.
pub(super) const PAYMENT_METHOD: &str = "PAYMENT_METHOD_";

/// Codes of `/refundQuery`.
pub(super) const QUERY: &[Code] = &[
    Code::of("ORDER_NOT_EXIST", Class::NotFound, "no such refund"),
    Code::of("REFUND_NO_INVALID", Class::NotFound, "no such refund"),
    Code::of("TOO_MANY_REQUEST", Class::Later, "too many calls"),
    Code::of(
        "REQ_TIME_OVER_TIME",
        Class::Rebuild,
        "requestTime is more than two minutes off",
    ),
    Code::stopping(
        "SIGN_VERIFY_FAILED",
        Class::Unknown,
        "our signature does not verify",
    ),
    Code::stopping("MERCHANT_INVALID", Class::Unknown, "no such merchant"),
    Code::stopping(
        "MERCHANT_APP_INVALID",
        Class::Unknown,
        "no such app, or no key for it",
    ),
    Code::stopping("CONTRACT_INVALID", Class::Unknown, "no contract for this"),
    Code::stopping(
        "ONBOARD_ERROR",
        Class::Unknown,
        "the merchant is not set up",
    ),
    Code::stopping("AUTHENTICATE_FAILED", Class::Unknown, "not authenticated"),
];
