//! Commands that read and judge, and change nothing.

pub(super) mod audit;
pub(super) mod check_config;
pub(super) mod evidence;
pub(super) mod explain;
pub(super) mod healthcheck;
pub(super) mod reconcile;
pub(super) mod selftest;
pub(super) mod verify;
