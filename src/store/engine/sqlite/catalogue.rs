//! The structure of a file, line by line as an engine knows it: never the text of its statements, which
//! another way to the same tables (an added column, an edited comment) leaves different.

use super::Sqlite;
use crate::store::StoreError;
use crate::store::engine::driver::Driver as _;

/// Tables, columns, references and indexes, one line each.
const DESCRIBE: &str = "-- describe_schema
SELECT 'table ' || name || CASE strict WHEN 1 THEN ' strict' ELSE '' END
  || CASE wr WHEN 1 THEN ' without rowid' ELSE '' END
FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite_%'
UNION ALL
SELECT 'column ' || m.name || '.' || c.name || ' ' || upper(c.type) || CASE c.\"notnull\" WHEN 1 THEN ' not null' ELSE '' END
  || coalesce(' default ' || c.dflt_value, '') || CASE c.pk WHEN 0 THEN '' ELSE ' key ' || c.pk END
  || CASE c.hidden WHEN 0 THEN '' ELSE ' hidden ' || c.hidden END
FROM sqlite_schema AS m JOIN pragma_table_xinfo(m.name) AS c
WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'
UNION ALL
SELECT 'reference ' || m.name || '.' || f.\"from\" || ' to ' || f.\"table\" || '.' || f.\"to\" || ' ' || f.on_update || ' ' || f.on_delete
FROM sqlite_schema AS m JOIN pragma_foreign_key_list(m.name) AS f
WHERE m.type = 'table'
UNION ALL
SELECT CASE i.\"unique\" WHEN 1 THEN 'unique ' ELSE 'index ' END
  || CASE i.origin WHEN 'c' THEN i.name ELSE m.name || ' ' || i.origin END || ' on ' || m.name || ' ('
  || (SELECT group_concat(coalesce(x.name, 'expression') || ' ' || x.coll || CASE x.\"desc\" WHEN 1 THEN ' desc' ELSE '' END, ', ')
      FROM (SELECT * FROM pragma_index_xinfo(i.name) WHERE key = 1 ORDER BY seqno) AS x) || ')'
FROM sqlite_schema AS m JOIN pragma_index_list(m.name) AS i
WHERE m.type = 'table'
ORDER BY 1";
/// What only the text holds: conditions of tables and of partial indexes.
const TEXTS: &str = "-- schema_texts
SELECT type, name, sql FROM sqlite_schema WHERE type IN ('table', 'index') AND sql IS NOT NULL AND name NOT LIKE 'sqlite_%'
ORDER BY name";

impl Sqlite {
    /// One line for each part of the structure; an index's begins with `index NAME ` unless it is unique.
    pub(in crate::store) fn structure(&mut self) -> Result<Vec<String>, StoreError> {
        let mut lines = self.texts(DESCRIBE)?;
        self.query(TEXTS, &[], &mut |row| {
            let (kind, name, sql) = (row.text(0)?, row.text(1)?, plain(row.text(2)?));
            if kind == "table" {
                let checks = checks(&sql).into_iter();
                lines.extend(checks.map(|check| format!("check {name} {check}")));
            } else if let Some((_, condition)) = sql.split_once(" where ") {
                let condition = format!(" where {condition}");
                let of_this = |line: &&mut String| {
                    let rest = line.strip_prefix("index ").or(line.strip_prefix("unique "));
                    rest.is_some_and(|rest| rest.split(' ').next() == Some(name))
                };
                if let Some(line) = lines.iter_mut().find(of_this) {
                    line.push_str(&condition);
                }
            }
            Ok(())
        })?;
        Ok(lines)
    }

    /// The first column of every row.
    pub(in crate::store) fn texts(&mut self, sql: &str) -> Result<Vec<String>, StoreError> {
        let mut texts = Vec::new();
        self.query(sql, &[], &mut |row| {
            texts.push(row.text(0)?.to_owned());
            Ok(())
        })?;
        Ok(texts)
    }
}

/// A statement without comments, quotes around names and surplus space, in small letters but for its texts.
fn plain(sql: &str) -> String {
    let mut plain = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some(next) = rest.chars().next() {
        let length = match next {
            '-' if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            '\'' => {
                let end = rest[1..].find('\'').map_or(rest.len(), |end| end + 2);
                plain.push_str(&rest[..end]);
                rest = &rest[end..];
                continue;
            }
            '"' | '[' | ']' | '`' => 1,
            _ => 0,
        };
        if length > 0 {
            rest = &rest[length..];
            if next == '-' || next == '/' {
                plain.push(' ');
            }
            continue;
        }
        if next.is_whitespace() {
            if !plain.ends_with(' ') {
                plain.push(' ');
            }
        } else {
            plain.extend(next.to_lowercase());
        }
        rest = &rest[next.len_utf8()..];
    }
    let mut words = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    for (spaced, tight) in [("( ", "("), (" )", ")"), (" ,", ","), ("check(", "check (")] {
        words = words.replace(spaced, tight);
    }
    words
}

/// The conditions of a table, each with its parentheses.
fn checks(plain: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = plain;
    while let Some(at) = rest.find("check (") {
        rest = &rest[at + "check ".len()..];
        let mut depth = 0_usize;
        let mut quoted = false;
        let end = rest.char_indices().find_map(|(at, c)| {
            match c {
                '\'' => quoted = !quoted,
                '(' if !quoted => depth += 1,
                ')' if !quoted => depth -= 1,
                _ => {}
            }
            (depth == 0).then_some(at + 1)
        });
        let (check, behind) = rest.split_at(end.unwrap_or(rest.len()));
        found.push(check);
        rest = behind;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn structure(script: &str) -> Vec<String> {
        let mut sqlite = Sqlite::in_memory().unwrap();
        sqlite.run_script(script).unwrap();
        let mut lines = sqlite.structure().unwrap();
        lines.sort();
        lines
    }

    #[test]
    fn another_way_to_the_same_tables_is_the_same_structure() {
        let at_once = structure(
            "CREATE TABLE t (\n  a TEXT NOT NULL CHECK (a IN ('x', ' y )')), -- what\n  b INTEGER NOT NULL DEFAULT 0\n) STRICT;
             CREATE INDEX i ON t (b) WHERE a <> 'X';",
        );
        let in_steps = structure(
            "CREATE TABLE \"t\" (a text  NOT NULL /* edited */ check ( a IN ('x',  ' y )') ) ) STRICT;
             ALTER TABLE t ADD COLUMN b INTEGER NOT NULL DEFAULT 0;
             CREATE INDEX IF NOT EXISTS i ON t ( b ) where a  <> 'X';",
        );
        assert_eq!(at_once, in_steps);
    }

    #[test]
    fn what_a_rule_stands_on_shows_in_the_structure() {
        let whole = "CREATE TABLE t (a TEXT NOT NULL CHECK (a IN ('x', 'y')), b INTEGER NOT NULL, PRIMARY KEY (a)) STRICT; \
             CREATE UNIQUE INDEX u ON t (b) WHERE b > 0;";
        let expected = structure(whole);
        for (part, changed) in [
            (" STRICT", ""),
            ("INTEGER NOT NULL", "INTEGER"),
            ("'x', 'y'", "'x', 'Y'"),
            ("PRIMARY KEY (a)", "PRIMARY KEY (b)"),
            ("UNIQUE INDEX", "INDEX"),
            ("b > 0", "b > 1"),
            ("b INTEGER", "b TEXT"),
        ] {
            assert_ne!(
                expected,
                structure(&whole.replacen(part, changed, 1)),
                "{changed}"
            );
        }
    }
}
