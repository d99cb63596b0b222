//! The schema in PostgreSQL's words: the same text with other types, and texts ordered by their bytes as
//! SQLite orders them.

use std::borrow::Cow;

/// SQLite's word and ours, each with the space in front that tells a type from a part of a name.
const TYPES: [(&str, &str); 3] = [
    (" INTEGER", " BIGINT"),
    (" TEXT", " TEXT COLLATE \"C\""),
    (" BLOB", " BYTEA"),
];
/// What SQLite alone knows, the longer first.
const OPTIONS: [&str; 2] = [" STRICT, WITHOUT ROWID", " STRICT"];

/// Rewrites a script of `schema.sql`'s kind. Comments go, since they may speak of types.
pub(super) fn rewrite(script: &str) -> String {
    let mut rewritten = String::with_capacity(script.len());
    for line in script.lines() {
        let code = line.split_once("--").map_or(line, |(code, _)| code);
        let mut code = Cow::Borrowed(code);
        for (ours, theirs) in TYPES {
            code = Cow::Owned(code.replace(ours, theirs));
        }
        for option in OPTIONS {
            code = Cow::Owned(code.replace(option, ""));
        }
        rewritten.push_str(code.trim_end());
        rewritten.push('\n');
    }
    rewritten
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_and_options_are_rewritten_and_comments_dropped() {
        let script = "-- a TEXT\nCREATE TABLE t (\n  a BLOB NOT NULL, -- INTEGER\n  b TEXT,\n  c INTEGER\n) STRICT, WITHOUT ROWID;";
        let expected =
            "\nCREATE TABLE t (\n  a BYTEA NOT NULL,\n  b TEXT COLLATE \"C\",\n  c BIGINT\n);\n";
        assert_eq!(rewrite(script), expected);
    }
}
