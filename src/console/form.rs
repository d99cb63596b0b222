//! The fields of a form, and the file that one may carry. The guard reads them and checks the form's token before any
//! handler runs.

use std::convert::Infallible;
use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};
use futures_util::stream;
use multer::Multipart;

use super::trouble::Trouble;
use crate::http::server::headers;

const MEDIA_TYPE: &str = "application/x-www-form-urlencoded";
/// The field that proves that a page of this session sent the form.
pub const TOKEN: &str = "form_token";

#[derive(Clone, Debug, Default)]
pub struct Fields {
    texts: Vec<(String, String)>,
    file: Option<Bytes>,
}

impl Fields {
    pub fn parse(request: &HttpRequest, body: &[u8]) -> Result<Self, Trouble> {
        let media = media_type(request);
        let media = media.split(';').next().unwrap_or_default().trim();
        if !media.eq_ignore_ascii_case(MEDIA_TYPE) {
            return Err(Trouble::Invalid(format!("Content-Type: {MEDIA_TYPE}")));
        }
        let texts = form_urlencoded::parse(body);
        let texts = texts.map(|(name, value)| (name.into_owned(), value.into_owned()));
        Ok(Self {
            texts: texts.collect(),
            file: None,
        })
    }

    /// Those of a form with a file, RFC 7578.
    pub async fn parse_with_file(request: &HttpRequest, body: Vec<u8>) -> Result<Self, Trouble> {
        let unreadable = |error: multer::Error| Trouble::Invalid(error.to_string());
        let boundary = multer::parse_boundary(media_type(request)).map_err(unreadable)?;
        let body = Bytes::from(body);
        let whole = stream::once(ready(Ok::<_, Infallible>(body)));
        let mut parts = Multipart::new(whole, boundary);
        let mut fields = Self::default();
        while let Some(part) = parts.next_field().await.map_err(unreadable)? {
            if part.file_name().is_some() {
                fields.file = Some(part.bytes().await.map_err(unreadable)?);
            } else if let Some(name) = part.name().map(ToOwned::to_owned) {
                let value = part.text().await.map_err(unreadable)?;
                fields.texts.push((name, value));
            }
        }
        Ok(fields)
    }

    /// The file; `None` where the form has none, or an empty one.
    pub fn file(&self) -> Option<&Bytes> {
        self.file.as_ref().filter(|file| !file.is_empty())
    }

    /// Every field of this name, in their order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let fields = self.texts.iter().filter(move |(known, _)| known == name);
        fields.map(|(_, value)| value.as_str())
    }

    /// The first field of this name; empty if there is none.
    pub fn get(&self, name: &str) -> &str {
        let mut fields = self.texts.iter();
        fields
            .find(|(known, _)| known == name)
            .map_or("", |(_, value)| value)
    }
}

fn media_type(request: &HttpRequest) -> &str {
    headers::single_header(request, "content-type").unwrap_or_default()
}

impl FromRequest for Fields {
    type Error = Trouble;
    type Future = Ready<Result<Self, Trouble>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let fields = request.extensions().get::<Self>().cloned();
        ready(fields.ok_or(Trouble::StaleForm))
    }
}
