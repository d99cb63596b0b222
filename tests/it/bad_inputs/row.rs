//! One row: what is sent, and what must become of it.

use serde_json::Value;

use crate::harness::epay::PATH;
use crate::harness::keys::provider_key;

/// A request and its right answer.
#[derive(Debug)]
pub struct Row {
    pub name: String,
    /// Sent before; each must be answered 200.
    pub before: Vec<Request>,
    pub request: Request,
    pub becomes: Becomes,
    /// Members of the refund afterwards.
    pub refund: Vec<(&'static str, Value)>,
}

/// What must become of a request.
#[derive(Clone, Copy, Debug)]
pub enum Becomes {
    /// Rejected while HTTP is read, by one of these statuses (0 is a closed connection); no row of
    /// any table knows of it.
    Dropped(&'static [u16]),
    /// Rejected with this status, recorded in the evidence only, which holds its bytes.
    Refused(u16),
    /// Authentic: stored byte for byte and acknowledged; no effect but this open question.
    Asked {
        ack: &'static str,
        status: &'static str,
        reason: &'static str,
    },
    /// Authentic: stored byte for byte, acknowledged, and of this effect, without a question.
    Taken {
        ack: &'static str,
        status: &'static str,
    },
    /// Stored as one more delivery or one more callback; nothing a reader sees moves.
    Silent { ack: &'static str },
    /// `EPay`: answered with this `errcode`; 1 keeps the raw bytes and nothing else.
    Errcode(i64),
    /// The internal listener rejects it with a problem of this status.
    Problem(u16),
}

/// The acknowledgement of a relay, which names the refund instead of a fixed text.
pub const RELAYED: &str = "";

/// A request of the table.
#[derive(Clone, Debug)]
pub enum Request {
    /// A decent one, sent by a client.
    Http {
        method: &'static str,
        internal: bool,
        path: String,
        headers: Vec<(&'static str, String)>,
        body: Vec<u8>,
    },
    /// These bytes and no others.
    Raw(Vec<u8>),
}

impl Request {
    /// POST of JSON to the public listener.
    pub fn post(path: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::Http {
            method: "POST",
            internal: false,
            path: path.to_owned(),
            headers: vec![("content-type", "application/json".to_owned())],
            body: body.into(),
        }
    }

    /// The same under the provider's good signature of exactly these bytes.
    pub fn signed(path: &str, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let sign = provider_key().sign(&body);
        Self::post(path, body).header("sign", sign)
    }

    /// A report to the `EPay` endpoint; the answer shall be JSON.
    pub fn epay(content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let token = format!("Bearer {}", crate::harness::config::EPAY_TOKEN);
        Self::post(PATH, body)
            .header("content-type", content_type)
            .header("authorization", token)
            .header("accept", "application/json")
    }

    /// A call of the internal listener with a token that may do everything.
    pub fn internal(method: &'static str, path: &str, body: impl Into<Vec<u8>>) -> Self {
        let token = format!("Bearer {}", crate::harness::config::READER_TOKEN);
        Self::Http {
            method,
            internal: true,
            path: path.to_owned(),
            headers: vec![("content-type", "application/json".to_owned())],
            body: body.into(),
        }
        .header("authorization", token)
    }

    /// Sets a header, or takes it away where the value is empty.
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        if let Self::Http { headers, .. } = &mut self {
            headers.retain(|(known, _)| *known != name);
            let value = value.into();
            if !value.is_empty() {
                headers.push((name, value));
            }
        }
        self
    }

    /// Sends it to another path.
    pub fn at(mut self, other: &str) -> Self {
        if let Self::Http { path, .. } = &mut self {
            other.clone_into(path);
        }
        self
    }

    /// Sends it with another method.
    pub fn method(mut self, other: &'static str) -> Self {
        if let Self::Http { method, .. } = &mut self {
            *method = other;
        }
        self
    }

    /// The body, as far as there is one apart from the framing.
    pub fn body(&self) -> &[u8] {
        match self {
            Self::Http { body, .. } => body,
            Self::Raw(_) => &[],
        }
    }
}

impl Row {
    pub fn new(name: impl Into<String>, request: Request, becomes: Becomes) -> Self {
        Self {
            name: name.into(),
            before: Vec::new(),
            request,
            becomes,
            refund: Vec::new(),
        }
    }

    /// Something that came before.
    pub fn after(mut self, request: Request) -> Self {
        self.before.push(request);
        self
    }

    /// A member that the refund must have afterwards.
    pub fn with(mut self, member: &'static str, value: impl Into<Value>) -> Self {
        self.refund.push((member, value.into()));
        self
    }
}
