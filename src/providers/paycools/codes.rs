//! What each `code` of `PayCools` means for a request and for a query, as data, for both forms. What is not
//! listed leaves the outcome open.
//!
//! Sources: `APICodeCollection` (docs.paycools.com.my), `PayCoolsApiErrorCode` (doc.paycools.com).

use crate::domain::request::Class;
use crate::providers::outgoing::Code;

/// The call was taken; `refundStatus` says how far the refund is.
pub(super) const SUCCESS: &str = "10000";
/// The same in the flat form.
pub(super) const SUCCESS_FLAT: &str = "1000";

/// Codes of `open-api/payment/refund`.
pub(super) const REFUND: &[Code] = &[
    Code::of("21000", Class::Unknown, "server error"),
    Code::of("21011", Class::Unknown, "network error"),
    Code::of("21023", Class::Unknown, "could not be made"),
    Code::of("21007", Class::Known, "the number was used before"),
    Code::of("21015", Class::Known, "the idempotency id was used before"),
    Code::of(
        "21008",
        Class::Rebuild,
        "timestamp is wrong; see timestamp_unit",
    ),
    Code::of(
        "21009",
        Class::Rebuild,
        "timestamp is too old; see timestamp_unit and the clock",
    ),
    Code::lacking_balance("21014", "the balance does not cover it"),
    Code::of("21020", Class::Later, "too many calls"),
    Code::of("21022", Class::Later, "above the volume limit"),
    Code::of("21027", Class::Later, "above the limit of creations"),
    Code::stopping("21001", Class::Refused, "our signature does not verify"),
    Code::stopping("21003", Class::Refused, "no such app"),
    Code::stopping("21004", Class::Refused, "the merchant is not available"),
    Code::stopping("21005", Class::Refused, "the channel is not available"),
    Code::stopping("21016", Class::Refused, "our address is not on the list"),
    Code::of("21002", Class::Refused, "a member is wrong"),
    Code::of("21006", Class::Refused, "no such payment"),
    Code::of("21010", Class::Refused, "more than can be refunded"),
    Code::of("21019", Class::Refused, "not possible"),
    Code::of("21021", Class::Refused, "the amount is wrong"),
    Code::of("21028", Class::Refused, "paid or closed already"),
    Code::of("21201", Class::Refused, "the sub-order was used before"),
];

/// A family of codes of the open-api form: rules of a country or channel.
pub(super) const REGIONAL: &str = "215";

/// Codes of limits that are tried again hourly.
pub(super) const HOURLY: [&str; 2] = ["21022", "21027"];

/// Codes of `open-api/refund/payments`.
pub(super) const QUERY: &[Code] = &[
    Code::of("21006", Class::NotFound, "no such refund"),
    Code::of(
        "21008",
        Class::Rebuild,
        "timestamp is wrong; see timestamp_unit",
    ),
    Code::of(
        "21009",
        Class::Rebuild,
        "timestamp is too old; see timestamp_unit and the clock",
    ),
    Code::of("21020", Class::Later, "too many calls"),
    Code::stopping("21001", Class::Unknown, "our signature does not verify"),
    Code::stopping("21003", Class::Unknown, "no such app"),
    Code::stopping("21004", Class::Unknown, "the merchant is not available"),
    Code::stopping("21016", Class::Unknown, "our address is not on the list"),
];

/// Codes of `api/payment/refund`.
pub(super) const REFUND_FLAT: &[Code] = &[
    // This refund or another one of the payment: the query tells which.
    Code::of("1502", Class::Unknown, "a refund of the payment is in work"),
    Code::of("1515", Class::Known, "the number was used before"),
    Code::of("1503", Class::Unknown, "system error"),
    Code::of("1018", Class::Unknown, "network error"),
    Code::of("1013", Class::Later, "too many calls"),
    Code::lacking_balance("1006", "the balance does not cover it"),
    Code::stopping("1001", Class::Refused, "no such app"),
    Code::stopping("1002", Class::Refused, "our address is not on the list"),
    Code::stopping("1003", Class::Refused, "our signature does not verify"),
    Code::stopping("1004", Class::Refused, "the merchant may not do this"),
    Code::stopping("1005", Class::Refused, "the merchant may not do this"),
    Code::stopping("1011", Class::Refused, "the merchant may not do this"),
    Code::stopping("1504", Class::Refused, "the payment belongs to another app"),
    Code::of("1501", Class::Refused, "no such payment"),
    Code::of("1506", Class::Refused, "more than can be refunded"),
    Code::of("1513", Class::Refused, "the amount is wrong"),
    Code::of(
        "1512",
        Class::Refused,
        "a full refund must equal the payment",
    ),
    Code::of("1009", Class::Refused, "a member is wrong"),
    Code::of("1516", Class::Refused, "the payment is not completed"),
    Code::of("1505", Class::Never, "not allowed"),
    Code::of("1507", Class::Never, "the channel cannot refund"),
    Code::of("1508", Class::Never, "the channel refunds a payment once"),
    Code::of("1509", Class::Never, "the payment is older than 60 days"),
    Code::of("1510", Class::Never, "the channel cannot refund"),
    Code::of("1511", Class::Never, "the channel cannot refund a part"),
];

/// Codes of `api/refund/payments`.
pub(super) const QUERY_FLAT: &[Code] = &[
    Code::of("1501", Class::NotFound, "no such refund"),
    Code::of("1013", Class::Later, "too many calls"),
    Code::stopping("1001", Class::Unknown, "no such app"),
    Code::stopping("1002", Class::Unknown, "our address is not on the list"),
    Code::stopping("1003", Class::Unknown, "our signature does not verify"),
];
