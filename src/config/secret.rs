//! Secrets: written `env:NAME`, `file:PATH` or plainly, and never shown again.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use secrecy::{ExposeSecret, SecretString};

use crate::domain::ids::text::is_deceptive;

/// Bits of a file that give it to every user of the machine.
const OF_OTHERS: u32 = 0o007;

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
            find(name, variables)?
        } else if let Some(path) = text.strip_prefix("file:") {
            let path = folder.join(path);
            let read = std::fs::read_to_string(&path);
            read.map_err(|error| format!("cannot read {}: {error}", path.display()))?
        } else {
            text.to_owned()
        };
        Ok(Self(SecretString::from(clean(&value)?)))
    }

    /// Reads a private key or a certificate likewise: PEM has several lines. A file that others may read is
    /// rejected, as what it holds is no secret any more.
    pub fn resolve_pem(
        text: &str,
        folder: &Path,
        variables: &[(String, String)],
    ) -> Result<Self, String> {
        let Some(path) = text.strip_prefix("file:") else {
            let lines = match text.strip_prefix("env:") {
                Some(name) => find(name, variables)?,
                None => text.to_owned(),
            };
            return Ok(Self(SecretString::from(lines)));
        };
        let path = folder.join(path);
        let read = read_private(&path);
        let lines = read.map_err(|what| format!("cannot read {}: {what}", path.display()))?;
        Ok(Self(SecretString::from(lines)))
    }

    /// Whether the config only names where it is.
    pub fn is_elsewhere(text: &str) -> bool {
        text.starts_with("env:") || text.starts_with("file:")
    }

    /// The text, still hidden from `Debug`.
    pub fn into_inner(self) -> SecretString {
        self.0
    }

    /// The secret itself.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

fn find(name: &str, variables: &[(String, String)]) -> Result<String, String> {
    let found = variables.iter().find(|(known, _)| known == name);
    let value = found.map(|(_, value)| value.clone());
    value.ok_or_else(|| format!("environment variable {name} is not set"))
}

/// Reads a file that no other user can read.
fn read_private(path: &Path) -> Result<String, String> {
    let mut file = File::open(path).map_err(|error| error.to_string())?;
    let metadata = file.metadata().map_err(|error| error.to_string())?;
    if metadata.permissions().mode() & OF_OTHERS != 0 {
        return Err("every user of this machine may use it; run chmod o= on it".to_owned());
    }
    let mut text = String::new();
    let read = file.read_to_string(&mut text);
    read.map_err(|error| error.to_string())?;
    Ok(text)
}

/// The secret without what a file or a shell has put around it: a byte order mark before it, line breaks
/// behind it. What else cannot be a part of it is rejected, because a secret that cannot be sent guards in
/// vain. The error is a fragment that follows the name of the place.
pub fn clean(text: &str) -> Result<&str, String> {
    let secret = text.strip_prefix('\u{feff}').unwrap_or(text);
    let secret = secret.trim_end_matches(['\r', '\n']);
    let ends = [secret.chars().next(), secret.chars().next_back()];
    match secret.trim() {
        "" if text.is_empty() => Err("is empty".to_owned()),
        "" => Err("holds nothing but white space".to_owned()),
        trimmed if trimmed != secret => {
            Err("begins or ends with white space; remove it".to_owned())
        }
        _ if secret.contains(char::is_control) => {
            Err("holds a line break or another control character; a secret is one line".to_owned())
        }
        _ => match ends.into_iter().flatten().find(|c| is_deceptive(*c)) {
            None => Ok(secret),
            Some(c) => Err(format!(
                "begins or ends with an invisible character (U+{:04X}); remove it",
                u32::from(c)
            )),
        },
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_cleaned_of_what_a_file_adds_and_refused_with_anything_else_around_it() {
        for text in ["SECRET", "SECRET\n", "SECRET\r\n\n", "\u{feff}SECRET\r\n"] {
            assert_eq!(clean(text), Ok("SECRET"), "{text:?}");
        }
        for (text, why) in [
            ("", "is empty"),
            ("\n", "nothing but white space"),
            ("\u{feff}", "nothing but white space"),
            (" SECRET", "begins or ends with white space"),
            ("SECRET ", "begins or ends with white space"),
            ("\nSECRET", "begins or ends with white space"),
            ("SECRET\u{a0}", "begins or ends with white space"),
            ("\u{200b}SECRET", "(U+200B)"),
            ("SECRET\u{2060}", "(U+2060)"),
            ("SECRET\nSECRET", "a secret is one line"),
            ("SEC\0RET", "a secret is one line"),
        ] {
            let error = clean(text).unwrap_err();
            assert!(
                error.contains(why) && !error.contains("SEC"),
                "{text:?}: {error}"
            );
        }
    }
}
