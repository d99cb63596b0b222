//! From a result or an error to the bytes of the reply, as Web API's own writers make them.
//!
//! Callers compare texts and parse with whatever they have, so the bytes are the contract: order of
//! members, which characters are escaped, the space in `" />"`, the byte order mark of UTF-16.
//! Web API takes line breaks in XML for the server's own newline; texts of this project have none.

use bson::RawDocumentBuf;
use bson::raw::{RawBsonRef, cstr};

use super::errcode::ErrCode;
use super::media::{Charset, Syntax};
use super::negotiate::ResponseFormat;
use super::request::Problems;
use crate::providers::epay::{XML_INSTANCE_NAMESPACE, XML_RESPONSE_NAMESPACE};

/// What the action answers, always with HTTP 200.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommonOperationResult {
    /// 0 is success; the others are [`ErrCode`]s.
    pub errcode: i32,
    /// One line that may be shown to people.
    pub errmsg: String,
    /// Free text in the original; not used by this endpoint's callers.
    pub tag: Option<String>,
}

impl CommonOperationResult {
    /// `errcode` 1, with everything that is wrong.
    pub fn invalid(problems: &Problems) -> Self {
        Self {
            errmsg: problems.to_string(),
            ..ErrCode::Invalid.into()
        }
    }

    /// Content-Type and body.
    pub fn encode(&self, format: ResponseFormat) -> (String, Vec<u8>) {
        let body = match format.media().syntax() {
            // There is no writer for forms, and negotiation never picks one.
            Syntax::Json | Syntax::Form => encode_text(&self.to_json(), format.charset()),
            Syntax::Xml => encode_text(&self.to_xml(), format.charset()),
            Syntax::Bson => self.to_bson(),
        };
        (format.content_type(), body)
    }

    fn to_json(&self) -> String {
        let tag = self.tag.as_deref().map_or("null".to_owned(), json_string);
        let errmsg = json_string(&self.errmsg);
        format!(
            r#"{{"errcode":{},"errmsg":{errmsg},"tag":{tag}}}"#,
            self.errcode
        )
    }

    fn to_xml(&self) -> String {
        let tag = match &self.tag {
            Some(tag) => format!("<tag>{}</tag>", xml_text(tag)),
            None => r#"<tag i:nil="true" />"#.to_owned(),
        };
        format!(
            "<CommonOperationResult xmlns:i=\"{XML_INSTANCE_NAMESPACE}\" \
             xmlns=\"{XML_RESPONSE_NAMESPACE}\"><errcode>{}</errcode>\
             <errmsg>{}</errmsg>{tag}</CommonOperationResult>",
            self.errcode,
            xml_text(&self.errmsg),
        )
    }

    fn to_bson(&self) -> Vec<u8> {
        let mut document = RawDocumentBuf::new();
        document.append(cstr!("errcode"), self.errcode);
        document.append(cstr!("errmsg"), self.errmsg.as_str());
        let tag = self.tag.as_deref();
        document.append(
            cstr!("tag"),
            tag.map_or(RawBsonRef::Null, RawBsonRef::String),
        );
        document.into_bytes()
    }
}

impl From<ErrCode> for CommonOperationResult {
    fn from(code: ErrCode) -> Self {
        Self {
            errcode: code.number(),
            errmsg: code.message().to_owned(),
            tag: None,
        }
    }
}

/// The body of an HTTP error: one sentence, which callers of the original know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorMessage(pub String);

impl ErrorMessage {
    /// 401. The caller is not told why.
    pub fn unauthorized() -> Self {
        Self("Authorization has been denied for this request.".to_owned())
    }

    /// 404; `request_uri` is absolute, as in `http://host/path`.
    pub fn not_found(request_uri: &str) -> Self {
        Self(format!(
            "No HTTP resource was found that matches the request URI '{request_uri}'."
        ))
    }

    /// 405, which goes with the header `Allow: POST`.
    pub fn method_not_allowed(method: &str) -> Self {
        Self(format!(
            "The requested resource does not support http method '{method}'."
        ))
    }

    /// Content-Type and body.
    pub fn encode(&self, format: ResponseFormat) -> (String, Vec<u8>) {
        let text = self.0.as_str();
        let body = match format.media().syntax() {
            // There is no writer for forms, and negotiation never picks one.
            Syntax::Json | Syntax::Form => {
                let json = format!(r#"{{"Message":{}}}"#, json_string(text));
                encode_text(&json, format.charset())
            }
            Syntax::Xml => {
                let xml = format!("<Error><Message>{}</Message></Error>", xml_text(text));
                encode_text(&xml, format.charset())
            }
            Syntax::Bson => {
                let mut document = RawDocumentBuf::new();
                document.append(cstr!("Message"), text);
                document.into_bytes()
            }
        };
        (format.content_type(), body)
    }
}

fn encode_text(text: &str, charset: Charset) -> Vec<u8> {
    match charset {
        Charset::Utf8 => text.as_bytes().to_vec(),
        Charset::Utf16 => std::iter::once(0xfeff)
            .chain(text.encode_utf16())
            .flat_map(u16::to_le_bytes)
            .collect(),
    }
}

/// A string in quotes as Newtonsoft.Json writes it: other scripts and `<>&'/` stay as they are.
fn json_string(text: &str) -> String {
    let mut json = String::with_capacity(text.len() + 2);
    json.push('"');
    for character in text.chars() {
        match character {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\u{8}' => json.push_str("\\b"),
            '\u{c}' => json.push_str("\\f"),
            '\n' => json.push_str("\\n"),
            '\r' => json.push_str("\\r"),
            '\t' => json.push_str("\\t"),
            '\0'..='\u{1f}' | '\u{85}' | '\u{2028}' | '\u{2029}' => {
                json.extend(format!("\\u{:04x}", u32::from(character)).chars());
            }
            _ => json.push(character),
        }
    }
    json.push('"');
    json
}

/// Text between tags as .NET's `XmlWriter` writes it without character checks: three escapes,
/// control characters as references, every kind of line break as one newline.
fn xml_text(text: &str) -> String {
    let mut xml = String::with_capacity(text.len());
    for character in text.replace("\r\n", "\n").replace('\r', "\n").chars() {
        match character {
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            '&' => xml.push_str("&amp;"),
            '\t' | '\n' => xml.push(character),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {
                xml.extend(format!("&#x{:X};", u32::from(character)).chars());
            }
            _ => xml.push(character),
        }
    }
    xml
}
