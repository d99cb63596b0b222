//! What each answer of `QuickPay` means for a request, as data. The help pages list neither all values of
//! `code` nor those of `transaction_status`.
//!
//! Sources: help pages `POST QuickPay/Refund` and `POST SuNingPay/RefundQuery`.

use crate::domain::request::Class;
use crate::providers::outgoing::Code;

/// The only `code` that the documents name.
pub(super) const SUCCESS: &str = "SUCCESS";

/// `transaction_status` under that `code`; any other word leaves the outcome open.
pub(super) const STATUSES: &[Code] = &[
    status("REFUNDED", Class::Done, "refunded"),
    status(
        "REFUNDFAILED",
        Class::Failed,
        "failed; the same number may be sent again",
    ),
    status("CREATE", Class::Accepted, "made"),
    status("PAYING", Class::Accepted, "in work"),
    status("UNKNOWN", Class::Accepted, "not known yet"),
];

/// HTTP statuses of the refund call other than 200; what is not listed leaves the outcome open.
pub(super) const HTTP: &[Code] = &[
    status("400", Class::Refused, "a member was not taken"),
    stopping("401", "no or wrong credential"),
    stopping("403", "not allowed"),
    stopping("404", "no such address"),
    stopping("405", "wrong method"),
    stopping("415", "wrong content type"),
    status("429", Class::Later, "too many calls"),
];

const fn status(code: &'static str, class: Class, meaning: &'static str) -> Code {
    Code {
        code,
        class,
        stops_account: false,
        meaning,
    }
}

const fn stopping(code: &'static str, meaning: &'static str) -> Code {
    Code {
        code,
        class: Class::Refused,
        stops_account: true,
        meaning,
    }
}
