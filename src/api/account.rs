//! Accounts as operators see them: what each can, its keys, whether it stopped. No secret.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::time::Timestamp;

/// An account of the config.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Account)]
pub struct AccountView<'a> {
    pub provider: &'a str,
    pub account: &'a str,
    /// `callback`, `relay`, `submit`, `ask`.
    pub can: Vec<&'static str>,
    /// What verifies its callbacks or relays.
    pub keys: Vec<KeyView>,
    /// Nothing is sent for it; null: it is not stopped, or sends nothing.
    #[schema(required)]
    pub stopped: Option<StopView<'a>>,
    /// Whether it speaks to a sandbox alone.
    pub sandbox: bool,
    /// How far the provider's clock is ahead of ours, by its last reply; null: there was none since the start.
    #[schema(required)]
    pub clock_skew_ms: Option<i64>,
}

/// A key or secret of an account, by its name.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AccountKey)]
pub struct KeyView {
    pub id: String,
    #[schema(required)]
    pub not_before: Option<Timestamp>,
    #[schema(required)]
    pub not_after: Option<Timestamp>,
    /// When it last verified something; null: not since the start of this process.
    #[schema(required)]
    pub last_used_at: Option<Timestamp>,
}

/// Why an account is stopped.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AccountStop)]
pub struct StopView<'a> {
    pub at: Timestamp,
    pub reason: &'a str,
    /// The reader that stopped it; null: the service did.
    #[schema(required)]
    pub by: Option<&'a str>,
    /// When sending goes on by itself: the balance was too small; null: an operator resumes it.
    #[schema(required)]
    pub until: Option<Timestamp>,
}

/// All of them.
#[derive(Serialize, ToSchema)]
pub struct AccountList<'a> {
    pub data: Vec<AccountView<'a>>,
}
