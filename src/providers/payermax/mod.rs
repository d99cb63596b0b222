//! PayerMax refund callbacks, both generations, told apart by the shape of the body.
//!
//! * new: `notifyType` and `data`; acknowledged by `{"code":"SUCCESS","msg":"Success"}`
//! * v2.1: flat, `merchantId`, `refundId`, numeric `status`; `{"bizCode":"0000","message":"success"}`
//!
//! What is about something else (another `notifyType`) comes to the same URL; it is verified and acknowledged
//! alike.
//!
//! Both are signed RSASSA-PKCS1-v1_5 with SHA-256 over the whole body as transmitted, in the header
//! `sign` as standard Base64 (signature rules, docs.payermax.com).

mod client;
mod codes;
mod sandbox;
mod settings;
mod wire;

pub use sandbox::MERCHANT_NO;

use super::wire::json::Object;
use super::{
    About, Form, ProvenCallback, Provider, Rejection, Request, Signed, Signer, System,
    VerifiedClaim,
};
use crate::crypto::KeyRing;
#[cfg(any(test, fuzzing))]
use crate::domain::claim::Claim;
use wire::Shape;

/// PayerMax in the list of systems.
pub const SYSTEM: System = System {
    name: "payermax",
    account: Some(settings::account),
    client: Some(settings::client),
    part_digest: None,
    headers: &[SIGN_HEADER],
    shapes: wire::SHAPES,
    sandbox: Some(&sandbox::SANDBOX),
};
/// Acknowledges a callback of the new generation.
pub const ACK_NEW: &str = r#"{"code":"SUCCESS","msg":"Success"}"#;
/// Acknowledges a callback of v2.1.
pub const ACK_V21: &str = r#"{"bizCode":"0000","message":"success"}"#;
/// The header that carries the signature.
pub const SIGN_HEADER: &str = "sign";

/// Whom a callback must be meant for, besides being signed: PayerMax signs for all its merchants.
#[derive(Clone, Debug)]
pub struct Audience {
    /// Must equal the body's `merchantNo` or `merchantId`.
    pub merchant_no: String,
    /// Must equal the body's `appId` (new generation), where given.
    pub app_id: Option<String>,
}

/// One PayerMax account.
#[derive(Debug)]
pub struct Payermax {
    keys: KeyRing,
    audience: Audience,
    /// Whether another account has a key of this one.
    is_strict: bool,
}

impl Payermax {
    /// An account with these keys.
    pub fn new(keys: KeyRing, audience: Audience) -> Self {
        Self {
            keys,
            audience,
            is_strict: false,
        }
    }

    /// Rejects what is meant for another merchant.
    fn check_audience(&self, shape: Shape, body: &Object<'_>) -> Result<(), Rejection> {
        let audience = &self.audience;
        if matches!(shape, Shape::New | Shape::OtherNew) {
            let app = Some(body.get("appId"))
                .filter(|app| app.text().is_some())
                .unwrap_or_else(|| body.get("merchantAppId"));
            // The English documents make merchantNo optional, the Chinese ones appId: a merchant
            // that is not named must be proven by the app.
            audience.check_app(app.text())?;
            if body.has("merchantNo") || audience.app_id.is_none() || self.is_strict {
                audience.check_merchant(body.get("merchantNo").text())?;
            }
            return Ok(());
        }
        audience.check_merchant(body.get("merchantId").text())?;
        if self.is_strict && audience.app_id.is_some() {
            let why = "signed, but v2.1 names no app, and another account shares the key";
            return Err(Rejection::Unauthorized(why.to_owned()));
        }
        Ok(())
    }
}

/// Whether this has the shape of a PayerMax callback; proves nothing.
pub(super) fn is_notification(body: &Object<'_>) -> bool {
    Shape::of(body).is_some()
}

/// What a body says, unproven: for fuzzing, which cannot sign.
#[cfg(any(test, fuzzing))]
pub(crate) fn unproven_claim(body: &[u8]) -> Option<Claim> {
    let body = Object::parse(body).ok()?;
    match Shape::of(&body)? {
        Shape::New => Some(wire::claim_of_new(&body)),
        Shape::V21 => Some(wire::claim_of_v21(&body)),
        Shape::OtherNew | Shape::OtherV21 => None,
    }
}

impl Provider for Payermax {
    fn verify(&self, request: &Request<'_>) -> Result<ProvenCallback, Rejection> {
        let body =
            Object::parse(request.body).map_err(|error| Rejection::Malformed(error.to_string()))?;
        let shape = Shape::of(&body).ok_or_else(|| {
            Rejection::Malformed("neither a refund callback nor one of v2.1".to_owned())
        })?;
        let signature = (request.header)(SIGN_HEADER);
        let key_id = self
            .keys
            .verify(request.body, signature, request.now)
            .map_err(|error| Rejection::Unauthorized(error.to_string()))?;
        self.check_audience(shape, &body)?;
        let refund = |claim| {
            About::Refund(Box::new(VerifiedClaim::of_body(
                Some(claim),
                key_id,
                request.body,
            )))
        };
        let (about, acknowledgement) = match shape {
            Shape::New => (refund(wire::claim_of_new(&body)), ACK_NEW),
            Shape::V21 => (refund(wire::claim_of_v21(&body)), ACK_V21),
            Shape::OtherNew => (About::SomethingElse, ACK_NEW),
            Shape::OtherV21 => (About::SomethingElse, ACK_V21),
        };
        Ok(ProvenCallback {
            about,
            acknowledgement,
        })
    }

    fn be_strict(&mut self) {
        self.is_strict = true;
    }

    fn form(&self, body: &[u8]) -> Option<Form> {
        let body = Object::parse(body).ok()?;
        let (name, acknowledgement) = match Shape::of(&body)? {
            Shape::New => ("refund notification", ACK_NEW),
            Shape::V21 => ("refund notification of v2.1", ACK_V21),
            Shape::OtherNew => ("notification about something else", ACK_NEW),
            Shape::OtherV21 => ("notification of v2.1 about something else", ACK_V21),
        };
        Some(Form {
            name,
            proof: "RSASSA-PKCS1-v1_5 with SHA-256 over the whole body, in the header sign",
            acknowledgement: Some(acknowledgement),
        })
    }

    fn signed(&self, request: &Request<'_>) -> Option<Signed> {
        Some(Signed {
            message: request.body.to_vec(),
            signature: (request.header)(SIGN_HEADER)?.to_owned(),
        })
    }

    fn signer(&self, signed: &Signed) -> Option<Signer> {
        Signer::of(&self.keys, signed)
    }

    fn kept_headers(&self) -> &'static [&'static str] {
        &[SIGN_HEADER, "content-type", "user-agent"]
    }

    fn keys(&self) -> Vec<Signer> {
        Signer::all(&self.keys)
    }

    fn has_key(&self, key_id: &str) -> bool {
        self.keys.has(key_id)
    }
}

impl Audience {
    fn check_merchant(&self, said: Option<&str>) -> Result<(), Rejection> {
        if said == Some(self.merchant_no.as_str()) {
            return Ok(());
        }
        let reason = "signed, but for another merchant number";
        Err(Rejection::Unauthorized(reason.to_owned()))
    }

    fn check_app(&self, said: Option<&str>) -> Result<(), Rejection> {
        match self.app_id.as_deref() {
            Some(expected) if said != Some(expected) => {
                let reason = "signed, but for another app id";
                Err(Rejection::Unauthorized(reason.to_owned()))
            }
            Some(_) | None => Ok(()),
        }
    }
}
