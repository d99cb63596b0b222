//! The account: the secrets of its relay, and nothing else.

use super::Quickpay;
use crate::providers::Adapter;
use crate::providers::settings::AccountSettings;

/// Builds an account from its section.
pub(super) fn account(account: &mut AccountSettings<'_>) -> Option<Adapter> {
    account.relayed(Box::new(Quickpay))
}
