//! What is sent to the public listener, as far as a schema can say it: the shapes that are told apart.
//! What stands inside an authentic body never refuses it, so nothing more is required here.

use serde_json::{Value, json};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{
    AdditionalProperties, ObjectBuilder, OneOfBuilder, Ref, Schema, SchemaType, Type,
};
use utoipa::{PartialSchema, ToSchema};

use crate::providers::payermax;

/// A notification of any provider that posts callbacks.
pub struct ProviderCallback;
/// `PayerMax`, new generation.
pub struct PayermaxNew;
/// `PayerMax`, v2.1.
pub struct PayermaxV21;
/// `PayCools`, open-api form.
pub struct PaycoolsOpenApi;
/// `PayCools`, flat form.
pub struct PaycoolsFlat;
/// The reply of a provider, passed on.
pub struct RelayedReply;
/// A refund reported by the `EPay` caller.
pub struct EpayReport;
/// What the `EPay` caller is answered.
pub struct EpayResult;
/// What the `EPay` caller is answered where there is no result.
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

/// The published sample of the new generation, as the adapter's own writer makes it.
pub fn payermax_example() -> Value {
    serde_json::from_str(&payermax::example()).unwrap_or_default()
}

impl PartialSchema for ProviderCallback {
    fn schema() -> RefOr<Schema> {
        let forms = OneOfBuilder::new()
            .item(Ref::from_schema_name(PayermaxNew::name()))
            .item(Ref::from_schema_name(PayermaxV21::name()))
            .item(Ref::from_schema_name(PaycoolsOpenApi::name()))
            .item(Ref::from_schema_name(PaycoolsFlat::name()));
        forms.into()
    }
}

impl PartialSchema for PayermaxNew {
    fn schema() -> RefOr<Schema> {
        let data = ObjectBuilder::new()
            .schema_type(Type::Object)
            .additional_properties(Some(AdditionalProperties::FreeForm(true)));
        let envelope = [
            "code",
            "msg",
            "keyVersion",
            "appId",
            "merchantNo",
            "notifyTime",
        ];
        envelope
            .iter()
            .fold(
                object("PayerMax, new", &["notifyType", "data"]),
                |object, name| object.property(*name, text()),
            )
            .property("notifyType", text().enum_values(Some(["REFUND"])))
            .property("data", data)
            .examples([payermax_example()])
            .into()
    }
}

impl PartialSchema for PayermaxV21 {
    fn schema() -> RefOr<Schema> {
        let status = ObjectBuilder::new().schema_type(SchemaType::AnyValue);
        object("PayerMax, v2.1", &["merchantId", "refundId", "status"])
            .property("merchantId", text())
            .property("refundId", text())
            .property("status", status)
            .into()
    }
}

impl PartialSchema for PaycoolsOpenApi {
    fn schema() -> RefOr<Schema> {
        object("PayCools, open-api", &["param", "sign"])
            .property("param", text())
            .property("sign", text())
            .into()
    }
}

impl PartialSchema for PaycoolsFlat {
    fn schema() -> RefOr<Schema> {
        object("PayCools, flat", &["eventName", "sign"])
            .property("eventName", text())
            .property("sign", text())
            .into()
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
impl ToSchema for PayermaxNew {}
impl ToSchema for PayermaxV21 {}
impl ToSchema for PaycoolsOpenApi {}
impl ToSchema for PaycoolsFlat {}
impl ToSchema for RelayedReply {}
impl ToSchema for EpayReport {}
impl ToSchema for EpayResult {}
impl ToSchema for EpayMessage {}
