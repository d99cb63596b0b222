//! Bodies of the public listener: the shapes by which the forms are distinguished. No content of an authentic
//! body leads to a rejection, so nothing more is required here.

use serde_json::{Value, json};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{
    AdditionalProperties, ObjectBuilder, OneOfBuilder, Ref, Schema, SchemaType, Type,
};
use utoipa::{PartialSchema, ToSchema};

use crate::providers::{Member, SYSTEMS, Shape};

/// A callback of any provider.
pub struct ProviderCallback;
/// The relayed reply of a provider.
pub struct RelayedReply;
/// A refund reported by the `EPay` caller.
pub struct EpayReport;
/// The response to the `EPay` caller.
pub struct EpayResult;
/// The response to the `EPay` caller where there is no result.
pub struct EpayMessage;

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn object(title: &str, required: &[&str]) -> ObjectBuilder {
    required.iter().fold(
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .title(Some(title)),
        |object, name| object.required(*name),
    )
}

/// Every form of every provider that posts callbacks.
fn shapes() -> impl Iterator<Item = &'static Shape> {
    SYSTEMS.iter().flat_map(|system| system.shapes)
}

/// The schemas of those forms, by name.
pub fn callbacks() -> impl Iterator<Item = (&'static str, RefOr<Schema>)> {
    shapes().map(|shape| (shape.name, callback(shape)))
}

fn callback(shape: &Shape) -> RefOr<Schema> {
    let members = shape.members.iter();
    let object = members.fold(object(shape.title, shape.required), |object, member| {
        let (name, kind) = *member;
        match kind {
            Member::Text => object.property(name, text()),
            Member::Word(word) => object.property(name, text().enum_values(Some([word]))),
            Member::Any => {
                object.property(name, ObjectBuilder::new().schema_type(SchemaType::AnyValue))
            }
            Member::Object => {
                let any = AdditionalProperties::FreeForm(true);
                let inner = ObjectBuilder::new().schema_type(Type::Object);
                object.property(name, inner.additional_properties(Some(any)))
            }
        }
    });
    let example = shape.example.and_then(|example| {
        let example: Value = serde_json::from_str(&example()).ok()?;
        Some(example)
    });
    object.examples(example).into()
}

impl PartialSchema for ProviderCallback {
    fn schema() -> RefOr<Schema> {
        let forms = shapes().fold(OneOfBuilder::new(), |forms, shape| {
            forms.item(Ref::from_schema_name(shape.name))
        });
        forms.into()
    }
}

impl PartialSchema for RelayedReply {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .description(Some(
                "The provider's reply, byte for byte as it was received",
            ))
            .into()
    }
}

impl PartialSchema for EpayReport {
    fn schema() -> RefOr<Schema> {
        let money = ObjectBuilder::new()
            .schema_type(Type::Number)
            .description(Some("Yuan, more than 0, two decimals at most"));
        object(
            "EPayEndRefundSuccessParm",
            &["batchno", "trandeno", "refundmoney"],
        )
        .property("batchno", text())
        .property("trandeno", text())
        .property("refundmoney", money)
        .examples([json!({"batchno": "20260131", "trandeno": "20260101", "refundmoney": 30.00})])
        .into()
    }
}

impl PartialSchema for EpayResult {
    fn schema() -> RefOr<Schema> {
        let errcode = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .description(Some(
                "0 done; the others are listed in docs/providers/epay.md",
            ))
            .enum_values(Some(
                crate::providers::epay::ErrCode::ALL.map(crate::providers::epay::ErrCode::number),
            ));
        object("CommonOperationResult", &["errcode", "errmsg", "tag"])
            .property("errcode", errcode)
            .property("errmsg", text())
            .property("tag", ObjectBuilder::new().schema_type(Type::Null))
            .examples([json!({"errcode": 0, "errmsg": "ok", "tag": null})])
            .into()
    }
}

impl PartialSchema for EpayMessage {
    fn schema() -> RefOr<Schema> {
        object("HttpError", &["Message"])
            .property("Message", text())
            .into()
    }
}

impl ToSchema for ProviderCallback {}
impl ToSchema for RelayedReply {}
impl ToSchema for EpayReport {}
impl ToSchema for EpayResult {}
impl ToSchema for EpayMessage {}
