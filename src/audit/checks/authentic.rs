//! I2: every callback is authentic. The adapter verifies each again, over the stored bytes and at the stored
//! time, and must find the same key and the same claim.
//!
//! Skipped where the config no longer has the account or the key, and for replies to our own requests: what
//! proves them is the connection too. EPay's token is not stored, so there only the claim is compared.

use serde_json::{Map, Value};

use crate::domain::claim::{Claim, CloseOutKey};
use crate::providers::epay;
use crate::providers::epay::caller;
use crate::providers::{About, Registry, Rejection, Request, VerifiedClaim};
use crate::store::CallbackRow;

/// Violations; `None` where the config cannot tell.
pub fn of_callback(callback: &CallbackRow, registry: &Registry) -> Option<Vec<String>> {
    if callback.attempt_id.is_some() {
        return None;
    }
    let headers: Map<String, Value> = serde_json::from_str(&callback.headers).unwrap_or_default();
    let header = |name: &str| headers.get(name).and_then(Value::as_str);
    let found = if callback.account.provider == caller::PROVIDER {
        Ok((epay_claim(header("content-type"), &callback.body), None))
    } else {
        let verified = verify(callback, registry, &header)?;
        verified.map(|verified| {
            let (claim, key_id, _) = verified.into_parts();
            (claim, Some(key_id))
        })
    };
    let (claim, key_id) = match found {
        Ok(found) => found,
        Err(why) => return Some(vec![format!("does not verify again: {why}")]),
    };
    let mut problems = Vec::new();
    if let Some(key_id) = key_id.filter(|key_id| *key_id != callback.key_id) {
        let stored = &callback.key_id;
        problems.push(format!(
            "is signed with key {key_id:?}, stored is {stored:?}"
        ));
    }
    let stored = callback.claim.as_deref();
    let stored: Option<Claim> = stored.and_then(|claim| serde_json::from_str(claim).ok());
    let is_earlier = stored.as_ref().zip(claim.as_ref());
    let is_earlier = is_earlier.is_some_and(|(stored, now)| stored.is_earlier_reading_of(now));
    if stored != claim && !is_earlier {
        problems.push("its bytes give another claim than the stored one".to_owned());
    }
    Some(problems)
}

/// `None` where the account or the key is no longer configured, and where an earlier release stored a
/// callback that is not about a refund.
fn verify<'a>(
    callback: &'a CallbackRow,
    registry: &Registry,
    header: &'a dyn Fn(&str) -> Option<&'a str>,
) -> Option<Result<VerifiedClaim, Rejection>> {
    let request = Request {
        header,
        body: &callback.body,
        now: callback.received_at.to_timestamp()?,
    };
    let (provider, name) = (&callback.account.provider, &callback.account.name);
    if let Some(adapter) = registry.find(provider, name) {
        if !adapter.has_key(&callback.key_id) {
            return None;
        }
        return match adapter.verify(&request).map(|notice| notice.about) {
            Ok(About::Refund(verified)) => Some(Ok(*verified)),
            Ok(About::SomethingElse) => None,
            Err(why) => Some(Err(why)),
        };
    }
    let relay = registry.find_relay(provider, name)?;
    let refund_no = callback.refund_no.parse().ok()?;
    let has_secret = relay.has_secret(&callback.key_id);
    has_secret.then(|| relay.verify(&refund_no, &request))
}

/// The claim of an EPay report, if it makes one.
fn epay_claim(content_type: Option<&str>, body: &[u8]) -> Option<Claim> {
    let report = epay::decode(content_type, body).ok()?;
    let key = CloseOutKey::new(report.batchno, report.trandeno).ok()?;
    Some(Claim::epay_success(key, report.refundmoney))
}
