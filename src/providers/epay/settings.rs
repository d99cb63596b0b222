//! The section `[epay]`: the callers' tokens and networks, and how long close-outs are retried.

use std::num::NonZeroU64;

use secrecy::ExposeSecret as _;
use serde::Deserialize;

use super::caller::EpayCallers;
use crate::crypto::TokenDigest;
use crate::providers::accounts::settings::{Context, TOKEN_CHARS_MIN, Text, networks};

/// The section.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpaySection {
    #[serde(default)]
    pub tokens: Vec<String>,
    #[serde(default)]
    pub allow_from: Vec<String>,
    pub trust_network: Option<Text<bool>>,
    pub retry_for_seconds: Option<Text<NonZeroU64>>,
}

/// Builds the callers from the section.
pub fn callers(section: &EpaySection, context: &mut dyn Context) -> EpayCallers {
    let mut tokens = Vec::new();
    for (index, text) in section.tokens.iter().enumerate() {
        let name = format!("tokens[{index}]");
        tokens.extend(token(context, &name, text));
    }
    let networks = networks(context, "allow_from", &section.allow_from);
    let trusts_network = section.trust_network.map_or_else(
        || {
            context.note_default("trust_network", false.to_string());
            false
        },
        |given| given.0,
    );
    if section.tokens.is_empty() && section.allow_from.is_empty() {
        let what = "is empty; give at least one token, or leave out [epay] to switch it off";
        context.note("tokens", what.to_owned());
    } else if section.tokens.is_empty() && !trusts_network {
        let what = "an address alone proves little; give tokens, or set trust_network = true";
        context.note("allow_from", what.to_owned());
    }
    EpayCallers::new(tokens, networks)
}

fn token(context: &mut dyn Context, name: &str, text: &str) -> Option<TokenDigest> {
    let secret = context.secret(name, text)?;
    let secret = secret.expose_secret();
    if !secret.bytes().all(|b| b.is_ascii_graphic()) {
        let what = "holds white space or characters that no Authorization header carries; write the \
                    token alone, without Bearer";
        context.note(name, what.to_owned());
    }
    if secret.chars().count() < TOKEN_CHARS_MIN {
        let key = context.key(name);
        context.warn(format!(
            "{key}: is shorter than {TOKEN_CHARS_MIN} characters and could be guessed; \
             `openssl rand -hex 32` makes a good one"
        ));
    }
    let token = TokenDigest::of(secret);
    context.hold(name, token.bytes());
    Some(token)
}
