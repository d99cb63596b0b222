//! What the README and `docs/requests.md` let a newcomer type is typed here, with the sandbox in place of the
//! providers. Only the three ports are replaced, and what builds the program is left out.

use std::process::Command;

use crate::docs::matches;
use crate::harness::folder::Folder;
use crate::harness::postgres::free_port;
use crate::harness::server::path_with_ours;

const BUILD: &str = "cargo build --release && PATH=$PWD/target/release:$PATH\n";
const SANDBOX: &str = "refund-receiver sandbox --dir sandbox";
const CONFIG: &str = "--print-config > refunds.toml";
/// The longest that a page may take.
const SECONDS_MAX: &str = "120";

fn page(name: &str) -> String {
    let path = format!("{}/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).expect("a page of the repository")
}

/// What is in the blocks of commands between two texts of a page, or from the first one to its end.
fn commands(page: &str, from: &str, to: &str) -> String {
    let (_, rest) = page.split_once(from).expect("the first line is there");
    let (part, _) = rest.split_once(to).unwrap_or((rest, ""));
    let blocks = part.split("```sh\n").skip(1);
    blocks
        .map(|block| block.split_once("```").expect("a block has an end").0)
        .collect()
}

/// The lines that a shell prints which is given the commands.
fn typed(commands: &str) -> Vec<String> {
    let folder = Folder::new();
    let [public, internal, sandbox] = std::array::from_fn(|_| format!("127.0.0.1:{}", free_port()));
    let config = format!(
        "--print-config | sed 's/127.0.0.1:8080/{public}/; s/127.0.0.1:8081/{internal}/' > refunds.toml"
    );
    assert!(commands.contains(SANDBOX) && commands.contains(CONFIG));
    let commands = commands
        .replace(BUILD, "")
        .replace(CONFIG, &config)
        .replace(SANDBOX, &format!("{SANDBOX} --listen {sandbox}"))
        .replace("http://127.0.0.1:8081", &format!("http://{internal}"))
        .replace("http://127.0.0.1:8090", &format!("http://{sandbox}"));
    let script = format!("set -u; trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT\n{commands}");
    let output = Command::new("timeout")
        .args(["--kill-after=5", SECONDS_MAX, "bash", "-c", &script])
        .current_dir(folder.path())
        .env("no_proxy", "*")
        .env("PATH", path_with_ours())
        .output()
        .expect("timeout is there");
    let (said, wrong) = (
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    );
    assert!(
        output.status.success(),
        "{script}\nended {}: {said}\n{wrong}",
        output.status
    );
    said.lines().map(str::to_owned).collect()
}

/// What a page says that a command prints: behind its comment sign, from the bracket on.
fn promised(commands: &str) -> Vec<&str> {
    let comments = commands.lines().filter_map(|line| line.split_once(" # "));
    let values = comments.filter_map(|(_, comment)| {
        let end = comment.rfind(']')?;
        comment.starts_with('[').then(|| &comment[..=end])
    });
    values.collect()
}

#[test]
fn the_readme_leads_to_every_system_through_lost_replies_and_a_kill() {
    let english = commands(&page("README.md"), "By hand", "Refunds that we send");
    let said = typed(&english);
    let all = said.join("\n");
    assert!(all.contains("\"status\":\"succeeded\""), "{all}");
    assert!(all.contains("refund.succeeded"), "{all}");
    for number in 1..=6 {
        let last = format!("\"refund_no\":\"A{number}\"");
        assert!(
            said.iter().any(|line| line.ends_with(&last)),
            "{last}: {all}"
        );
    }
    let moved = said.last().map(|line| line.trim());
    assert_eq!(moved, Some("7 \"moved\":1"), "{all}");
}

#[test]
fn both_readmes_give_the_same_commands() {
    let without_comments = |commands: String| -> Vec<String> {
        let lines = commands.lines();
        lines
            .map(|line| {
                line.split("  # ")
                    .next()
                    .unwrap_or_default()
                    .trim_end()
                    .to_owned()
            })
            .collect()
    };
    let english = commands(&page("README.md"), "# refund-receiver", "no such text");
    let chinese = commands(
        &page("README.zh-CN.md"),
        "# refund-receiver",
        "no such text",
    );
    assert_eq!(without_comments(english), without_comments(chinese));
}

#[test]
fn the_page_of_requests_prints_what_it_promises() {
    let page = page("docs/requests.md");
    let commands = commands(&page, "## Try it", "## Calls");
    let promised = promised(&commands);
    assert!(promised.len() >= 8, "{promised:?}");
    let said = typed(&commands);
    let mut lines = said.iter();
    for value in promised {
        assert!(
            lines.any(|line| matches(&format!("…{value}"), line)),
            "{value} is not there, or not in this place: {said:#?}"
        );
    }
}
