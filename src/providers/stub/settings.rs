//! The account: keys, and nothing else.

use super::Stub;
use crate::providers::Adapter;
use crate::providers::accounts::settings::AccountSettings;

/// Builds an account from its section.
pub(super) fn account(account: &mut AccountSettings<'_>) -> Option<Adapter> {
    account.take_only(&["public_keys", "allow_test_key"]);
    let stub = Stub(account.public_keys()?);
    Some(Adapter::Callback(Box::new(stub)))
}
