//! Shared secrets in files, for the commands that sign or check one message.

use std::path::Path;

use anyhow::Context as _;

/// The text of the file without the line break at its end, as the config reads `file:PATH`.
pub fn read(path: &Path) -> anyhow::Result<String> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let secret = text.trim_end_matches(['\r', '\n']);
    anyhow::ensure!(!secret.is_empty(), "{} is empty", path.display());
    Ok(secret.to_owned())
}
