//! `docs/security.md` names a test for each attack, and every test that it names is there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Names of all functions below `folder` that are marked as tests.
fn tests_below(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            tests_below(&path, found);
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let mut lines = text.lines().map(str::trim);
        while let Some(line) = lines.next() {
            if line != "#[test]" {
                continue;
            }
            let name = lines.next().and_then(|line| line.strip_prefix("fn "));
            let name = name.and_then(|rest| rest.split('(').next());
            found.extend(name.map(str::to_owned));
        }
    }
}

/// Texts between backticks.
fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

#[test]
fn every_attack_names_tests_that_exist() {
    let mut tests = BTreeSet::new();
    tests_below(&root().join("tests/it"), &mut tests);
    tests_below(&root().join("src"), &mut tests);
    let page = std::fs::read_to_string(root().join("docs/security.md")).expect("the page");
    let (_, table) = page
        .split_once("<!-- table: attacks -->")
        .expect("the mark");
    let rows: Vec<Vec<&str>> = table
        .lines()
        .skip(3)
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.trim_matches('|').split(" | ").collect())
        .collect();
    assert!(rows.len() >= 25, "the table has {} rows", rows.len());
    for row in &rows {
        let [attack, rule, shown_by] = row[..] else {
            panic!("three cells: {row:?}");
        };
        assert!(!rule.trim().is_empty(), "{attack}");
        let named = quoted(shown_by);
        assert!(!named.is_empty(), "nothing shows:{attack}");
        for name in named {
            assert!(tests.contains(name), "{attack}: there is no test {name}");
        }
    }
}
