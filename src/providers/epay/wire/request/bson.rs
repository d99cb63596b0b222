//! Reading a report sent as BSON.
//!
//! The elements are walked one by one instead of collecting them into a map, so that a name given
//! twice is seen. Unknown elements are passed over without looking inside.

use bson::raw::{RawBsonRef, RawDocument};

use crate::domain::money::decimal::{Decimal, Spelling};

use super::BodyFault;
use crate::providers::epay::wire::members::{Given, Member, Members};

/// Collects the members; bytes after the document are rejected like any other wrong length.
pub(in crate::providers::epay) fn read(body: &[u8]) -> Result<Members, BodyFault> {
    let document = RawDocument::from_bytes(body).map_err(|_| BodyFault::Bson)?;
    let mut members = Members::default();
    for element in document.iter_elements() {
        let element = element.map_err(|_| BodyFault::Bson)?;
        if let Some(member) = Member::named_in_any_case(element.key().as_str()) {
            let value = element.value().map_err(|_| BodyFault::Bson)?;
            members.add(member, given(member, value));
        }
    }
    Ok(members)
}

fn given(member: Member, value: RawBsonRef<'_>) -> Given {
    match value {
        RawBsonRef::String(text) => Given::Text(text.to_owned()),
        RawBsonRef::Int32(number) => Given::Number(number.to_string()),
        RawBsonRef::Int64(number) => Given::Number(number.to_string()),
        RawBsonRef::Double(number) => double(member, number),
        RawBsonRef::Boolean(value) => Given::Bool(value),
        RawBsonRef::Null => Given::Null,
        _ => Given::Unusable,
    }
}

/// Digits a double keeps for certain.
const DOUBLE_DIGITS: usize = 15;

/// The only place where money is a floating point number: BSON's own writers of `decimal` produce doubles, so
/// there is nothing else to read. It leaves at once as its first 15 significant digits, rounded, which is
/// what the original's conversion keeps and what turns 0.30000000000000004 back into 0.3. An identifier that
/// needs more digits than that has lost some already and could mean another number.
fn double(member: Member, number: f64) -> Given {
    let Some(decimal) = Decimal::parse(&format!("{number:.14e}"), Spelling::JsonNumber) else {
        return Given::Unusable;
    };
    let digits = decimal.to_string();
    let is_exact = decimal.integer_digits() <= DOUBLE_DIGITS && digits == number.to_string();
    match member {
        Member::Refundmoney => Given::Number(digits),
        Member::Batchno | Member::Trandeno if is_exact => Given::Number(digits),
        Member::Batchno | Member::Trandeno => Given::Unusable,
    }
}
