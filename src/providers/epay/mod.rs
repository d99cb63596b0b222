//! The ASP.NET face of the `EPay` close-out: how `EndSingle/Success` looks on the wire.
//!
//! Callers of this endpoint were written against an ASP.NET Web API 2 site, so what they send and
//! what they can read is fixed: four media types in, three out, names that ignore case, a reply in
//! the format that was sent, error bodies with the framework's own sentences. This module knows all
//! of that and nothing else: bytes and header texts come in, values and bytes go out. It does no
//! IO, knows no web framework and decides nothing about refunds.
//!
//! The way of one request: [`decode`] turns Content-Type and body into an [`EndSingle`] whose three
//! members are present and valid, or says why not; the close-out answers with an [`ErrCode`];
//! [`negotiate()`] picks the [`ResponseFormat`]; [`CommonOperationResult::encode`] (or
//! [`ErrorMessage::encode`] for 401, 404, 405 and 415) makes the bytes.
//!
//! Three things differ from the original on purpose, because money depends on them:
//!
//! * all three members are required in every format; the original's XML reader silently takes an
//!   absent or late `<refundmoney>` for zero;
//! * `refundmoney` is greater than zero with at most two decimals and 16 integer digits, and the
//!   two identifiers contain only visible characters;
//! * a member given twice with different values is rejected; the original takes the last one in
//!   JSON and BSON and the first one in XML and forms, so what the sender meant is unknown.

pub mod caller;
mod sandbox;
pub mod settings;
mod wire;

#[cfg(test)]
mod tests;

pub use sandbox::{Sample, errcode_of, sample};
pub use wire::errcode::ErrCode;
pub use wire::media::{Charset, MediaType};
pub use wire::members::{Fault, Member};
pub use wire::negotiate::{NegotiationHeaders, ResponseFormat, negotiate};
pub use wire::request::{BodyFault, DecodeError, EndSingle, Problem, Problems, decode};
pub use wire::response::{CommonOperationResult, ErrorMessage};

use super::System;

/// `EPay` in the list of systems; its section is `[epay]`.
pub const SYSTEM: System = System {
    name: caller::PROVIDER,
    account: None,
    client: None,
    part_digest: None,
    headers: &[],
    shapes: &[],
    sandbox: Some(&sandbox::SANDBOX),
};

/// The one path of this endpoint. Web API matches it without regard to case.
pub const PATH: &str = "/api/WebInterface/EPay/Refund/EndSingle/Success";

/// Whether a path is that of this endpoint: Web API also leaves out slashes at its end.
pub fn is_served(path: &str) -> bool {
    path.trim_end_matches('/').eq_ignore_ascii_case(PATH)
}

/// Deepest nesting of a request body, the root included. Only unknown members nest.
const DEPTH_MAX: usize = 16;
/// Root element of a request in XML.
const XML_REQUEST_ROOT: &str = "EPayEndRefundSuccessParm";
/// Namespace of a request in XML, its root and its members.
const XML_REQUEST_NAMESPACE: &str =
    "http://schemas.datacontract.org/2004/07/DigitalScience.DataTransfer.Tour.V5.Parm";
/// Namespace of the reply in XML.
const XML_RESPONSE_NAMESPACE: &str =
    "http://schemas.datacontract.org/2004/07/DigitalScience.DataTransfer";
/// Namespace of `nil`.
const XML_INSTANCE_NAMESPACE: &str = "http://www.w3.org/2001/XMLSchema-instance";
