//! The bank's return codes and what each means for a request: the only table of them, read by requests,
//! queries and relayed replies alike.
//!
//! Sources: the bank's developer manual of the merchant client, V4.0, whose lists these are; a code that is
//! in no list here is in none of ours.

use crate::domain::request::Class;
use crate::providers::outgoing::Code;

/// The bank's only word for success.
pub(super) const SUCCESS: &str = "000000";

/// Every listed code.
pub(super) const CODES: &[Code] = &[
    Code::of(SUCCESS, Class::Done, "done"),
    // The manual asks to check the details before anything else.
    uncertain("0130Z0100001"),
    uncertain("WLPT_Err1001"),
    uncertain("WLPT_Err1002"),
    uncertain("WLPT_Err1003"),
    uncertain("WLPT_Err1005"),
    uncertain("WLPT_Err1008"),
    uncertain("WLPT_Err1010"),
    uncertain("WLPT_Err1011"),
    uncertain("WLPT_Err1012"),
    uncertain("WLPT_Err1013"),
    uncertain("WLPT_Err1014"),
    uncertain("WLPT_Err1015"),
    uncertain("WLPT_Err1016"),
    uncertain("WLPT_Err1017"),
    uncertain("WLPT_Err1018"),
    uncertain("WLPT_Err1020"),
    // The manual does not call them uncertain; their wording is that of a fault inside the bank.
    Code::of("0130Z0100002", Class::Unknown, "communication error"),
    internal("0130Z1101009"),
    internal("0130Z1101047"),
    internal("0130Z1102003"),
    Code::of("0130Z1102005", Class::Unknown, "try later"),
    internal("0130Z1102201"),
    Code::of("0130Z1109001", Class::Unknown, "system error"),
    internal("0130Z110B353"),
    // Before anything was executed.
    Code::of("0130Z1108001", Class::Later, "service has not begun today"),
    Code::of("0130Z1108002", Class::Later, "service has ended for today"),
    Code::of("0130Z1108008", Class::Later, "not available now"),
    Code::of("0130Z1108916", Class::Later, "closed"),
    Code::of("WLPT_Err1006", Class::Later, "the client restarts"),
    // Credentials and rights.
    rights("0130Z0100004"),
    rights("0130Z1101007"),
    rights("0130Z1101017"),
    rights("0130Z1101018"),
    rights("0130Z1101019"),
    rights("0130Z1101020"),
    Code::stopping("0130Z1101021", Class::Refused, "wrong password"),
    rights("0130Z1101114"),
    Code::stopping("0130Z1101115", Class::Refused, "address not allowed"),
    Code::stopping("0130Z1108005", Class::Refused, "certificate"),
    Code::stopping(
        "0130Z1108014",
        Class::Refused,
        "too many failures; the operator is locked next",
    ),
    Code::stopping("0130Z1108015", Class::Refused, "too many failures"),
    rights("0130Z1108908"),
    rights("0130Z1109061"),
    rights("0130Z1109062"),
    rights("0130Z1109063"),
    rights("0130Z1109064"),
    rights("0130Z1109065"),
    rights("0130Z1109066"),
    Code::stopping("0130Z1109067", Class::Refused, "no permission"),
    Code::stopping("0130Z110C054", Class::Refused, "wrong password"),
    rights("WLPT_Err1004"),
    // Form and limits.
    form("0130Z1101001"),
    form("0130Z1101002"),
    form("0130Z1101003"),
    form("0130Z1102004"),
    form("0130Z1109045"),
    Code::of("0130Z110W001", Class::Refused, "serial number"),
    form("WLPT_Err1007"),
    Code::of("WLPT_Err1009", Class::Refused, "empty or malformed XML"),
    form("WLPT_Err1021"),
    limit("0130Z1108904"),
    limit("0130Z1108905"),
    limit("0130Z110W004"),
    limit("0130Z110W005"),
    // The bank may have it already.
    Code::of("0130Z110B144", Class::Known, "duplicate record"),
    // Of queries.
    Code::of("0130Z110B357", Class::NotFound, "no matching record"),
    Code::of("0130Z110BB22", Class::NotFound, "no record"),
    Code::of("0250E0200001", Class::NotFound, "no record"),
];

/// HTTP statuses of nManagement other than 200 and 401; what is not listed leaves the outcome open.
pub(super) const HTTP: &[Code] = &[
    Code::stopping("403", Class::Refused, "not allowed"),
    Code::stopping("404", Class::Refused, "no such address"),
    Code::stopping("405", Class::Refused, "wrong method"),
    Code::stopping("415", Class::Refused, "wrong content type"),
    Code::of("429", Class::Later, "too many calls"),
];

/// Words of a 401 that no new login mends.
pub(super) const LOCKED_OUT: [&str; 3] = ["用户不存在", "禁用", "授权已失效"];

const fn uncertain(code: &'static str) -> Code {
    Code::of(code, Class::Unknown, "outcome uncertain, check the details")
}

const fn internal(code: &'static str) -> Code {
    Code::of(code, Class::Unknown, "fault inside the bank")
}

const fn form(code: &'static str) -> Code {
    Code::of(code, Class::Refused, "form of the request")
}

const fn limit(code: &'static str) -> Code {
    Code::of(code, Class::Refused, "limit")
}

const fn rights(code: &'static str) -> Code {
    Code::stopping(code, Class::Refused, "operator, right or credential")
}
