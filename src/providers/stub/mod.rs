//! An imaginary provider, the smallest that posts callbacks itself: `docs/howto/provider.md` as
//! code. It is compiled for the tests only.
//!
//! The whole body is signed RSASSA-PKCS1-v1_5 with SHA-256; header `stub-sign`, standard Base64.

mod settings;
mod wire;

use super::wire::json::Object;
use super::{
    About, Form, ProvenCallback, Provider, Rejection, Request, Signed, Signer, System,
    VerifiedClaim,
};
use crate::crypto::KeyRing;

/// The stub in the list of systems.
pub const SYSTEM: System = System {
    name: "stub",
    account: Some(settings::account),
    client: None,
    part_digest: None,
    headers: &[SIGN_HEADER],
    shapes: &[],
    sandbox: None,
};
const SIGN_HEADER: &str = "stub-sign";
const ACK: &str = r#"{"stub":"ok"}"#;

/// One account of the imaginary provider.
pub struct Stub(pub KeyRing);

impl Provider for Stub {
    fn verify(&self, request: &Request<'_>) -> Result<ProvenCallback, Rejection> {
        let body =
            Object::parse(request.body).map_err(|error| Rejection::Malformed(error.to_string()))?;
        let sign = (request.header)(SIGN_HEADER);
        let verified = self.0.verify(request.body, sign, request.now);
        let key_id = verified.map_err(|error| Rejection::Unauthorized(error.to_string()))?;
        let verified = VerifiedClaim::of_body(Some(wire::claim(&body)), key_id, request.body);
        Ok(ProvenCallback {
            about: About::Refund(Box::new(verified)),
            acknowledgement: ACK,
        })
    }

    fn form(&self, _: &[u8]) -> Option<Form> {
        Some(Form {
            name: "stub",
            proof: "RSASSA-PKCS1-v1_5 with SHA-256 over the whole body, in the header stub-sign",
            acknowledgement: Some(ACK),
        })
    }

    fn signed(&self, request: &Request<'_>) -> Option<Signed> {
        Some(Signed {
            message: request.body.to_vec(),
            signature: (request.header)(SIGN_HEADER)?.to_owned(),
        })
    }

    fn signer(&self, signed: &Signed) -> Option<Signer> {
        Signer::of(&self.0, signed)
    }

    fn kept_headers(&self) -> &'static [&'static str] {
        &[SIGN_HEADER]
    }

    fn keys(&self) -> Vec<Signer> {
        Signer::all(&self.0)
    }

    fn has_key(&self, key_id: &str) -> bool {
        self.0.has(key_id)
    }
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::crypto::{RingKey, test_keys};
    use crate::domain::claim::{Outcome, RefundNo, Status};

    const BODY: &str = r#"{"refund":"R-1","state":"DONE","amount":"12.50","currency":"EUR"}"#;

    #[test]
    fn what_is_signed_is_read_and_what_is_changed_is_refused() {
        let key = &test_keys::PROVIDER;
        let entry = RingKey {
            id: "k".to_owned(),
            key: key.verifying_key().clone(),
            not_before: None,
            not_after: None,
        };
        let stub = Stub(KeyRing::new(vec![entry]).unwrap());
        let sign = key.sign_sha256_base64(BODY.as_bytes());
        let verify = |body: &str, sign: Option<&str>| {
            stub.verify(&Request {
                header: &|name| sign.filter(|_| name == SIGN_HEADER),
                body: body.as_bytes(),
                now: jiff::Timestamp::UNIX_EPOCH,
            })
        };
        let notice = verify(BODY, Some(&sign)).unwrap();
        let About::Refund(verified) = notice.about else {
            panic!("about a refund");
        };
        let (claim, key_id, _) = verified.into_parts();
        let claim = claim.unwrap();
        assert_eq!((key_id.as_str(), notice.acknowledgement), ("k", ACK));
        assert_eq!(claim.refund_no.as_ref().map(RefundNo::as_str), Some("R-1"));
        assert_eq!(claim.outcome, Outcome::Reported(Status::Succeeded));
        assert_eq!(claim.money.unwrap().amount_text(), "12.50");

        for refused in [
            verify(&BODY.replace("12", "99"), Some(&sign)),
            verify(BODY, None),
        ] {
            assert!(matches!(refused, Err(Rejection::Unauthorized(_))));
        }
        let malformed = verify("[]", Some(&key.sign_sha256_base64(b"[]")));
        assert!(matches!(malformed, Err(Rejection::Malformed(_))));
    }
}
