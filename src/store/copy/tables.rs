//! What there is to copy, read out of `schema.sql` itself, so that a new table cannot be forgotten.

/// A table of the schema.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Table {
    pub name: String,
    /// Name and type of each column, in the order of the schema.
    pub columns: Vec<(String, Type)>,
    /// The columns of the primary key; empty for a table of a row or two.
    pub key: Vec<String>,
}

/// The types that the schema uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Integer,
    Text,
    Blob,
}

/// Every table of the script; a table comes after those that it refers to.
pub(super) fn tables(script: &str) -> Vec<Table> {
    let mut tables = Vec::new();
    let mut open: Option<Table> = None;
    for line in script.lines() {
        let code = line.split_once("--").map_or(line, |(code, _)| code).trim();
        if let Some(rest) = code.strip_prefix("CREATE TABLE ") {
            open = Some(Table {
                name: rest.trim_end_matches('(').trim().to_owned(),
                columns: Vec::new(),
                key: Vec::new(),
            });
        } else if code.starts_with(')') {
            tables.extend(open.take());
        } else if let Some(table) = &mut open {
            read_line(table, code);
        }
    }
    tables
}

/// A column, the primary key, or a condition that does not matter here.
fn read_line(table: &mut Table, code: &str) {
    let mut words = code.split_whitespace();
    let (Some(first), Some(second)) = (words.next(), words.next()) else {
        return;
    };
    let of_type = match second.trim_end_matches(',') {
        "INTEGER" => Type::Integer,
        "TEXT" => Type::Text,
        "BLOB" => Type::Blob,
        _ if first == "PRIMARY" => {
            let list = code.split(['(', ')']).nth(1).unwrap_or_default();
            table.key = list.split(',').map(|name| name.trim().to_owned()).collect();
            return;
        }
        _ => return,
    };
    table.columns.push((first.to_owned(), of_type));
    if code.contains("PRIMARY KEY") {
        table.key = vec![first.to_owned()];
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::schema::SCHEMA;
    use super::*;

    #[test]
    fn every_table_of_the_schema_is_read() {
        let tables = tables(SCHEMA);
        assert_eq!(tables.len(), SCHEMA.matches("\nCREATE TABLE ").count());
        let find = |name: &str| tables.iter().find(|table| table.name == name).unwrap();
        assert_eq!(find("callbacks").key, ["id"]);
        assert_eq!(find("T_SP_YD_SXF").key, ["order_no", "batchno"]);
        assert_eq!(
            find("feed").columns,
            [("last_sequence".to_owned(), Type::Integer)]
        );
        assert!(find("feed").key.is_empty());
        assert_eq!(find("events").columns[1], ("id".to_owned(), Type::Blob));
        assert!(tables.iter().all(|table| !table.columns.is_empty()));
    }
}
