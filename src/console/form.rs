//! The fields of a form. The guard reads them and checks the form's token before any handler runs.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};

use super::trouble::Trouble;
use crate::http::server::headers;

const MEDIA_TYPE: &str = "application/x-www-form-urlencoded";
/// The field that proves that a page of this session sent the form.
pub const TOKEN: &str = "form_token";

#[derive(Clone, Debug)]
pub struct Fields(Vec<(String, String)>);

impl Fields {
    pub fn parse(request: &HttpRequest, body: &[u8]) -> Result<Self, Trouble> {
        let media = headers::single_header(request, "content-type").unwrap_or_default();
        let media = media.split(';').next().unwrap_or_default().trim();
        if !media.eq_ignore_ascii_case(MEDIA_TYPE) {
            return Err(Trouble::Invalid(format!("Content-Type: {MEDIA_TYPE}")));
        }
        Ok(Self(
            form_urlencoded::parse(body)
                .map(|(name, value)| (name.into_owned(), value.into_owned()))
                .collect(),
        ))
    }

    /// Every field of this name, in their order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let fields = self.0.iter().filter(move |(known, _)| known == name);
        fields.map(|(_, value)| value.as_str())
    }

    /// The first field of this name; empty if there is none.
    pub fn get(&self, name: &str) -> &str {
        let mut fields = self.0.iter();
        fields
            .find(|(known, _)| known == name)
            .map_or("", |(_, value)| value)
    }
}

impl FromRequest for Fields {
    type Error = Trouble;
    type Future = Ready<Result<Self, Trouble>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let fields = request.extensions().get::<Self>().cloned();
        ready(fields.ok_or(Trouble::StaleForm))
    }
}
