//! Rules that a compiler cannot check: dependencies between modules, which module may use which crate,
//! where SQL is, and the size of files. Each exception is listed here, with its reason.

mod tables;

use std::path::{Path, PathBuf};

use tables::{
    COMMENT_WIDTH_MAX, COMPOSITION, CRATES, LINES_MAX, MAY_KNOW, NOT_OURS, RARE_LINES, SHARED, SQL,
    WRITERS, WRITES,
};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file below `folder`: its path from the root, and its text.
fn files(folder: &str) -> Vec<(String, String)> {
    files_with(folder, "rs")
}

/// Every file below `folder` whose name has this extension.
fn files_with(folder: &str, extension: &str) -> Vec<(String, String)> {
    fn walk(folder: &Path, wanted: &str, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).expect("a readable folder") {
            let path = entry.expect("a readable entry").path();
            if path.is_dir() {
                walk(&path, wanted, found);
            } else if path
                .extension()
                .is_some_and(|extension| extension == wanted)
            {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&root().join(folder), extension, &mut found);
    found.sort();
    assert!(!found.is_empty(), "{folder} holds .{extension} files");
    found
        .into_iter()
        .map(|path| {
            let text = std::fs::read_to_string(&path).expect("a readable file");
            let shown = path.strip_prefix(root()).expect("below the root");
            (shown.to_string_lossy().into_owned(), text)
        })
        .collect()
}

/// Lines that are code, with their numbers.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .map(|(number, line)| (number + 1, line))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}

fn report(broken: &[String]) {
    assert!(
        broken.is_empty(),
        "rules are broken:\n{}",
        broken.join("\n")
    );
}

/// Checks every line of code below `src`; the rule returns what is wrong with a line.
fn hold(rule: impl Fn(&str, &str) -> Option<String>) {
    let mut broken = Vec::new();
    for (path, text) in files("src") {
        for (number, line) in code(&text) {
            broken.extend(rule(&path, line).map(|what| format!("{path}:{number}: {what}")));
        }
    }
    report(&broken);
}

fn is_below(path: &str, places: &[&str]) -> bool {
    places.iter().any(|place| path.starts_with(place))
}

#[test]
fn modules_know_only_the_modules_that_the_map_allows() {
    hold(|path, line| {
        let module = path.strip_prefix("src/")?.split(['/', '.']).next()?;
        if COMPOSITION.contains(&module) || module == "lib" {
            return None;
        }
        let Some((_, known)) = MAY_KNOW.iter().find(|(known, _)| *known == module) else {
            return Some(format!("the map has no module {module}"));
        };
        line.split("crate::").skip(1).find_map(|rest| {
            // Empty for `crate::{…}`, which this rule cannot read.
            let mut names = rest.split(|c: char| !c.is_alphanumeric() && c != '_');
            let other = names.next().unwrap_or_default();
            let is_known = other == module || other == SHARED || known.contains(&other);
            (!is_known).then(|| format!("{module} must not know {other:?}"))
        })
    });
}

#[test]
fn each_crate_stays_in_its_place() {
    hold(|path, line| {
        CRATES.iter().find_map(|(name, places)| {
            let used = [
                format!("use {name}::"),
                format!(" {name}::"),
                format!("({name}::"),
            ];
            let is_used = line.starts_with(&format!("{name}::"))
                || used.iter().any(|usage| line.contains(usage.as_str()));
            (is_used && !is_below(path, places))
                .then(|| format!("{name} is used outside {places:?}"))
        })
    });
}

#[test]
fn sql_is_in_one_place() {
    let verbs = [
        "SELECT ",
        "INSERT INTO ",
        "UPDATE ",
        "DELETE FROM ",
        " AND ",
        "\"-- ",
    ];
    hold(|path, line| {
        let is_sql = line.contains('"') && verbs.iter().any(|verb| line.contains(verb));
        (is_sql && !is_below(path, &SQL)).then(|| format!("SQL outside {SQL:?}"))
    });
}

#[test]
fn nothing_but_the_intake_writes_refunds_or_events() {
    hold(|path, line| {
        let writes = WRITES.iter().any(|write| line.contains(write));
        (writes && !is_below(path, &WRITERS)).then(|| "writes what only the intake may".to_owned())
    });
}

#[test]
fn every_file_says_why_it_is_there_and_is_not_too_long() {
    let mut broken = Vec::new();
    for folder in ["src", "tests", "examples"] {
        for (path, text) in files(folder) {
            if !text.starts_with("//!") {
                broken.push(format!("{path}: does not begin with a module comment"));
            }
            let lines = text.lines().count();
            if lines > LINES_MAX {
                broken.push(format!(
                    "{path}: has {lines} lines, {LINES_MAX} are allowed"
                ));
            }
        }
    }
    report(&broken);
}

/// Pages of the repository, with their text.
fn pages() -> Vec<(String, String)> {
    let read = |name: &str| {
        let text = std::fs::read_to_string(root().join(name)).expect("a readable page");
        (name.to_owned(), text)
    };
    let mut pages = files_with("docs", "md");
    pages.extend(["README.md", "CONTRIBUTING.md", "Cargo.toml", "schema.sql"].map(read));
    pages
}

fn words_not_ours(text: &str) -> impl Iterator<Item = &'static str> {
    let lower = text.to_lowercase();
    NOT_OURS.into_iter().filter(move |word| {
        lower.match_indices(word).any(|(at, _)| {
            let is_letter = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
            !is_letter(lower[..at].chars().next_back())
                && !is_letter(lower[at + word.len()..].chars().next())
        })
    })
}

#[test]
fn comments_and_pages_use_the_words_of_the_field() {
    let mut broken = Vec::new();
    let mut check = |path: &str, number: usize, line: &str| {
        for word in words_not_ours(line) {
            broken.push(format!("{path}:{number}: {word:?}"));
        }
    };
    for folder in ["src", "tests", "examples"] {
        for (path, text) in files(folder) {
            if path == "tests/it/tidy/tables.rs" {
                continue;
            }
            for (number, line) in (1..).zip(text.lines()) {
                let is_comment = line.trim_start().starts_with("//");
                if is_comment || (folder == "src" && line.contains('"')) {
                    check(&path, number, line);
                }
            }
        }
    }
    for (path, text) in pages() {
        for (number, line) in (1..).zip(text.lines()) {
            check(&path, number, line);
        }
    }
    report(&broken);
}

#[test]
fn comments_are_not_wider_than_a_screen() {
    let mut broken = Vec::new();
    for folder in ["src", "tests", "examples"] {
        for (path, text) in files(folder) {
            for (number, line) in (1..).zip(text.lines()) {
                let is_comment = line.trim_start().starts_with("//");
                if is_comment && line.chars().count() > COMMENT_WIDTH_MAX {
                    broken.push(format!("{path}:{number}: wider than {COMMENT_WIDTH_MAX}"));
                }
            }
        }
    }
    report(&broken);
}

#[test]
fn statements_name_their_parameters_in_order() {
    let mut broken = Vec::new();
    for (name, statement) in crate::plans::statements() {
        let mut seen = 0;
        for part in statement.split('$').skip(1) {
            let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
            let number: usize = digits.parse().expect("the number of a parameter");
            if number > seen + 1 {
                broken.push(format!("{name}: ${number} comes before ${}", seen + 1));
            }
            seen = seen.max(number);
        }
    }
    report(&broken);
}

#[test]
fn what_requests_jobs_and_retries_repeat_is_logged_within_a_limit() {
    let mut broken = Vec::new();
    for folder in ["src/http", "src/intake", "src/store/commit"] {
        for (path, text) in files(folder) {
            for macro_name in ["tracing::warn!(", "tracing::error!("] {
                for (at, _) in text.match_indices(macro_name) {
                    let line = text[at..].split(");").next().unwrap_or_default();
                    let is_rare = RARE_LINES.iter().any(|rare| line.contains(rare));
                    if !line.contains("kept_back") && !is_rare {
                        let number = text[..at].lines().count();
                        broken.push(format!("{path}:{number}: logged without a LogLimit"));
                    }
                }
            }
        }
    }
    report(&broken);
}
