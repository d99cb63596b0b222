//! JSON as strictly as money needs it: one object, no key twice at any depth, bounded nesting,
//! nothing behind it, and numbers as the digits that were sent.
//!
//! serde's own types take the last of two equal keys, turn arrays into structs and large numbers
//! into floating point; each of those would let signed bytes mean two things.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// Levels of objects and arrays; documented callbacks have two.
const DEPTH_MAX: usize = 16;

/// Why bytes are not taken as a JSON object; a lower-case fragment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an acceptable JSON object: {0}")]
pub struct JsonError(String);

/// A JSON object whose members are still text.
#[derive(Debug, Default)]
pub struct Object<'a> {
    members: Vec<(Cow<'a, str>, &'a RawValue)>,
}

/// The value of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as the digits that were sent.
    Number(&'a str),
    /// A string, unescaped.
    Text(Cow<'a, str>),
    /// An object or array.
    Nested(&'a str),
}

impl<'a> Object<'a> {
    /// Reads one object and checks everything inside it.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, JsonError> {
        let describe = |error: serde_json::Error| JsonError(describe(&error));
        let mut deserializer = serde_json::Deserializer::from_slice(bytes);
        Strict { depth: 0 }
            .deserialize(&mut deserializer)
            .map_err(describe)?;
        deserializer.end().map_err(describe)?;
        serde_json::from_slice(bytes).map_err(describe)
    }

    /// A member, or [`Value::Null`] where it is absent.
    pub fn get(&self, name: &str) -> Value<'a> {
        self.members
            .iter()
            .find(|(key, _)| key == name)
            .map_or(Value::Null, |(_, raw)| Value::of(raw))
    }

    /// Whether the member is there, be it `null`.
    pub fn contains(&self, name: &str) -> bool {
        self.members.iter().any(|(key, _)| key == name)
    }

    /// Whether the member is there and not `null`.
    pub fn has(&self, name: &str) -> bool {
        self.get(name) != Value::Null
    }

    /// All members, in the order sent.
    pub fn members(&self) -> impl Iterator<Item = (&str, Value<'a>)> {
        self.members
            .iter()
            .map(|(key, raw)| (key.as_ref(), Value::of(raw)))
    }
}

impl<'a> Value<'a> {
    fn of(raw: &'a RawValue) -> Self {
        let text = raw.get();
        match text.as_bytes().first() {
            Some(b'n') | None => Self::Null,
            Some(b't') => Self::Bool(true),
            Some(b'f') => Self::Bool(false),
            Some(b'"') => match serde_json::from_str::<Unescaped<'a>>(text) {
                Ok(Unescaped(unescaped)) => Self::Text(unescaped),
                Err(_) => Self::Null, // Unreachable: the strict pass has read this string.
            },
            Some(b'{' | b'[') => Self::Nested(text),
            Some(_) => Self::Number(text),
        }
    }

    /// The text of a string.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The text of a string, or the digits of a number.
    pub fn text_or_digits(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Number(digits) => Some(digits),
            _ => None,
        }
    }
}

#[derive(Deserialize)]
struct Unescaped<'a>(#[serde(borrow)] Cow<'a, str>);

/// The place without the content: error texts of serde quote what was sent.
fn describe(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        serde_json::error::Category::Io | serde_json::error::Category::Syntax => "syntax error",
        serde_json::error::Category::Eof => "it ends too early",
        serde_json::error::Category::Data => "a key twice, nested too deep, or not an object",
    };
    format!("{what} at line {} column {}", error.line(), error.column())
}

/// Walks a value, refusing equal keys and deep nesting.
struct Strict {
    depth: usize,
}

impl Strict {
    fn deeper<E: Error>(&self) -> Result<Self, E> {
        if self.depth == DEPTH_MAX {
            return Err(E::custom("nested too deep"));
        }
        Ok(Self {
            depth: self.depth + 1,
        })
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let inner = self.deeper::<A::Error>()?.depth;
        while items.next_element_seed(Strict { depth: inner })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let inner = self.deeper::<A::Error>()?.depth;
        let mut seen = BTreeSet::new();
        while let Some(Key(key)) = members.next_key::<Key<'de>>()? {
            if !seen.insert(key) {
                return Err(A::Error::custom("a key twice"));
            }
            members.next_value_seed(Strict { depth: inner })?;
        }
        Ok(())
    }
}

/// A member that is filled from a JSON object and from nothing else; serde would fill a struct from
/// a list, too.
#[derive(Debug)]
pub struct FromObject<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for FromObject<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
            type Value = T;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }
            fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(members))
            }
        }
        deserializer.deserialize_map(Members(PhantomData)).map(Self)
    }
}

#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Object<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
                let mut members = Vec::with_capacity(16);
                while let Some(Key(key)) = map.next_key::<Key<'de>>()? {
                    members.push((key, map.next_value::<&'de RawValue>()?));
                }
                Ok(Object { members })
            }
            fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<Object<'de>, A::Error> {
                Err(A::Error::custom("not an object"))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(text: &str) -> bool {
        Object::parse(text.as_bytes()).is_ok()
    }

    #[test]
    fn only_one_plain_object_is_accepted() {
        for good in ["{}", r#"{"a":1}"#, " {\"a\":[{\"b\":null}]} \n"] {
            assert!(accepted(good), "{good}");
        }
        for bad in [
            "",
            " ",
            "null",
            "\"x\"",
            "0",
            "[]",
            "[1]",
            "{} {}",
            "{}x",
            "{\"a\":1,}",
            "{'a':1}",
            "{\"a\":01}",
            "{\"a\":NaN}",
            "\u{feff}{}",
            "{\"a\":1",
            "{\"a\":\"\\ud800\"}",
        ] {
            assert!(!accepted(bad), "{bad:?}");
        }
        for bad in [b"\xc0\xaf".as_slice(), b"{\"a\":\"\xed\xa0\x80\"}", b"{}\0"] {
            assert!(Object::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_key_twice_is_refused_at_every_depth_and_in_every_spelling() {
        for bad in [
            r#"{"a":1,"a":1}"#,
            r#"{"sign":1,"\u0073ign":1}"#,
            r#"{"x":[{"y":{"a":1,"b":2,"a":3}}]}"#,
        ] {
            assert!(!accepted(bad), "{bad}");
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let nested =
            |levels: usize| format!("{}{}", "{\"a\":".repeat(levels), "1") + &"}".repeat(levels);
        assert!(accepted(&nested(DEPTH_MAX)));
        assert!(!accepted(&nested(DEPTH_MAX + 1)));
        assert!(!accepted(&format!("{{\"a\":{}", "[".repeat(100_000))));
    }

    #[test]
    fn numbers_keep_their_digits_and_strings_are_unescaped() {
        let text = r#"{"n":100.00,"big":123456789012345678901234567890.5,"s":"\u0041\n","z":null,"o":{"k":1}}"#;
        let object = Object::parse(text.as_bytes()).unwrap();
        assert_eq!(object.get("n"), Value::Number("100.00"));
        assert_eq!(
            object.get("big"),
            Value::Number("123456789012345678901234567890.5")
        );
        assert_eq!(object.get("s").text(), Some("A\n"));
        assert_eq!(object.get("z"), Value::Null);
        assert_eq!(object.get("absent"), Value::Null);
        assert_eq!(object.get("o"), Value::Nested(r#"{"k":1}"#));
    }
}
