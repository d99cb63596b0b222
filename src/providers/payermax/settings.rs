//! The account: keys, and the merchant (and app) that its callbacks must name; and what sends for it.

use std::any::Any;

use super::client::{CommentMembers, Generation, NewApi, OldApi, PayermaxClient};
use super::{Audience, Payermax};
use crate::crypto::KeyRing;
use crate::providers::Adapter;
use crate::providers::accounts::settings;
use crate::providers::accounts::settings::{AccountSettings, Apart, read_again};
use crate::providers::outgoing::Client;
use crate::providers::outgoing::settings::ApiSettings;

/// The generations, the default first.
const GENERATIONS: [&str; 2] = ["v2", "v2.1"];
/// Spellings of the member that carries the reason in v2.1, the default first.
const COMMENT_MEMBERS: [&str; 3] = ["both", "comment", "comments"];
/// `version` of the present pages.
const VERSION: &str = "1.5";
const KEY_VERSION: &str = "1";
/// The header of a software vendor's token, as the Java SDK spells it; the others write `merchantAuthToken`.
const AUTH_TOKEN_HEADER: &str = "merchant_auth_token";

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

fn keys_of(account: &mut AccountSettings<'_>) -> Option<KeyRing> {
    account.public_keys()
}

/// Builds what sends for an account.
pub(super) fn client(api: &mut ApiSettings<'_>) -> Option<Box<dyn Client>> {
    let word = api.word("generation", api.section.generation.as_ref(), &GENERATIONS);
    let is_new = word? == "v2";
    if is_new {
        api.take_only(&[
            "generation",
            "private_key",
            "public_key",
            "version",
            "key_version",
            "sp_merchant_no",
            "merchant_auth_token",
            "merchant_auth_token_header",
        ]);
    } else {
        api.take_only(&["generation", "private_key", "public_key", "comment_members"]);
    }
    let keys = read_again(api.account, api.context, keys_of);
    let key = api.private_key();
    let generation = if is_new { new_api(api) } else { old_api(api) };
    let base_url = api.base_url();
    let callback_url = match api.section.callback_base_url {
        Some(_) => Some(api.callback_url()?),
        None => None,
    };
    Some(Box::new(PayermaxClient {
        key: key?,
        keys: keys?,
        base_url: base_url?,
        merchant_no: api.account.merchant_no.clone()?,
        callback_url,
        generation: generation?,
    }))
}

fn new_api(api: &mut ApiSettings<'_>) -> Option<Generation> {
    let section = api.section;
    let app_id = api.account.app_id.clone().filter(|text| !text.is_empty());
    if app_id.is_none() {
        let what = "is missing; requests of generation \"v2\" name the app";
        api.context.note("app_id", what.to_owned());
    }
    let mut or_default = |name: &str, value: &Option<String>, default: &str| {
        value.clone().unwrap_or_else(|| {
            let name = format!("api.{name}");
            api.context.note_default(&name, default.to_owned());
            default.to_owned()
        })
    };
    let version = or_default("version", &section.version, VERSION);
    let key_version = or_default("key_version", &section.key_version, KEY_VERSION);
    if section.merchant_auth_token.is_none() && section.merchant_auth_token_header.is_some() {
        let what = "names the header of merchant_auth_token, which is missing";
        api.note("merchant_auth_token_header", what);
    }
    let auth_token = match &section.merchant_auth_token {
        Some(text) => {
            let token = api.secret("merchant_auth_token", text)?;
            Some((auth_token_header(api)?, token))
        }
        None => None,
    };
    Some(Generation::New(NewApi {
        app_id: app_id?,
        version,
        key_version,
        sp_merchant_no: section.sp_merchant_no.clone(),
        auth_token,
    }))
}

fn auth_token_header(api: &mut ApiSettings<'_>) -> Option<String> {
    let name = api.section.merchant_auth_token_header.as_deref();
    let name = name.unwrap_or(AUTH_TOKEN_HEADER);
    api.header_name("merchant_auth_token_header", name)
}

fn old_api(api: &mut ApiSettings<'_>) -> Option<Generation> {
    let word = api.section.comment_members.as_ref();
    let comment_members = match api.word("comment_members", word, &COMMENT_MEMBERS)? {
        "comment" => CommentMembers::Comment,
        "comments" => CommentMembers::Comments,
        _ => CommentMembers::Both,
    };
    Some(Generation::Old(OldApi { comment_members }))
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
