//! The text that a flat callback is signed over: `a=1&b=2&…&secret=`, members in the order of their
//! names, `sign` and everything empty left out, values as they stand in the JSON.
//!
//! The provider escapes nothing, so a digest could vouch for two different sets of members:
//! `{"a":"1&b=2"}` and `{"a":"1","b":"2"}` make one text. Bodies that would allow this are refused.
//! What is left has one reading: a piece between two `&` begins a member exactly if it holds a `=`.

use super::super::json::{Object, Value};

/// Stands between the last member and the secret.
const BEFORE_SECRET: &str = "secret=";
/// The member that holds the digest.
const SIGN: &str = "sign";

/// A body that the flat form does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an object or array inside a flat callback")]
pub(super) struct NestedValue;

/// A body whose digest would prove nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Ambiguous {
    /// No name that `PayCools` documents needs anything but letters and digits.
    #[error("a member's name is not made of letters, digits and _ - .")]
    Name,
    /// `&` and, behind it, `=`: part of the value could as well be a member of its own.
    #[error("a value could be read as several members")]
    Value,
    /// Line breaks, NUL and their like.
    #[error("a value holds a control character")]
    ControlCharacter,
}

/// Refuses objects and arrays: how they would be signed is not documented.
pub(super) fn check_shape(body: &Object<'_>) -> Result<(), NestedValue> {
    let nested = body
        .members()
        .any(|(name, value)| name != SIGN && matches!(value, Value::Nested(_)));
    if nested { Err(NestedValue) } else { Ok(()) }
}

/// The text up to the secret itself.
pub(super) fn signed_text(body: &Object<'_>) -> Result<String, Ambiguous> {
    let mut pairs = Vec::new();
    for (name, value) in body.members() {
        let value = match value {
            Value::Text(text) => text,
            Value::Number(digits) => digits.into(),
            Value::Bool(flag) => flag.to_string().into(),
            Value::Null | Value::Nested(_) => continue,
        };
        if name == SIGN || value.is_empty() {
            continue;
        }
        check_name(name)?;
        check_value(&value)?;
        pairs.push((name, value));
    }
    pairs.sort_unstable();
    let mut text = String::new();
    for (name, value) in &pairs {
        for part in [name, "=", value.as_ref(), "&"] {
            text.push_str(part);
        }
    }
    text.push_str(BEFORE_SECRET);
    Ok(text)
}

fn check_name(name: &str) -> Result<(), Ambiguous> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-.".contains(&b);
    if !name.is_empty() && name.bytes().all(plain) {
        Ok(())
    } else {
        Err(Ambiguous::Name)
    }
}

fn check_value(value: &str) -> Result<(), Ambiguous> {
    if value.chars().any(char::is_control) {
        return Err(Ambiguous::ControlCharacter);
    }
    if value.split('&').skip(1).any(|piece| piece.contains('=')) {
        return Err(Ambiguous::Value);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::btree_map;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn signed(body: &str) -> Result<String, Ambiguous> {
        signed_text(&Object::parse(body.as_bytes()).unwrap())
    }

    #[test]
    fn the_documented_text_is_made() {
        let body = include_str!("../../../tests/fixtures/paycools/flat.json");
        let expected = "eventName=payment.refund.success&feeRefunded=1000\
            &mchRefundOrderId=CCP20220428011068111&originalTransactionId=R2022042801106815674\
            &refundAmount=10000&refundCreateTime=2022-05-31 09:38:06&refundReason=refund reson\
            &refundReturnTime=2022-05-31 09:38:06&refundStatus=COMPLETE\
            &refundTransactionId=C4X20220428011068485&secret=";
        assert_eq!(signed(body).as_deref(), Ok(expected));
    }

    #[test]
    fn values_keep_their_literal_text_and_nothing_is_dropped_but_null_and_empty() {
        let body =
            r#"{"z":0,"b":100.00,"B":-10009,"sign":"x","a":null,"e":"","f":false,"s":"\u0041 b"}"#;
        assert_eq!(
            signed(body).as_deref(),
            Ok("B=-10009&b=100.00&f=false&s=A b&z=0&secret=")
        );
    }

    #[test]
    fn what_a_digest_cannot_tell_apart_is_refused() {
        assert_eq!(signed(r#"{"a":"1&b=2"}"#), Err(Ambiguous::Value));
        assert_eq!(signed(r#"{"a":"x & y & z="}"#), Err(Ambiguous::Value));
        assert_eq!(signed(r#"{"a":"1\nb"}"#), Err(Ambiguous::ControlCharacter));
        assert_eq!(
            signed(r#"{"a":"\u0000"}"#),
            Err(Ambiguous::ControlCharacter)
        );
        for name in ["a=1&b", "a&b", "a=", "", "а", "a b"] {
            assert_eq!(
                signed(&format!(r#"{{"{name}":"2"}}"#)),
                Err(Ambiguous::Name),
                "{name}"
            );
        }
        assert_eq!(
            signed(r#"{"a":"Tom & Jerry = two"}"#),
            Err(Ambiguous::Value)
        );
        assert_eq!(
            signed(r#"{"a":"x=y & z"}"#).as_deref(),
            Ok("a=x=y & z&secret=")
        );
    }

    #[test]
    fn nested_values_are_refused() {
        let shape = |body: &str| check_shape(&Object::parse(body.as_bytes()).unwrap());
        assert_eq!(shape(r#"{"a":{}}"#), Err(NestedValue));
        assert_eq!(shape(r#"{"a":[1]}"#), Err(NestedValue));
        assert_eq!(shape(r#"{"a":1,"sign":{}}"#), Ok(()));
    }

    type Members = BTreeMap<String, String>;

    fn members() -> impl Strategy<Value = Members> {
        btree_map("[ab]{1,2}", "[ab=& ]{0,6}", 0..4)
    }

    fn text_of(members: &Members) -> Option<String> {
        signed(&serde_json::to_string(members).unwrap()).ok()
    }

    proptest! {
        /// Letters chosen so that collisions would be found quickly.
        #[test]
        fn two_bodies_with_one_text_say_the_same(one in members(), other in members()) {
            let told = |members: &Members| {
                let mut told = members.clone();
                told.retain(|_, value| !value.is_empty());
                told
            };
            if let (Some(a), Some(b)) = (text_of(&one), text_of(&other)) {
                prop_assert_eq!(a == b, told(&one) == told(&other));
            }
        }

        /// The attack itself: a member is moved into the value before it.
        #[test]
        fn a_member_cannot_hide_in_a_value(a in "[a-z]{1,5}", b in "[a-z]{1,5}") {
            let hidden = Members::from([("m".to_owned(), format!("{a}&n={b}"))]);
            prop_assert_eq!(text_of(&hidden), None);
        }
    }
}
