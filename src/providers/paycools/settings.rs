//! The account: a key or a secret for each form, what its amounts and times mean, and the guards that tell
//! it from other merchants' accounts.

use std::any::Any;
use std::ops::RangeInclusive;

use jiff::tz::Offset;
use secrecy::ExposeSecret as _;

use super::client::{Form, NUMBER_CHARS, PaycoolsClient, TimestampUnit};
use super::{Guards, Locale, Paycools};
use crate::crypto::{SuffixSecret, TokenDigest, sha256};
use crate::domain::ids::external_id::ExternalId;
use crate::domain::money::Currency;
use crate::providers::Adapter;
use crate::providers::accounts::settings::{
    AccountSettings, Apart, Audience, TOKEN_CHARS_MIN, networks, read_again,
};
use crate::providers::outgoing::Client;
use crate::providers::outgoing::settings::ApiSettings;

/// Offset of an account that names none: Malaysia and the Philippines, where the times of the published
/// samples were found to be.
const UTC_OFFSET: &str = "+08:00";
/// Decimals of the smallest unit of an account that names none.
const MINOR_DIGITS: u8 = 2;
/// The same in Indonesia, where whole rupiah are counted.
const MINOR_DIGITS_IDR: u8 = 0;
/// Most decimals that amounts can have here.
const MINOR_DIGITS_MAX: u8 = 4;
/// Furthest that any clock on earth is from UTC.
const UTC_OFFSET_HOURS_MAX: i32 = 14;
/// Characters of a secret in a path: short ones could be guessed.
const PATH_SECRET_CHARS: RangeInclusive<usize> = 16..=128;
/// Longest beginning of a refund number; the numbers themselves have up to 32 characters.
const PREFIX_CHARS_MAX: usize = 32;

/// Forms of requests, the default first.
const FORMS: [&str; 2] = ["open-api", "flat"];
/// Units of a request's time, the default first: the table says milliseconds, the published exchange has
/// seconds.
const TIMESTAMP_UNITS: [&str; 2] = ["s", "ms"];

/// Whether a part of a path could be the secret of an account, or begins with one.
pub fn could_be_path_secret(part: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
    part.len() >= *PATH_SECRET_CHARS.start() && part.bytes().all(is_plain)
}

/// Builds an account from its section.
pub(super) fn account(account: &mut AccountSettings<'_>) -> Option<Adapter> {
    let section = account.section;
    let mut known = vec![
        "public_keys",
        "secret",
        "currency",
        "utc_offset",
        "minor_digits",
        "allow_from",
        "path_secret",
        "refund_no_prefix",
        "allow_test_key",
    ];
    // Callbacks name no app; requests do.
    if section.api.is_some() {
        known.push("app_id");
    }
    account.take_only(&known);
    if section.public_keys.is_none() && section.secret.is_none() {
        let what = "is missing, and secret as well; without either nothing can be verified";
        account.note("public_keys", what);
        return None;
    }
    let keys = section.public_keys.as_ref().map(|_| account.public_keys());
    let secret = section
        .secret
        .as_ref()
        .map(|text| suffix_secret(account, text));
    let guards = guards(account);
    let currency = currency(account);
    let utc_offset = utc_offset(account);
    let minor_digits = minor_digits(account, currency);
    // A form that is configured, but wrongly, must not turn into one that is switched off.
    if keys.as_ref().is_some_and(Option::is_none) || secret.as_ref().is_some_and(Option::is_none) {
        return None;
    }
    let locale = Locale {
        currency: currency?,
        minor_digits: minor_digits?,
        utc_offset: utc_offset?,
    };
    let guards = guards?;
    account.context.told_apart_by(Box::new(guards.clone()));
    let paycools = Paycools::new(keys.flatten(), secret.flatten(), locale);
    Some(Adapter::Callback(Box::new(paycools.guarded(guards))))
}

/// Builds what sends for an account.
pub(super) fn client(api: &mut ApiSettings<'_>) -> Option<Box<dyn Client>> {
    let word = api.word("generation", api.section.generation.as_ref(), &FORMS);
    let is_flat = word? == "flat";
    let own = if is_flat {
        "request_secret_suffix"
    } else {
        "timestamp_unit"
    };
    api.take_only(&["generation", "private_key", "public_key", "app_id", own]);
    let locale = read_again(api.account, api.context, |account| {
        let currency = currency(account)?;
        Some(Locale {
            currency,
            minor_digits: minor_digits(account, Some(currency))?,
            utc_offset: utc_offset(account)?,
        })
    });
    let prefix = number_prefix(api);
    let app_id = app_id(api);
    let key = api.private_key();
    let base_url = api.base_url();
    let callback_url = api.callback_url();
    let form = if is_flat { flat(api) } else { open_api(api) };
    let callback_url = callback_url?;
    // A secret path is a credential.
    let shown_callback_url = match (&api.account.path_secret, callback_url.rsplit_once('/')) {
        (Some(_), Some((path, _))) => format!("{path}/***"),
        _ => callback_url.clone(),
    };
    Some(Box::new(PaycoolsClient {
        key: key?,
        app_id: app_id?,
        base_url: base_url?,
        callback_url,
        shown_callback_url,
        locale: locale?,
        refund_no_prefix: prefix?,
        form: form?,
    }))
}

/// How the numbers of its requests begin: only with what PayCools takes in a number. The outer `None` is a problem.
#[expect(
    clippy::option_option,
    reason = "absent and wrong are different things here"
)]
fn number_prefix(api: &mut ApiSettings<'_>) -> Option<Option<String>> {
    let Some(prefix) = &api.account.refund_no_prefix else {
        return Some(None);
    };
    let is_good = prefix.len() < NUMBER_CHARS && prefix.bytes().all(|b| b.is_ascii_alphanumeric());
    if !is_good {
        let what = format!(
            "is no beginning of a number that can be sent: PayCools takes letters and digits, at most {NUMBER_CHARS}"
        );
        api.context.note("refund_no_prefix", what);
        return None;
    }
    Some(Some(prefix.clone()))
}

/// Of the account, or of its section `api`.
fn app_id(api: &mut ApiSettings<'_>) -> Option<String> {
    let (of_account, of_api) = (&api.account.app_id, &api.section.app_id);
    let differs = of_account.is_some() && of_api.is_some() && of_account != of_api;
    if differs {
        api.note(
            "app_id",
            "is not the app_id of the account; give one of them",
        );
        return None;
    }
    let given = of_api.as_ref().or(of_account.as_ref());
    api.required("app_id", given)
}

fn open_api(api: &mut ApiSettings<'_>) -> Option<Form> {
    let word = api.section.timestamp_unit.as_ref();
    let unit = match api.word("timestamp_unit", word, &TIMESTAMP_UNITS)? {
        "ms" => TimestampUnit::Millis,
        _ => TimestampUnit::Seconds,
    };
    Some(Form::OpenApi(unit))
}

fn flat(api: &mut ApiSettings<'_>) -> Option<Form> {
    if !api.section.request_secret_suffix.is_some_and(|flag| flag.0) {
        return Some(Form::Flat { secret: None });
    }
    let Some(text) = &api.account.secret else {
        let what = "needs the secret of the account, which is missing";
        api.note("request_secret_suffix", what);
        return None;
    };
    let secret = api.context.secret("secret", text)?;
    Some(Form::Flat {
        secret: Some(secret),
    })
}

/// The secret of the flat form.
fn suffix_secret(account: &mut AccountSettings<'_>, text: &str) -> Option<SuffixSecret> {
    let secret = account.context.secret("secret", text)?;
    let secret = secret.expose_secret();
    if secret.chars().count() < TOKEN_CHARS_MIN {
        let key = account.context.key("secret");
        account.context.warn(format!(
            "{key}: is shorter than {TOKEN_CHARS_MIN} characters; with one callback at hand an attacker can try \
             such secrets out, as the flat form is signed with SHA-1: ask PayCools for a longer one, \
             or leave it out and take the open-api form alone"
        ));
    }
    account.context.hold("secret", sha256(secret.as_bytes()));
    Some(SuffixSecret::new(secret))
}

/// What tells an account from others that are signed for with the same key.
fn guards(account: &mut AccountSettings<'_>) -> Option<Guards> {
    let section = account.section;
    let path_secret = section
        .path_secret
        .as_ref()
        .map(|text| path_secret(account, text));
    let prefix = section.refund_no_prefix.clone();
    let flaw = prefix
        .as_ref()
        .map(|text| ExternalId::read(text, PREFIX_CHARS_MAX));
    if let Some(Err(flaw)) = flaw {
        let what = format!("{flaw}; it is how refund numbers begin, in 1 to 32 characters");
        account.note("refund_no_prefix", what);
        return None;
    }
    let texts = section.allow_from.as_deref().unwrap_or_default();
    let allow_from = networks(account.context, "allow_from", texts);
    if section.allow_from.is_some() && texts.is_empty() {
        account.note("allow_from", "is empty; name networks, or leave it out");
    }
    // A guard that is set, but wrongly, must not turn into one that is missing.
    if texts.len() != allow_from.len() || path_secret.as_ref().is_some_and(Option::is_none) {
        return None;
    }
    let guards = Guards {
        allow_from,
        path_secret: path_secret.flatten(),
        refund_no_prefix: prefix,
    };
    if guards.is_empty() && section.public_keys.is_some() {
        let key = account.context.key("");
        account.context.warn(format!(
            "{key}: PayCools may sign for all its merchants with one key, and its callbacks name no \
             merchant, so another merchant's refund could be taken for one of yours; set path_secret, \
             and refund_no_prefix or allow_from where you can (docs/providers/paycools.md)"
        ));
    }
    Some(guards)
}

fn path_secret(account: &mut AccountSettings<'_>, text: &str) -> Option<TokenDigest> {
    let secret = account.context.secret("path_secret", text)?;
    let secret = secret.expose_secret();
    if secret.len() > *PATH_SECRET_CHARS.end() || !could_be_path_secret(secret) {
        let what = "must be 16 to 128 letters, digits, - and _, as it is part of a path: \
                    `openssl rand -hex 16` makes a good one";
        account.note("path_secret", what);
        return None;
    }
    let digest = TokenDigest::of(secret);
    account.context.hold_path("path_secret", digest.bytes());
    Some(digest)
}

fn currency(account: &mut AccountSettings<'_>) -> Option<Currency> {
    let Some(text) = &account.section.currency else {
        let what = "is missing; the callbacks themselves name no currency";
        account.note("currency", what);
        return None;
    };
    let what = format!("{text:?} is no ISO 4217 code in upper case, such as MYR");
    let parsed = text.parse();
    parsed.map_err(|_| account.note("currency", what)).ok()
}

fn utc_offset(account: &mut AccountSettings<'_>) -> Option<Offset> {
    let text = account.section.utc_offset.as_deref().unwrap_or_else(|| {
        let default = UTC_OFFSET.to_owned();
        account.context.note_default("utc_offset", default);
        UTC_OFFSET
    });
    let offset = parse_offset(text);
    if offset.is_none() {
        let what = format!("{text:?} is no offset from -14:00 to +14:00, such as +08:00");
        account.note("utc_offset", what);
    }
    offset
}

/// `PayCools` counts cents everywhere but in Indonesia.
fn minor_digits(account: &mut AccountSettings<'_>, currency: Option<Currency>) -> Option<u8> {
    match account.section.minor_digits {
        Some(digits) if digits.0 <= MINOR_DIGITS_MAX => Some(digits.0),
        Some(digits) => {
            let what = format!("{} is too many; 0 to 4 are possible", digits.0);
            account.note("minor_digits", what);
            None
        }
        None => {
            let digits = if currency?.code() == "IDR" {
                MINOR_DIGITS_IDR
            } else {
                MINOR_DIGITS
            };
            let default = digits.to_string();
            account.context.note_default("minor_digits", default);
            Some(digits)
        }
    }
}

/// Reads `+HH:MM` or `-HH:MM`.
fn parse_offset(text: &str) -> Option<Offset> {
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    let two_digits = |part: &str| -> Option<i32> {
        let plain = part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
        if plain { part.parse().ok() } else { None }
    };
    let (hours, minutes) = (two_digits(hours)?, two_digits(minutes)?);
    let total = hours * 60 + minutes;
    if minutes > 59 || total > UTC_OFFSET_HOURS_MAX * 60 {
        return None;
    }
    Offset::from_seconds(sign * total * 60).ok()
}

impl Audience for Guards {
    fn compare(&self, other: &dyn Any) -> Option<Apart> {
        let other: &Self = other.downcast_ref()?;
        if self.excludes(other) {
            return Some(Apart::Always);
        }
        Some(Apart::Never(
            "give each a path_secret of its own, or a refund_no_prefix of its own, or networks \
             in allow_from that do not overlap",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_have_one_spelling() {
        for (text, seconds) in [
            ("+08:00", Some(28_800)),
            ("-03:30", Some(-12_600)),
            ("+14:00", Some(50_400)),
            ("+00:00", Some(0)),
            ("+14:01", None),
            ("+08:60", None),
            ("08:00", None),
            ("+8:00", None),
            ("+0800", None),
            ("+08:0x", None),
            ("Z", None),
            ("", None),
        ] {
            assert_eq!(parse_offset(text).map(Offset::seconds), seconds, "{text}");
        }
    }
}
