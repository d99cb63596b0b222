//! Schemas of types of the domain, which does not know `OpenAPI`.

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{
    AnyOfBuilder, ArrayBuilder, KnownFormat, ObjectBuilder, Ref, Schema, SchemaFormat, SchemaType,
    Type,
};
use utoipa::{PartialSchema, ToSchema};

use crate::domain::claim::{Failure, Reason, Status};
use crate::domain::decision::Decision;
use crate::domain::ids::{AttemptId, CallbackId, DecisionId, EventId, RefundId};
use crate::domain::order::{ApplicationState, OrderState};
use crate::domain::refund::Attention;
use crate::domain::request::{Class, Mode, State};
use crate::domain::time::Timestamp;
use crate::domain::trail::Act;

/// A prefix and a UUID.
macro_rules! id {
    ($name:ident) => {
        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let prefix = $name::PREFIX;
                let uuid = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}";
                ObjectBuilder::new()
                    .schema_type(Type::String)
                    .pattern(Some(format!("^{prefix}{uuid}$")))
                    .examples([format!("{prefix}0199ebf0-04d4-79de-a645-9ca09745a1a7")])
                    .into()
            }
        }

        impl ToSchema for $name {}
    };
}

id!(RefundId);
id!(CallbackId);
id!(EventId);
id!(AttemptId);
id!(DecisionId);

/// One word of a closed set.
macro_rules! words {
    ($type:ident as $name:literal, $description:literal) => {
        impl PartialSchema for $type {
            fn schema() -> RefOr<Schema> {
                ObjectBuilder::new()
                    .schema_type(Type::String)
                    .description(Some($description))
                    .enum_values(Some($type::ALL.map($type::as_str)))
                    .into()
            }
        }

        impl ToSchema for $type {
            fn name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }
        }
    };
}

words!(Status as "RefundStatus", "The status of a refund.");
words!(Reason as "AttentionReason", "A question that only a person can answer.");
words!(Decision as "DecisionWord", "What a person decides about an open question.");
words!(State as "RequestState", "How far a request has come.");
words!(Mode as "RequestMode", "Who sends the refund to the provider: we, or another system.");
words!(Class as "ReplyClass", "What a reply means, whichever provider gave it.");
words!(OrderState as "OrderState", "State of a pre-order (`T_SP_YD`).");
words!(Act as "Act", "What a person or a system did on the internal listener.");
words!(ApplicationState as "ApplicationState", "State of a refund application (`T_SP_YD_SXF`).");

impl PartialSchema for Timestamp {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .description(Some("RFC 3339 in UTC with milliseconds."))
            .examples(["2026-01-17T09:33:55.004Z"])
            .into()
    }
}

impl ToSchema for Timestamp {}

impl PartialSchema for Failure {
    fn schema() -> RefOr<Schema> {
        let text = |description: &str| {
            ObjectBuilder::new()
                .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
                .description(Some(description))
        };
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .description(Some(
                "Why the provider says a refund failed; free text of the provider.",
            ))
            .property("code", text("The provider's code, verbatim."))
            .required("code")
            .property("message", text("The provider's text, verbatim."))
            .required("message")
            .into()
    }
}

impl ToSchema for Failure {}

impl PartialSchema for Attention {
    fn schema() -> RefOr<Schema> {
        let of = |name: std::borrow::Cow<'_, str>, description: &str| {
            let location = format!("#/components/schemas/{name}");
            let reference = Ref::builder()
                .ref_location(location)
                .description(Some(description));
            reference.build()
        };
        let members = ArrayBuilder::new()
            .items(ObjectBuilder::new().schema_type(Type::String))
            .description(Some(
                "Members of that callback that cannot be used; with `invalid_content` only.",
            ));
        let approval = ObjectBuilder::new()
            .schema_type(Type::Object)
            .description(Some(
                "The decision about it that waits for a second person; absent where none does.",
            ))
            .property("id", of(DecisionId::name(), "Of the decision."))
            .required("id")
            .property("decision", of(Decision::name(), "What was decided."))
            .required("decision")
            .property(
                "by",
                ObjectBuilder::new()
                    .schema_type(Type::String)
                    .description(Some("The reader who decided; another one has to agree.")),
            )
            .required("by");
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .description(Some("An open question for a person."))
            .property("reason", of(Reason::name(), "The kind of question."))
            .required("reason")
            .property("since", of(Timestamp::name(), "Open since."))
            .required("since")
            .property(
                "callback_id",
                AnyOfBuilder::new()
                    .item(of(CallbackId::name(), "The callback that raised it."))
                    .item(
                        ObjectBuilder::new()
                            .schema_type(Type::Null)
                            .description(Some(
                                "Our request raised it, by silence or by an unproven reply.",
                            )),
                    ),
            )
            .required("callback_id")
            .property("members", members)
            .property("approval", approval)
            .into()
    }
}

impl ToSchema for Attention {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((Reason::name().into_owned(), Reason::schema()));
        schemas.push((Timestamp::name().into_owned(), Timestamp::schema()));
        schemas.push((CallbackId::name().into_owned(), CallbackId::schema()));
        schemas.push((DecisionId::name().into_owned(), DecisionId::schema()));
        schemas.push((Decision::name().into_owned(), Decision::schema()));
    }
}

/// What `attention` may be: `true`, `false`, or a reason.
pub struct AttentionFilter;

impl PartialSchema for AttentionFilter {
    fn schema() -> RefOr<Schema> {
        let words = ["true", "false"].into_iter();
        ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(words.chain(Reason::ALL.map(Reason::as_str))))
            .into()
    }
}

impl ToSchema for AttentionFilter {}
