//! The account: keys, and the merchant (and app) that its callbacks must name.

use std::any::Any;

use super::{Audience, Payermax};
use crate::providers::Adapter;
use crate::providers::settings;
use crate::providers::settings::{AccountSettings, Apart};

/// Builds an account from its section.
pub(super) fn account(account: &mut AccountSettings<'_>) -> Option<Adapter> {
    account.take_only(&["merchant_no", "app_id", "public_keys", "allow_test_key"]);
    let section = account.section;
    let keys = account.public_keys();
    let merchant_no = section.merchant_no.clone().filter(|text| !text.is_empty());
    if merchant_no.is_none() {
        let what = "is missing; without it any merchant's callbacks would be taken";
        account.note("merchant_no", what);
    }
    if section.app_id.as_deref() == Some("") {
        account.note("app_id", "is empty; give the app id or leave it out");
    }
    for (name, value) in [
        ("app_id", section.app_id.as_deref()),
        ("merchant_no", section.merchant_no.as_deref()),
    ] {
        if value.is_some_and(|text| text.trim() != text) {
            account.note(name, "begins or ends with white space; remove it");
        }
    }
    let audience = Audience {
        merchant_no: merchant_no?,
        app_id: section.app_id.clone(),
    };
    account.context.told_apart_by(Box::new(audience.clone()));
    Some(Adapter::Callback(Box::new(Payermax::new(keys?, audience))))
}

impl settings::Audience for Audience {
    fn compare(&self, other: &dyn Any) -> Option<Apart> {
        let other: &Self = other.downcast_ref()?;
        let are_apps = self.app_id.is_some() && other.app_id.is_some();
        let is_same_merchant = self.merchant_no == other.merchant_no;
        Some(match (is_same_merchant, self.app_id == other.app_id) {
            (false, true) | (true, false) if are_apps => Apart::WhereStrict,
            (false, _) => Apart::Always,
            (true, _) => {
                Apart::Never("give both an app_id, each its own, or make one account of them")
            }
        })
    }
}
