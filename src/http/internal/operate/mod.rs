//! These calls are for operators: decisions, endpoints, the reload of the config, settlement files, and the trail of
//! acts.

pub mod decisions;
pub mod endpoints;
pub mod reload;
pub mod settlement;
pub mod trail;
