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
    Code::of("REFUNDED", Class::Done, "refunded"),
    Code::of(
        "REFUNDFAILED",
        Class::Failed,
        "failed; the same number may be sent again",
    ),
    Code::of("CREATE", Class::Accepted, "made"),
    Code::of("PAYING", Class::Accepted, "in work"),
    Code::of("UNKNOWN", Class::Accepted, "not known yet"),
];

/// HTTP statuses of the refund call other than 200; what is not listed leaves the outcome open.
pub(super) const HTTP: &[Code] = &[
    Code::of("400", Class::Refused, "a member was not taken"),
    Code::stopping("401", Class::Refused, "no or wrong credential"),
    Code::stopping("403", Class::Refused, "not allowed"),
    Code::stopping("404", Class::Refused, "no such address"),
    Code::stopping("405", Class::Refused, "wrong method"),
    Code::stopping("415", Class::Refused, "wrong content type"),
    Code::of("429", Class::Later, "too many calls"),
];
