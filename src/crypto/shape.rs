//! Recognises what a DER value is from its outline.
//!
//! Only for error messages: a private key, a certificate or an EC key in place of an RSA public key is named
//! as such. Nothing here is trusted; the strict decoders of [`super::verify`] decide.

use rsa::pkcs8::ObjectIdentifier;
use rsa::pkcs8::der::asn1::AnyRef;
use rsa::pkcs8::der::{Decode as _, Reader as _, Tag, Tagged};

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// `SubjectPublicKeyInfo`: the algorithm, then a bit string.
    Spki(ObjectIdentifier),
    /// `RSAPublicKey`: two integers.
    Pkcs1,
    /// Any private key, plain (PKCS#1, PKCS#8, SEC 1, DSA) or encrypted (PKCS#8).
    Private,
    /// An X.509 certificate or a request for one.
    Certificate,
    /// Something else, or not DER.
    Other,
}

/// The direct members of a sequence; `None` when it is none, or not DER.
fn members(sequence: AnyRef<'_>) -> Option<Vec<AnyRef<'_>>> {
    sequence
        .sequence(|reader| {
            let mut found = Vec::new();
            while !reader.is_finished() {
                found.push(reader.decode()?);
            }
            Ok(found)
        })
        .ok()
}

/// The object identifier that opens an `AlgorithmIdentifier`.
fn algorithm(identifier: AnyRef<'_>) -> Option<ObjectIdentifier> {
    members(identifier)?.first()?.decode_as().ok()
}

pub(super) fn of(der: &[u8]) -> Shape {
    let Some(outer) = AnyRef::from_der(der).ok().and_then(members) else {
        return Shape::Other;
    };
    let tags: Vec<Tag> = outer.iter().map(Tagged::tag).collect();
    match tags.as_slice() {
        // Every private key structure starts with its version, 0 or 1. No modulus is that small.
        [Tag::Integer, _, ..] if matches!(outer[0].value(), [0 | 1]) => Shape::Private,
        [Tag::Integer, Tag::Integer] => Shape::Pkcs1,
        [Tag::Sequence, Tag::BitString] => match algorithm(outer[0]) {
            Some(oid) => Shape::Spki(oid),
            None => Shape::Other,
        },
        [Tag::Sequence, Tag::OctetString] if algorithm(outer[0]).is_some() => Shape::Private,
        [Tag::Sequence, Tag::Sequence, Tag::BitString] => Shape::Certificate,
        _ => Shape::Other,
    }
}

/// The everyday name of a public key algorithm, or its number.
pub(super) fn algorithm_name(oid: ObjectIdentifier) -> String {
    let number = oid.to_string();
    let name = match number.as_str() {
        "1.2.840.10045.2.1" => "EC",
        "1.2.840.10040.4.1" => "DSA",
        "1.2.840.113549.1.1.10" => "RSA-PSS only",
        "1.3.101.110" => "X25519",
        "1.3.101.112" => "Ed25519",
        "1.3.101.113" => "Ed448",
        _ => return number,
    };
    name.to_owned()
}
