//! Secrets: written `env:NAME`, `file:PATH` or plainly, and never shown again.

use std::fmt;
use std::path::Path;

use secrecy::{ExposeSecret, SecretString};

/// A secret text; `Debug` and logs show `[redacted]`.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Reads it from where the config says; the error is a fragment that follows the key's name and
    /// holds no secret.
    pub fn resolve(
        text: &str,
        folder: &Path,
        variables: &[(String, String)],
    ) -> Result<Self, String> {
        let value = if let Some(name) = text.strip_prefix("env:") {
            variables
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, value)| value.clone())
                .ok_or_else(|| format!("environment variable {name} is not set"))?
        } else if let Some(path) = text.strip_prefix("file:") {
            let path = folder.join(path);
            let read = std::fs::read_to_string(&path);
            read.map_err(|error| format!("cannot read {}: {error}", path.display()))?
        } else {
            text.to_owned()
        };
        refuse_blank(&value)?;
        // An editor, or `echo` in a variable, ends it with a line break that is not part of the secret.
        let value = value.trim_end_matches(['\r', '\n']);
        if value != value.trim() {
            return Err("begins or ends with white space; remove it".to_owned());
        }
        Ok(Self(SecretString::from(value)))
    }

    /// The secret itself.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// White space alone guards nothing: a variable or a file was meant to be filled and was not. The error
/// is a fragment that follows the name of the place.
pub fn refuse_blank(secret: &str) -> Result<(), String> {
    match secret.trim() {
        "" if secret.is_empty() => Err("is empty".to_owned()),
        "" => Err("holds nothing but white space".to_owned()),
        _ => Ok(()),
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}
