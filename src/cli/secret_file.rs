//! Secrets from files and variables, for the commands that sign, check or ask.

use std::path::Path;

use anyhow::Context as _;

use crate::config::clean;

/// The secret of the file, as the config reads `file:PATH`.
pub fn read(path: &Path) -> anyhow::Result<String> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let secret = clean(&text).map_err(|what| anyhow::anyhow!("{} {what}", path.display()))?;
    Ok(secret.to_owned())
}

/// The text from where `source` says, `env:NAME` or `file:PATH`; `None` where it says neither.
pub fn read_source(source: &str) -> Option<anyhow::Result<String>> {
    if let Some(name) = source.strip_prefix("env:") {
        return Some(read_variable(name));
    }
    let path = source.strip_prefix("file:")?;
    Some(read(Path::new(path)))
}

/// The secret of the environment variable, as the config reads `env:NAME`.
pub fn read_variable(name: &str) -> anyhow::Result<String> {
    let text = std::env::var(name).with_context(|| format!("the variable {name}"))?;
    let secret = clean(&text).map_err(|what| anyhow::anyhow!("the variable {name} {what}"))?;
    Ok(secret.to_owned())
}
