//! The members of a JSON body, taken one by one: each that is wrong is named, all of them at once.

use serde_json::{Map, Value};

use crate::domain::request::intent::{FieldError, reference_token};
use crate::http::internal::problem::ApiError;
use crate::providers::wire::json::Object;

pub struct Members {
    /// Those that were not taken yet.
    body: Map<String, Value>,
    errors: Vec<FieldError>,
}

impl Members {
    pub fn of(bytes: &[u8]) -> Result<Self, ApiError> {
        // Rejects duplicate keys.
        Object::parse(bytes).map_err(|why| ApiError::InvalidBody(why.to_string()))?;
        let body =
            serde_json::from_slice(bytes).map_err(|why| ApiError::InvalidBody(why.to_string()))?;
        Ok(Self {
            body,
            errors: Vec::new(),
        })
    }

    /// What is wrong, with the members that no one took.
    pub fn errors(mut self) -> Vec<FieldError> {
        let unknown: Vec<_> = self.body.keys().map(|name| reference_token(name)).collect();
        for name in unknown {
            self.fail::<()>(&name, "is no member of this call");
        }
        self.errors
    }

    pub fn fail<T>(&mut self, name: &str, detail: impl Into<String>) -> Option<T> {
        self.errors
            .push(FieldError::new(format!("/{name}"), detail));
        None
    }

    pub fn has(&self, name: &str) -> bool {
        self.body.get(name).is_some_and(|member| !member.is_null())
    }

    /// The member, unless it is absent or null.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        self.body.remove(name).filter(|value| !value.is_null())
    }

    pub fn text(&mut self, name: &str) -> Option<String> {
        match self.take(name)? {
            Value::String(text) => Some(text),
            _ => self.fail(name, "must be a text"),
        }
    }

    pub fn required_text(&mut self, name: &str) -> Option<String> {
        if !self.has(name) {
            self.body.remove(name);
            return self.fail(name, "is required");
        }
        self.text(name)
    }
}
