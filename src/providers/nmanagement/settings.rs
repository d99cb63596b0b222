//! The account: the secrets of its relay, and what it sends refunds by.

use secrecy::{ExposeSecret as _, SecretString};

use super::Nmanagement;
use super::bank_client::BankClient;
use super::client::NmanagementClient;
use super::login::{Credential, Login};
use crate::providers::Adapter;
use crate::providers::accounts::settings::AccountSettings;
use crate::providers::outgoing::Client;
use crate::providers::outgoing::settings::{ApiSettings, BankClientSection};

/// Widths of the bank's members.
const CUST_ID_MAX: usize = 21;
const USER_ID_MAX: usize = 6;
const PASSWORD_MAX: usize = 32;

/// Builds an account from its section.
pub(super) fn account(account: &mut AccountSettings<'_>) -> Option<Adapter> {
    account.relayed(Box::new(Nmanagement))
}

/// Builds what sends for an account.
pub(super) fn client(api: &mut ApiSettings<'_>) -> Option<Box<dyn Client>> {
    api.take_only(&["login", "token", "bank_client"]);
    let base_url = api.base_url();
    let credential = credential(api);
    let section = api.section;
    let bank = match &section.bank_client {
        Some(section) => Some(bank_client(api, section)?),
        None => None,
    };
    Some(Box::new(NmanagementClient {
        base_url: base_url?,
        credential: credential?,
        bank,
    }))
}

fn credential(api: &mut ApiSettings<'_>) -> Option<Credential> {
    let section = api.section;
    match (&section.login, &section.token) {
        (Some(login), None) => {
            if login.name.is_empty() {
                api.note("login.name", "is empty");
                return None;
            }
            let password = api.secret("login.password", &login.password)?;
            Some(Credential::Login(Login::new(login.name.clone(), password)))
        }
        (None, Some(text)) => {
            let token = api.secret("token", text)?;
            visible(api, "token", &token).then_some(Credential::Fixed(token))
        }
        (Some(_), Some(_)) | (None, None) => {
            api.note("login", "is needed, or else a token, and not both");
            None
        }
    }
}

fn bank_client(api: &mut ApiSettings<'_>, section: &BankClientSection) -> Option<BankClient> {
    let url = api.checked_url("bank_client.url", &section.url);
    let mut is_good = true;
    for (name, text, max) in [
        ("cust_id", &section.cust_id, CUST_ID_MAX),
        ("user_id", &section.user_id, USER_ID_MAX),
    ] {
        let is_plain = text.bytes().all(|b| b.is_ascii_alphanumeric());
        if !is_plain || !(1..=max).contains(&text.len()) {
            let what = format!("must be 1 to {max} ASCII letters and digits");
            api.note(&format!("bank_client.{name}"), what);
            is_good = false;
        }
    }
    let name = "bank_client.password";
    let password = api.secret(name, &section.password)?;
    if password.expose_secret().len() > PASSWORD_MAX {
        api.note(name, format!("has more than {PASSWORD_MAX} characters"));
        return None;
    }
    let is_good = visible(api, name, &password) && is_good;
    is_good.then_some(BankClient {
        url: url?,
        cust_id: section.cust_id.clone(),
        user_id: section.user_id.clone(),
        password,
    })
}

/// Whether it is of visible ASCII characters; otherwise that is noted.
fn visible(api: &mut ApiSettings<'_>, name: &str, secret: &SecretString) -> bool {
    let text = secret.expose_secret();
    let is_visible = !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
    if !is_visible {
        api.note(name, "must be of visible ASCII characters");
    }
    is_visible
}
