//! One statement for many rows: `unnest` of an array for each parameter, made of the statement for one row.

use std::collections::HashSet;

use tokio_postgres::types::Type;
use tokio_postgres::{Row as PostgresRow, Statement};

use crate::store::StoreError;
use crate::store::engine::driver::{OwnedValue, Row as _, Rows, Value};

/// Rewrites a statement for one row, whose parameters have these types: an `INSERT … VALUES ($1, $2, …)`, which then
/// answers the `id` of each row that is new where it passes over the others, or an `UPDATE … WHERE …`.
pub(super) fn for_many(sql: &str, types: &[&str]) -> Result<String, StoreError> {
    let numbered = || types.iter().enumerate().map(|(at, of)| (at + 1, *of));
    let arrays: Vec<_> = numbered()
        .map(|(at, of)| format!("${at}::{of}[]"))
        .collect();
    let arrays = arrays.join(", ");
    let names: Vec<_> = numbered().map(|(at, _)| format!("${at}")).collect();
    let values = format!("VALUES ({})", names.join(", "));
    if let Some((head, tail)) = sql.split_once(&values) {
        let answer = if tail.contains("DO NOTHING") {
            " RETURNING id"
        } else {
            ""
        };
        return Ok(format!(
            "{head}SELECT * FROM unnest({arrays}){tail}{answer}"
        ));
    }
    let Some((head, condition)) = sql.split_once("WHERE ") else {
        return Err(StoreError::Statement(
            "it has no form for many rows".to_owned(),
        ));
    };
    let columns: Vec<_> = numbered().map(|(at, _)| format!("v{at}")).collect();
    let rows = format!("FROM unnest({arrays}) AS new({})", columns.join(", "));
    // The longer numbers first: `$1` is the beginning of `$10`.
    let of_row = |text: &str| {
        let each = numbered().map(|(at, _)| at).rev();
        each.fold(text.to_owned(), |text, at| {
            text.replace(&format!("${at}"), &format!("new.v{at}"))
        })
    };
    Ok(format!(
        "{}{rows} WHERE {}",
        of_row(head),
        of_row(condition)
    ))
}

/// The same of a prepared statement.
pub(super) fn of_prepared(sql: &str, one: &Statement) -> Result<String, StoreError> {
    let types: Vec<_> = one.params().iter().map(Type::name).collect();
    for_many(sql, &types)
}

/// An array for each parameter.
pub(super) fn columns(rows: Rows<'_>) -> Vec<Vec<Value<'_>>> {
    let column = |at| rows.each().map(|row| row[at]).collect();
    (0..rows.width).map(column).collect()
}

/// The same, owned.
pub(super) fn owned_columns(rows: Rows<'_>) -> Vec<Vec<OwnedValue>> {
    let owned = |column: Vec<Value<'_>>| column.into_iter().map(OwnedValue::from).collect();
    columns(rows).into_iter().map(owned).collect()
}

/// Which rows are among those whose `id` was answered.
pub(super) fn are_new(rows: Rows<'_>, answered: &[PostgresRow]) -> Result<Vec<bool>, StoreError> {
    let ids: HashSet<&[u8]> = answered
        .iter()
        .map(|row| row.blob(0))
        .collect::<Result<_, _>>()?;
    let is_new = |row: &[Value<'_>]| matches!(row, [Value::Blob(id), ..] if ids.contains(id));
    Ok(rows.each().map(is_new).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_insert_takes_an_array_for_each_parameter_and_answers_what_is_new() {
        let one = "-- insert_one\nINSERT INTO t (id, a) VALUES ($1, $2)\nON CONFLICT DO NOTHING";
        let many = "-- insert_one\nINSERT INTO t (id, a) SELECT * FROM unnest($1::bytea[], $2::text[])\n\
                    ON CONFLICT DO NOTHING RETURNING id";
        assert_eq!(for_many(one, &["bytea", "text"]).unwrap(), many);
        let expected = "INSERT INTO t (id) VALUES ($1)";
        let many = "INSERT INTO t (id) SELECT * FROM unnest($1::bytea[])";
        assert_eq!(for_many(expected, &["bytea"]).unwrap(), many);
    }

    #[test]
    fn an_update_joins_an_array_for_each_parameter() {
        let names: Vec<_> = (1..=10).map(|at| format!("c{at} = ${at}")).collect();
        let one = format!("UPDATE t SET {} WHERE id = $11", names.join(", "));
        let many = for_many(&one, &["int8"; 11]).unwrap();
        assert!(many.contains("c1 = new.v1, "), "{many}");
        assert!(
            many.contains("c10 = new.v10 FROM unnest($1::int8[], "),
            "{many}"
        );
        assert!(many.ends_with("v10, v11) WHERE id = new.v11"), "{many}");
    }

    #[test]
    fn what_is_neither_has_no_such_form() {
        assert!(for_many("SELECT 1", &[]).is_err());
    }

    #[test]
    fn rows_become_columns() {
        let values = [1, 2, 3, 4].map(Value::Integer);
        let columns = owned_columns(Rows {
            width: 2,
            values: &values,
        });
        let numbers = |of: [i64; 2]| of.map(OwnedValue::Integer).to_vec();
        assert_eq!(columns, [numbers([1, 3]), numbers([2, 4])]);
    }
}
