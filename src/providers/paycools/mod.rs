//! `PayCools` refund callbacks, both forms, told apart by the shape of the body.
//!
//! * open-api: `param` (JSON as text) and `sign`, RSASSA-PKCS1-v1_5 with SHA-256 over the text of
//!   `param`; acknowledged by `{"code":10000,"message":"Success"}`
//! * flat: `eventName` and the rest next to `sign`, SHA-1 over the sorted members and a shared
//!   secret; `{"code":1,"msg":"success","data":{}}`
//!
//! An account takes the forms it has a key or a secret for. Of the open-api form only `param` is
//! ever read: what else is in the body is not signed.
//!
//! Sources: `RefundCallback` and `UnifiedAPIParam` (docs.paycools.com.my), `1.4RefundCallback` and
//! `CallBackApiSignatureRule` (doc.paycools.com).

mod client;
mod codes;
mod guards;
mod sandbox;
mod settings;
mod signature;
mod wire;

pub use guards::Guards;
#[cfg(test)]
pub use sandbox::{flat, open_api};
pub use settings::could_be_path_secret;
pub use wire::Locale;

use super::verified::SignedPart;
use super::wire::json::{Object, Value};
use super::{
    About, Arrival, Form, ProvenCallback, Provider, Rejection, Request, Signed, Signer, System,
    VerifiedClaim, payermax,
};
use crate::crypto::{KeyRing, SuffixSecret};
use crate::domain::claim::Claim;
use crate::domain::claim::flaw::{Flaw, Unreadable};
use signature::SignedText;

/// `PayCools` in the list of systems.
pub const SYSTEM: System = System {
    name: "paycools",
    account: Some(settings::account),
    client: Some(settings::client),
    part_digest: Some(delivery_digest),
    headers: &[],
    shapes: wire::SHAPES,
    sandbox: Some(&sandbox::SANDBOX),
};
/// Acknowledges the open-api form.
pub const ACK_OPEN_API: &str = r#"{"code":10000,"message":"Success"}"#;
/// Acknowledges the flat form.
pub const ACK_FLAT: &str = r#"{"code":1,"msg":"success","data":{}}"#;
/// What is stored as the key id of a flat callback: there is one secret.
const SECRET_ID: &str = "secret";
/// Names of the forms in delivery keys; stored ones are made with them.
const OPEN_API: &str = "paycools open-api";
const FLAT: &str = "paycools flat";
const FLAT_AMBIGUOUS: &str = "paycools flat, ambiguous";

/// One `PayCools` account.
#[derive(Debug)]
pub struct Paycools {
    keys: Option<KeyRing>,
    secret: Option<SuffixSecret>,
    locale: Locale,
    guards: Guards,
}

impl Paycools {
    /// An account that takes the open-api form with `keys` and the flat form with `secret`; a form
    /// without either is rejected.
    pub fn new(keys: Option<KeyRing>, secret: Option<SuffixSecret>, locale: Locale) -> Self {
        Self {
            keys,
            secret,
            locale,
            guards: Guards::default(),
        }
    }

    /// The same account, told apart by more than its key.
    #[must_use]
    pub fn guarded(self, guards: Guards) -> Self {
        Self { guards, ..self }
    }

    fn verify_open_api(
        &self,
        request: &Request<'_>,
        param: &str,
        sign: Option<&str>,
    ) -> Result<ProvenCallback, Rejection> {
        let keys = self.keys.as_ref().ok_or_else(|| no_key("open-api"))?;
        let key_id = keys
            .verify(param.as_bytes(), sign, request.now)
            .map_err(|error| Rejection::Unauthorized(error.to_string()))?;
        let content = Object::parse(param.as_bytes()).ok();
        if content.as_ref().is_some_and(payermax::is_notification) {
            let why = "signed, but as a callback of PayerMax, whose key this should not be";
            return Err(Rejection::Unauthorized(why.to_owned()));
        }
        let acknowledgement = ACK_OPEN_API;
        if content.as_ref().is_some_and(wire::is_about_something_else) {
            return Ok(ProvenCallback {
                about: About::SomethingElse,
                acknowledgement,
            });
        }
        let claim = content.map_or_else(
            || Claim::unreadable(None, Unreadable::new("param", Flaw::NotObject)),
            |content| wire::claim(&content, self.locale),
        );
        let part = SignedPart {
            form: OPEN_API,
            text: param,
        };
        let verified = VerifiedClaim::of_part(claim, key_id, part, request.body);
        Ok(ProvenCallback {
            about: About::Refund(Box::new(verified)),
            acknowledgement,
        })
    }

    fn verify_flat(
        &self,
        request: &Request<'_>,
        body: &Object<'_>,
        sign: Option<&str>,
    ) -> Result<ProvenCallback, Rejection> {
        signature::check_shape(body).map_err(|error| Rejection::Malformed(error.to_string()))?;
        let secret = self.secret.as_ref().ok_or_else(|| no_key("flat"))?;
        let signed = signature::signed_text(body);
        secret
            .verify_sha1_hex(&signed.text, sign)
            .map_err(|error| Rejection::Unauthorized(error.to_string()))?;
        let acknowledgement = ACK_FLAT;
        if wire::is_about_something_else(body) {
            return Ok(ProvenCallback {
                about: About::SomethingElse,
                acknowledgement,
            });
        }
        let claim = match &signed.ambiguous {
            None => wire::claim(body, self.locale),
            Some(member) => wire::doubtful_claim(body, member),
        };
        let verified = VerifiedClaim::of_part(claim, SECRET_ID, flat_part(&signed), request.body);
        Ok(ProvenCallback {
            about: About::Refund(Box::new(verified)),
            acknowledgement,
        })
    }
}

/// What a body says and the text that its digest would be over, unproven: for fuzzing, which
/// cannot sign. The same members are in `param` and in a flat body.
#[cfg(any(test, fuzzing))]
pub(crate) fn unproven(body: &[u8], locale: Locale) -> Option<(Claim, Option<String>)> {
    let body = Object::parse(body).ok()?;
    let is_flat = signature::check_shape(&body).is_ok();
    let signed = Some(signature::signed_text(&body));
    let plain = signed.filter(|signed| is_flat && signed.ambiguous.is_none());
    Some((wire::claim(&body, locale), plain.map(|signed| signed.text)))
}

/// The key of a delivery of these bytes, as far as their shape tells; proves nothing.
fn delivery_digest(body: &[u8]) -> Option<[u8; 32]> {
    let body = Object::parse(body).ok()?;
    if let Some(param) = body.get("param").text() {
        let (form, text) = (OPEN_API, param);
        return Some(SignedPart { form, text }.digest());
    }
    Some(flat_part(&signature::signed_text(&body)).digest())
}

/// A text with more than one reading is another delivery than the same text with one: a body that is made
/// from a recorded callback must not take its place.
fn flat_part(signed: &SignedText) -> SignedPart<'_> {
    SignedPart {
        form: if signed.ambiguous.is_some() {
            FLAT_AMBIGUOUS
        } else {
            FLAT
        },
        text: &signed.text,
    }
}

impl Provider for Paycools {
    fn verify(&self, request: &Request<'_>) -> Result<ProvenCallback, Rejection> {
        let body =
            Object::parse(request.body).map_err(|error| Rejection::Malformed(error.to_string()))?;
        let sign = body.get("sign");
        if let Some(param) = body.get("param").text() {
            return self.verify_open_api(request, param, sign.text());
        }
        if body.has("eventName") {
            return self.verify_flat(request, &body, sign.text());
        }
        Err(Rejection::Malformed(
            "neither a param text nor an eventName".to_owned(),
        ))
    }

    fn admits(&self, arrival: &Arrival<'_>, about: &About) -> Result<(), Rejection> {
        self.guards.admit(arrival, about)
    }

    fn has_secret_path(&self) -> bool {
        self.guards.path_secret.is_some()
    }

    fn form(&self, body: &[u8]) -> Option<Form> {
        let body = Object::parse(body).ok()?;
        if body.get("param").text().is_some() {
            return Some(Form {
                name: "open-api refund callback",
                proof: "RSASSA-PKCS1-v1_5 with SHA-256 over the text of param, in the member sign",
                acknowledgement: Some(ACK_OPEN_API),
            });
        }
        body.has("eventName").then_some(Form {
            name: "flat refund callback",
            proof: "SHA-1 over the sorted members and the shared secret, in the member sign",
            acknowledgement: Some(ACK_FLAT),
        })
    }

    fn signed(&self, request: &Request<'_>) -> Option<Signed> {
        let body = Object::parse(request.body).ok()?;
        let message = match body.get("param") {
            Value::Text(param) => param.into_owned().into_bytes(),
            // Not what the provider documents, but the text that it would have put there.
            Value::Nested(param) => param.as_bytes().to_vec(),
            _ => signature::signed_text(&body).text.into_bytes(),
        };
        Some(Signed {
            message,
            signature: body.get("sign").text()?.to_owned(),
        })
    }

    fn signer(&self, signed: &Signed) -> Option<Signer> {
        if let Some(signer) = self.keys.as_ref().and_then(|keys| Signer::of(keys, signed)) {
            return Some(signer);
        }
        let text = std::str::from_utf8(&signed.message).ok()?;
        let secret = self.secret.as_ref()?;
        let made = secret
            .verify_sha1_hex(text, Some(&signed.signature))
            .is_ok();
        made.then(|| Signer {
            key_id: SECRET_ID.to_owned(),
            not_before: None,
            not_after: None,
        })
    }

    fn kept_headers(&self) -> &'static [&'static str] {
        &["content-type", "user-agent"]
    }

    fn keys(&self) -> Vec<Signer> {
        let mut keys = self.keys.as_ref().map(Signer::all).unwrap_or_default();
        if self.secret.is_some() {
            keys.push(Signer::secret(SECRET_ID));
        }
        keys
    }

    fn has_key(&self, key_id: &str) -> bool {
        let is_secret = self.secret.is_some() && key_id == SECRET_ID;
        is_secret || self.keys.as_ref().is_some_and(|keys| keys.has(key_id))
    }
}

fn no_key(form: &str) -> Rejection {
    Rejection::Unauthorized(format!(
        "the account has nothing to verify the {form} form with"
    ))
}

#[cfg(test)]
mod tests;
