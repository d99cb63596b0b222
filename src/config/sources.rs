//! Where values come from: the file, and over it the environment.
//! `REFUND_RECEIVER__SERVER__LISTEN` is `server.listen`; a number names an entry of a list. What neither
//! says is a default, which the checks know.

use std::path::Path;

use toml::{Table, Value};

use super::mask::Shown;
use super::{ENV_PREFIX, Problem};

/// Reads the file and lays the variables over it.
pub(super) fn read(path: &Path, variables: &[(String, String)]) -> Result<Table, Problem> {
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|error| Problem::new(shown.clone(), format!("cannot read the config: {error}")))?;
    let mut table: Table = text.parse().map_err(|error: toml::de::Error| {
        let line = error
            .span()
            .map_or(1, |span| text[..span.start].matches('\n').count() + 1);
        Problem::new(format!("{shown} line {line}"), error.message())
    })?;
    for (name, value) in variables {
        if let Some(path) = name.strip_prefix(ENV_PREFIX) {
            lay_over(&mut table, path, value).map_err(|what| Problem::new(name.clone(), what))?;
        }
    }
    Ok(table)
}

/// Sets one scalar. A section may be new, an entry of a list must exist.
fn lay_over(table: &mut Table, path: &str, value: &str) -> Result<(), String> {
    let names: Vec<String> = path.split("__").map(str::to_lowercase).collect();
    let Some((last, sections)) = names.split_last() else {
        return Err("names no key".to_owned());
    };
    if names.iter().any(String::is_empty) || sections.is_empty() {
        return Err(format!("names no key; write {ENV_PREFIX}SECTION__KEY"));
    }
    let mut place = Place::Table(table);
    for name in sections {
        place = place.into_part(name)?;
    }
    place.set(last, value)
}

/// Where in the config we are.
enum Place<'a> {
    Table(&'a mut Table),
    List(&'a mut Vec<Value>),
}

impl Place<'_> {
    fn into_part(self, name: &str) -> Result<Self, String> {
        let value = match self {
            Self::Table(table) => table
                .entry(name)
                .or_insert_with(|| Value::Table(Table::new())),
            Self::List(list) => entry(list, name)?,
        };
        match value {
            Value::Table(table) => Ok(Self::Table(table)),
            Value::Array(list) => Ok(Self::List(list)),
            _ => Err(format!("{name} is no section")),
        }
    }

    fn set(self, name: &str, text: &str) -> Result<(), String> {
        let value = match self {
            Self::Table(table) => table.entry(name).or_insert_with(|| Value::from("")),
            Self::List(list) => entry(list, name)?,
        };
        if matches!(value, Value::Table(_) | Value::Array(_)) {
            return Err(format!("{name} is no single value"));
        }
        *value = Value::from(text);
        Ok(())
    }
}

fn entry<'a>(list: &'a mut [Value], name: &str) -> Result<&'a mut Value, String> {
    let index: usize = name
        .parse()
        .map_err(|_| format!("{name:?} is no index of a list"))?;
    list.get_mut(index)
        .ok_or_else(|| format!("the list has no entry {index}"))
}

/// A value that takes effect, as an operator may see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effective {
    /// The key: `server.listen`, `accounts[0].utc_offset`.
    pub key: String,
    /// The value, masked if it is a secret.
    pub value: String,
    /// Whether neither the file nor the environment says it.
    pub is_default: bool,
}

/// Every value that is given, in the order of the file; secrets masked.
pub(super) fn given(table: &Table) -> Vec<Effective> {
    let mut values = Vec::new();
    for (name, value) in table {
        flatten(name, value, Shown::Plainly, &mut values);
    }
    let values = values.into_iter().map(|(key, value)| Effective {
        key,
        value,
        is_default: false,
    });
    values.collect()
}

/// Shows these keys in another way.
pub(super) fn shown_as(mut values: Vec<Effective>, shown: &[(String, String)]) -> Vec<Effective> {
    for value in &mut values {
        if let Some((_, text)) = shown.iter().find(|(key, _)| *key == value.key) {
            value.value.clone_from(text);
        }
    }
    values
}

/// Puts each default behind what is given of its section.
pub(super) fn with_defaults(
    mut values: Vec<Effective>,
    defaults: Vec<Effective>,
) -> Vec<Effective> {
    for default in defaults {
        let section = default.key.rfind('.').map_or(0, |dot| dot + 1);
        let section = &default.key[..section];
        let last = values
            .iter()
            .rposition(|value| value.key.starts_with(section));
        values.insert(last.map_or(values.len(), |last| last + 1), default);
    }
    values
}

fn flatten(key: &str, value: &Value, shown: Shown, lines: &mut Vec<(String, String)>) {
    match value {
        Value::Table(table) => {
            for (name, value) in table {
                let shown = shown.of_member(name, key);
                flatten(&format!("{key}.{name}"), value, shown, lines);
            }
        }
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                flatten(&format!("{key}[{index}]"), value, shown, lines);
            }
        }
        Value::String(text) => lines.push((key.to_owned(), shown.text(text))),
        other => lines.push((key.to_owned(), shown.text(&other.to_string()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn laid_over(name: &str, value: &str) -> Result<Table, String> {
        let mut table: Table =
            "[server]\nlisten = \"a\"\n[[accounts]]\nmerchant_no = \"1\"\nkeys = [\"x\"]"
                .parse()
                .unwrap();
        lay_over(&mut table, name, value).map(|()| table)
    }

    #[test]
    fn a_variable_overrides_any_scalar_and_keeps_leading_zeros() {
        let table = laid_over("SERVER__LISTEN", "b").unwrap();
        assert_eq!(table["server"]["listen"].as_str(), Some("b"));
        let table = laid_over("ACCOUNTS__0__MERCHANT_NO", "0202").unwrap();
        assert_eq!(table["accounts"][0]["merchant_no"].as_str(), Some("0202"));
        let table = laid_over("ACCOUNTS__0__KEYS__0", "y").unwrap();
        assert_eq!(table["accounts"][0]["keys"][0].as_str(), Some("y"));
        for bad in [
            "",
            "SERVER",
            "ACCOUNTS__1__X",
            "ACCOUNTS__X__Y",
            "SERVER__LISTEN__X",
            "A____B",
        ] {
            assert!(laid_over(bad, "v").is_err(), "{bad}");
        }
        assert!(laid_over("ACCOUNTS__0", "v").is_err());
    }

    #[test]
    fn secrets_are_masked() {
        let table: Table = "[epay]\ntokens = [\"plain\", \"env:T\"]\n[store]\nurl = \"postgres://u:pw@h/db\"\n[[accounts]]\nsecret = \"s3\""
            .parse()
            .unwrap();
        let shown = format!("{:?}", given(&table));
        for hidden in ["plain", "pw@", "s3"] {
            assert!(!shown.contains(hidden), "{shown}");
        }
        assert!(shown.contains("env:T"));
    }
}
