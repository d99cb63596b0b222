//! The indexes of the schema that only make reading faster. One that is missing is built, so a new
//! version may bring some without a step of its own; an index that holds a rule (a unique one) never is.

/// An index and the statement that makes it, read out of a script of `schema.sql`'s kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store) struct Index {
    pub name: String,
    /// What follows `CREATE INDEX `.
    pub definition: String,
}

/// Those of the script that are not unique.
pub(in crate::store) fn indexes(script: &str) -> Vec<Index> {
    const CREATE: &str = "CREATE INDEX ";
    let code: String = script
        .lines()
        .map(|line| line.split_once("--").map_or(line, |(code, _)| code))
        .collect::<Vec<_>>()
        .join("\n");
    code.split(';')
        .filter_map(|statement| statement.trim().strip_prefix(CREATE))
        .map(|definition| Index {
            name: definition
                .split_whitespace()
                .next()
                .unwrap_or_default()
                .to_owned(),
            definition: definition.to_owned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::SCHEMA;
    use super::*;

    #[test]
    fn every_index_but_the_unique_ones_is_read() {
        let found = indexes(SCHEMA);
        assert_eq!(found.len(), SCHEMA.matches("\nCREATE INDEX ").count());
        let due = found.iter().find(|index| index.name == "close_outs_due");
        let definition = "close_outs_due ON close_outs (next_at) WHERE next_at IS NOT NULL";
        assert_eq!(due.map(|index| index.definition.as_str()), Some(definition));
    }
}
