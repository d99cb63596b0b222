//! The text that a flat callback is signed over: `a=1&b=2&…&secret=`, members in the order of their
//! names, `sign` and everything empty left out, values as they are in the JSON.
//!
//! The provider escapes nothing, so a digest may vouch for several sets of members: `{"a":"1&b=2"}` and
//! `{"a":"1","b":"2"}` make one text. Bodies that allow this are told apart here. The text of any other
//! has one reading: a piece between two `&` begins a member exactly if it holds a `=`.

use crate::providers::wire::json::{Object, Value};
use crate::providers::wire::text::printable;

/// Between the last member and the secret.
const BEFORE_SECRET: &str = "secret=";
/// The member that holds the digest.
const SIGN: &str = "sign";

/// A body that the flat form does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an object or array inside a flat callback")]
pub(super) struct NestedValue;

/// The text up to the secret itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SignedText {
    /// The text.
    pub(super) text: String,
    /// The first member of which a part could as well be a member of its own.
    pub(super) ambiguous: Option<String>,
}

/// Rejects objects and arrays: how they would be signed is not documented.
pub(super) fn check_shape(body: &Object<'_>) -> Result<(), NestedValue> {
    let nested = body
        .members()
        .any(|(name, value)| name != SIGN && matches!(value, Value::Nested(_)));
    if nested { Err(NestedValue) } else { Ok(()) }
}

/// Makes the text that a body is signed over.
pub(super) fn signed_text(body: &Object<'_>) -> SignedText {
    let mut pairs = Vec::new();
    let mut ambiguous = None;
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
        if ambiguous.is_none() && is_ambiguous(name, &value) {
            ambiguous = Some(printable(name));
        }
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
    SignedText { text, ambiguous }
}

/// A name that holds a separator, or a value with an `&` and, behind it, a `=`. What else is in either (a
/// line break, say) cannot be taken for a separator.
fn is_ambiguous(name: &str, value: &str) -> bool {
    let holds_member = value.split('&').skip(1).any(|piece| piece.contains('='));
    name.is_empty() || name.contains(['&', '=']) || holds_member
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::btree_map;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// The text, or the member that makes it ambiguous.
    fn signed(body: &str) -> Result<String, String> {
        let signed = signed_text(&Object::parse(body.as_bytes()).unwrap());
        signed.ambiguous.map_or(Ok(signed.text), Err)
    }

    #[test]
    fn the_documented_text_is_made() {
        let body = include_str!("../../../tests/fixtures/paycools/flat.json");
        let expected = "eventName=payment.refund.success&feeRefunded=1000\
            &mchRefundOrderId=CCP20220428011068111&originalTransactionId=R2022042801106815674\
            &refundAmount=10000&refundCreateTime=2022-05-31 09:38:06&refundReason=refund reson\
            &refundReturnTime=2022-05-31 09:38:06&refundStatus=COMPLETE\
            &refundTransactionId=C4X20220428011068485&secret=";
        assert_eq!(signed(body), Ok(expected.to_owned()));
    }

    #[test]
    fn values_keep_their_literal_text_and_nothing_is_dropped_but_null_and_empty() {
        let body =
            r#"{"z":0,"b":100.00,"B":-10009,"sign":"x","a":null,"e":"","f":false,"s":"\u0041 b"}"#;
        let expected = "B=-10009&b=100.00&f=false&s=A b&z=0&secret=";
        assert_eq!(signed(body), Ok(expected.to_owned()));
    }

    #[test]
    fn what_a_digest_cannot_tell_apart_is_named() {
        for body in [
            r#"{"a":"1&b=2"}"#,
            r#"{"a":"x & y & z="}"#,
            r#"{"a":"https://b.example/?c=1&d=2"}"#,
            r#"{"a":"Tom & Jerry = two"}"#,
        ] {
            assert_eq!(signed(body), Err("a".to_owned()), "{body}");
        }
        for name in ["a=1&b", "a&b", "a=", ""] {
            let body = format!(r#"{{"{name}":"2"}}"#);
            assert_eq!(signed(&body), Err(name.to_owned()), "{name}");
        }
    }

    #[test]
    fn what_is_no_separator_makes_no_doubt() {
        for (value, text) in [
            (r"x=y & z", "x=y & z"),
            (r"1\r\nb", "1\r\nb"),
            (r"1\u0000", "1\0"),
            (r"a=1?b=2", "a=1?b=2"),
        ] {
            let expected = format!("a={text}&secret=");
            assert_eq!(signed(&format!(r#"{{"a":"{value}"}}"#)), Ok(expected));
        }
        assert_eq!(signed(r#"{"名 a":"1"}"#), Ok("名 a=1&secret=".to_owned()));
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
