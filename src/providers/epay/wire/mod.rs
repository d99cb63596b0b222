//! The wire format of `EndSingle/Success`: media types, content negotiation, request and response bodies.

pub mod errcode;
pub mod media;
pub mod members;
pub mod negotiate;
pub mod request;
pub mod response;
