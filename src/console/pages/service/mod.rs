//! These pages show the service itself: its accounts, its health, and who did what.

pub mod accounts;
pub mod audit;
pub mod health;
