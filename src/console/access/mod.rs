//! Who is there: what every request passes, sessions, login by token or by proxy.

pub(super) mod cookies;
pub(super) mod guard;
pub(super) mod login;
pub(super) mod proxy;
pub(super) mod session;
pub(super) mod throttle;
