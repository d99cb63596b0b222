//! The pages of `docs/providers/` and `docs/reading.md` do what they say: their commands and programs are
//! run unchanged and answered as the pages print.
//!
//! Marks of a block: `sh setup` makes the folder, `sh serve` starts the server (here the harness
//! does), `python file NAME` and `js file NAME` are files that steps use, `sh run`, `python run` and `js run`
//! are steps. One or several that print the same are followed by what each prints: an `answer`, whose bytes
//! count, or an `outcome`, a JSON value whose members may come in any order. In both `…` matches any
//! text; a break of a line with the next one's indentation are ignored. Only the two documented
//! addresses are replaced, by the ports of the test.

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use crate::harness::Server;
use crate::harness::folder::Folder;
use crate::harness::server::path_with_ours;

/// The addresses on the pages.
const LISTEN: &str = "127.0.0.1:8080";
const INTERNAL_LISTEN: &str = "127.0.0.1:8081";

/// Every page of a provider, each with a test below.
const PAGES: [&str; 5] = ["epay", "nmanagement", "paycools", "payermax", "quickpay"];

/// A fenced block: the words behind its fence, and its lines.
struct Block {
    info: String,
    text: String,
}

fn pages() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs")
}

/// Every fenced block of a page that has a mark.
fn blocks(page: &str) -> Vec<Block> {
    let mut found: Vec<Block> = Vec::new();
    let mut is_inside = false;
    for line in page.lines() {
        if let Some(info) = line.strip_prefix("```") {
            is_inside = !is_inside;
            if is_inside {
                found.push(Block {
                    info: info.to_owned(),
                    text: String::new(),
                });
            }
        } else if is_inside && let Some(block) = found.last_mut() {
            block.text += line;
            block.text.push('\n');
        }
    }
    assert!(!is_inside, "the last block has an end");
    found.retain(|block| block.info.contains(' '));
    found
}

/// Runs a block as the shell of a reader would, and gives what it printed.
#[track_caller]
fn bash(folder: &Folder, script: &str) -> String {
    run(folder, &["bash", "-euo", "pipefail", "-c"], script)
}

/// Runs a program that takes its text as the last argument, with ours on the path.
#[track_caller]
fn run(folder: &Folder, program: &[&str], script: &str) -> String {
    let output = Command::new(program[0])
        .args(&program[1..])
        .arg(script)
        .current_dir(folder.path())
        .env("no_proxy", "*")
        .env("PATH", path_with_ours())
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}; see the list in tests/run", program[0]));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}\nfailed: {said}");
    String::from_utf8(output.stdout).expect("the pages print text")
}

/// Lines put together without what indents them.
fn joined(text: &str) -> String {
    text.lines().map(str::trim).collect()
}

/// Whether `said` is `expected`, in which `…` matches any text.
pub fn matches(expected: &str, said: &str) -> bool {
    let mut parts = expected.split('…');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = said.strip_prefix(first) else {
        return false;
    };
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        let found = if parts.peek().is_some() {
            rest.find(part)
        } else {
            rest.ends_with(part).then(|| rest.len() - part.len())
        };
        let Some(at) = found else {
            return false;
        };
        rest = &rest[at + part.len()..];
    }
    rest.is_empty()
}

/// Whether two JSON values are the same but for the order of members and what `…` matches.
fn means_the_same(expected: &Value, said: &Value) -> bool {
    match (expected, said) {
        (Value::String(expected), Value::String(said)) => matches(expected, said),
        (Value::Array(expected), Value::Array(said)) => {
            expected.len() == said.len()
                && expected.iter().zip(said).all(|(a, b)| means_the_same(a, b))
        }
        (Value::Object(expected), Value::Object(said)) => {
            expected.len() == said.len()
                && expected.iter().all(|(name, expected)| {
                    said.get(name)
                        .is_some_and(|said| means_the_same(expected, said))
                })
        }
        _ => expected == said,
    }
}

#[track_caller]
fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("no JSON ({error}): {text}"))
}

/// The text with the ports of the test in place of the documented ones.
fn at_ports(text: &str, server: &Server) -> String {
    text.replace(&format!("http://{LISTEN}"), &server.public_url)
        .replace(&format!("http://{INTERNAL_LISTEN}"), &server.internal_url)
}

/// Compares what a step printed with what the page prints.
#[track_caller]
fn expect(name: &str, kind: &str, script: &str, expected: &str, said: &str) {
    let is_as_printed = match kind {
        "answer" => matches(expected, said),
        _ => means_the_same(&value(expected), &value(said)),
    };
    assert!(
        is_as_printed,
        "{name}\n{script}\nexpected: {expected}\nsaid:     {said}"
    );
}

/// Runs a whole page.
#[track_caller]
fn follow(name: &str) {
    let page = std::fs::read_to_string(pages().join(format!("{name}.md"))).expect("a page");
    let mut blocks = blocks(&page).into_iter();
    let mut next = |info: &str| {
        let block = blocks.next()?;
        assert_eq!(block.info, info, "{name}: the mark of the next block");
        Some(block.text)
    };
    let folder = Folder::new();
    let setup = next("sh setup").expect("a page begins with its setup");
    let setup = setup
        .replace(&format!("\"{LISTEN}\""), "\"127.0.0.1:0\"")
        .replace(&format!("\"{INTERNAL_LISTEN}\""), "\"127.0.0.1:0\"");
    assert_eq!(bash(&folder, &setup), "", "{name}: the setup is silent");
    let serve = next("sh serve").expect("then the server is started");
    assert_eq!(serve, "refund-receiver serve --config refunds.toml\n");
    let config = folder.path().join("refunds.toml");
    std::fs::copy(config, folder.path().join("refund-receiver.toml")).expect("a config was made");
    let server = Server::start_in(folder);
    // Programs that the setup wrote know the documented ports as well.
    for entry in std::fs::read_dir(server.folder().path()).expect("a readable folder") {
        let path = entry.expect("a readable entry").path();
        if let Ok(text) = std::fs::read_to_string(&path)
            && text.starts_with("#!")
        {
            std::fs::write(&path, at_ports(&text, &server)).expect("a writable file");
        }
    }

    let mut steps = 0;
    let mut said: Vec<(String, String)> = Vec::new();
    for block in blocks {
        let text = at_ports(&block.text, &server);
        let program: &[&str] = match block.info.split(' ').collect::<Vec<_>>()[..] {
            ["sh", "run"] => &["bash", "-euo", "pipefail", "-c"],
            ["python", "run"] => &["python3", "-c"],
            ["js", "run"] => &["node", "--input-type=module", "-e"],
            ["python" | "js", "file", file] => {
                let path = server.folder().path().join(file);
                std::fs::write(path, text).expect("a writable folder");
                continue;
            }
            [_, kind @ ("answer" | "outcome")] => {
                assert!(!said.is_empty(), "{name}: nothing was run for {text}");
                for (script, said) in said.drain(..) {
                    expect(name, kind, &script, &joined(&block.text), &said);
                }
                continue;
            }
            _ => panic!("{name}: {} is no mark of a step", block.info),
        };
        let printed = joined(&run(server.folder(), program, &text));
        said.push((text, printed));
        steps += 1;
    }
    assert!(said.is_empty(), "{name}: the last step prints something");
    assert!(steps >= 2, "{name} sends something and reads the outcome");
}

#[test]
fn the_epay_page_works_in_json_xml_form_and_bson() {
    follow("providers/epay");
}

#[test]
fn the_nmanagement_page_works() {
    follow("providers/nmanagement");
}

#[test]
fn the_paycools_page_works_in_both_forms() {
    follow("providers/paycools");
}

#[test]
fn the_payermax_page_works_in_both_generations() {
    follow("providers/payermax");
}

#[test]
fn the_quickpay_page_works() {
    follow("providers/quickpay");
}

#[test]
fn the_page_for_readers_works_in_curl_python_and_node() {
    follow("reading");
}

#[test]
fn the_page_for_readers_names_every_kind_of_event() {
    let read = |name: &str| std::fs::read_to_string(pages().join(name)).expect("a page");
    let page = read("reading.md");
    let description = value(&read("openapi.json"));
    let kinds = &description["components"]["schemas"]["Event"]["properties"]["type"]["enum"];
    let kinds = kinds.as_array().expect("the kinds are listed");
    assert!(kinds.len() > 8, "{kinds:?}");
    for kind in kinds {
        let kind = kind.as_str().expect("a text");
        assert!(page.contains(&format!("`{kind}`")), "{kind} is in no table");
        assert!(
            page.contains(&format!("\"{kind}\"")),
            "{kind} is not listened to"
        );
    }
}

#[test]
fn every_page_is_followed() {
    let mut found: Vec<String> = std::fs::read_dir(pages().join("providers"))
        .expect("a readable folder")
        .map(|entry| entry.expect("a readable entry").path())
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    found.sort();
    assert_eq!(found, PAGES, "a new page needs a test of its own here");
}

#[test]
fn a_placeholder_matches_any_text_and_everything_else_itself() {
    for (expected, said, is_same) in [
        ("a", "a", true),
        ("a", "ab", false),
        ("a…", "ab", true),
        ("a…c", "abbc", true),
        ("a…c…e", "abcde", true),
        ("a…c", "abcd", false),
        ("…", "", true),
        ("b…", "ab", false),
    ] {
        assert_eq!(matches(expected, said), is_same, "{expected} {said}");
    }
}

#[test]
fn an_outcome_is_the_same_in_any_order_but_not_with_other_members() {
    let said = json!({"id": "rf_1", "list": [1, null]});
    for (expected, is_same) in [
        (json!({"list": [1, null], "id": "rf_…"}), true),
        (json!({"list": [1, null]}), false),
        (json!({"list": [1], "id": "rf_1"}), false),
        (json!({"list": [1, null], "id": "rf_2"}), false),
    ] {
        assert_eq!(means_the_same(&expected, &said), is_same, "{expected}");
    }
}
