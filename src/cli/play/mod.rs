//! Commands that play a provider, for trials and for the demo.

pub(super) mod demo;
pub(super) mod sandbox;
pub(super) mod scenario;
pub(super) mod trigger;
