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
    code("21000", Class::Unknown, "server error"),
    code("21011", Class::Unknown, "network error"),
    code("21023", Class::Unknown, "could not be made"),
    code("21007", Class::Known, "the number was used before"),
    code("21015", Class::Known, "the idempotency id was used before"),
    code(
        "21008",
        Class::Rebuild,
        "timestamp is wrong; see timestamp_unit",
    ),
    code(
        "21009",
        Class::Rebuild,
        "timestamp is too old; see timestamp_unit and the clock",
    ),
    code("21014", Class::Later, "the balance does not cover it"),
    code("21020", Class::Later, "too many calls"),
    code("21022", Class::Later, "above the volume limit"),
    code("21027", Class::Later, "above the limit of creations"),
    stopping("21001", Class::Refused, "our signature does not verify"),
    stopping("21003", Class::Refused, "no such app"),
    stopping("21004", Class::Refused, "the merchant is not available"),
    stopping("21005", Class::Refused, "the channel is not available"),
    stopping("21016", Class::Refused, "our address is not on the list"),
    code("21002", Class::Refused, "a member is wrong"),
    code("21006", Class::Refused, "no such payment"),
    code("21010", Class::Refused, "more than can be refunded"),
    code("21019", Class::Refused, "not possible"),
    code("21021", Class::Refused, "the amount is wrong"),
    code("21028", Class::Refused, "paid or closed already"),
    code("21201", Class::Refused, "the sub-order was used before"),
];

/// A family of codes of the open-api form: rules of a country or channel.
pub(super) const REGIONAL: &str = "215";

/// Codes of limits that are tried again hourly.
pub(super) const HOURLY: [&str; 2] = ["21022", "21027"];

/// Codes of `open-api/refund/payments`.
pub(super) const QUERY: &[Code] = &[
    code("21006", Class::NotFound, "no such refund"),
    code(
        "21008",
        Class::Rebuild,
        "timestamp is wrong; see timestamp_unit",
    ),
    code(
        "21009",
        Class::Rebuild,
        "timestamp is too old; see timestamp_unit and the clock",
    ),
    code("21020", Class::Later, "too many calls"),
    stopping("21001", Class::Unknown, "our signature does not verify"),
    stopping("21003", Class::Unknown, "no such app"),
    stopping("21004", Class::Unknown, "the merchant is not available"),
    stopping("21016", Class::Unknown, "our address is not on the list"),
];

/// Codes of `api/payment/refund`.
pub(super) const REFUND_FLAT: &[Code] = &[
    // This refund or another one of the payment: the query tells which.
    code("1502", Class::Unknown, "a refund of the payment is in work"),
    code("1515", Class::Known, "the number was used before"),
    code("1503", Class::Unknown, "system error"),
    code("1018", Class::Unknown, "network error"),
    code("1013", Class::Later, "too many calls"),
    code("1006", Class::Later, "the balance does not cover it"),
    stopping("1001", Class::Refused, "no such app"),
    stopping("1002", Class::Refused, "our address is not on the list"),
    stopping("1003", Class::Refused, "our signature does not verify"),
    stopping("1004", Class::Refused, "the merchant may not do this"),
    stopping("1005", Class::Refused, "the merchant may not do this"),
    stopping("1011", Class::Refused, "the merchant may not do this"),
    stopping("1504", Class::Refused, "the payment belongs to another app"),
    code("1501", Class::Refused, "no such payment"),
    code("1506", Class::Refused, "more than can be refunded"),
    code("1513", Class::Refused, "the amount is wrong"),
    code(
        "1512",
        Class::Refused,
        "a full refund must equal the payment",
    ),
    code("1009", Class::Refused, "a member is wrong"),
    code("1516", Class::Refused, "the payment is not completed"),
    code("1505", Class::Never, "not allowed"),
    code("1507", Class::Never, "the channel cannot refund"),
    code("1508", Class::Never, "the channel refunds a payment once"),
    code("1509", Class::Never, "the payment is older than 60 days"),
    code("1510", Class::Never, "the channel cannot refund"),
    code("1511", Class::Never, "the channel cannot refund a part"),
];

/// Codes of `api/refund/payments`.
pub(super) const QUERY_FLAT: &[Code] = &[
    code("1501", Class::NotFound, "no such refund"),
    code("1013", Class::Later, "too many calls"),
    stopping("1001", Class::Unknown, "no such app"),
    stopping("1002", Class::Unknown, "our address is not on the list"),
    stopping("1003", Class::Unknown, "our signature does not verify"),
];

const fn code(code: &'static str, class: Class, meaning: &'static str) -> Code {
    Code {
        code,
        class,
        stops_account: false,
        meaning,
    }
}

const fn stopping(code: &'static str, class: Class, meaning: &'static str) -> Code {
    Code {
        code,
        class,
        stops_account: true,
        meaning,
    }
}
