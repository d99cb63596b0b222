//! What help says, and what wrong usage is told.

use super::{run, stderr, stdout};

#[test]
fn every_command_helps_with_an_example() {
    let commands = [
        "serve",
        "demo",
        "trigger",
        "verify",
        "check-config",
        "explain",
        "openapi",
    ];
    for command in commands {
        let output = run(&[command, "--help"]);
        assert_eq!(output.status.code(), Some(0), "{command}");
        let help = stdout(&output);
        assert!(help.to_lowercase().contains("example"), "{command}: {help}");
        assert!(
            help.contains(&format!("refund-receiver {command}")),
            "{command}: {help}"
        );
    }
    let all = stdout(&run(&["--help"]));
    assert!(
        commands.iter().all(|command| all.contains(command)),
        "{all}"
    );
}

/// The commands of a help text, with those below them.
fn commands_of(above: &[String], found: &mut Vec<(Vec<String>, String)>) {
    let mut arguments: Vec<&str> = above.iter().map(String::as_str).collect();
    arguments.push("--help");
    let help = stdout(&run(&arguments));
    let listed = help.split("Commands:\n").nth(1).unwrap_or_default();
    for line in listed.lines().take_while(|line| !line.is_empty()) {
        // A text that goes on is indented further.
        let name = line
            .strip_prefix("  ")
            .filter(|rest| !rest.starts_with(' '));
        let name = name.and_then(|rest| rest.split_whitespace().next());
        if let Some(name) = name.filter(|name| *name != "help") {
            commands_of(&[above, &[name.to_owned()]].concat(), found);
        }
    }
    found.push((above.to_vec(), help));
}

#[test]
fn every_page_that_a_help_text_names_is_there() {
    let mut commands = Vec::new();
    commands_of(&[], &mut commands);
    assert!(commands.len() > 20, "{commands:?}");
    let mut pages = Vec::new();
    for (command, help) in &commands {
        for page in help.split("docs/").skip(1) {
            let end = |c: char| !c.is_ascii_alphanumeric() && !"-./".contains(c);
            let page = page.split(end).next().expect("a name");
            let page = format!("docs/{}", page.trim_end_matches('.'));
            let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(&page);
            assert!(path.exists(), "{command:?} names {page}");
            pages.push((command.concat(), page));
        }
    }
    for command in ["backup", "restore"] {
        let steps = (command.to_owned(), "docs/restore.md".to_owned());
        assert!(pages.contains(&steps), "{pages:?}");
    }
}

#[test]
fn wrong_usage_is_exit_2() {
    for arguments in [&["serve"][..], &["nonsense"], &["verify", "payermax"], &[]] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(!stderr(&output).is_empty(), "{arguments:?}");
    }
}

#[test]
fn wrong_usage_says_what_to_write() {
    let url = "http://HOST:PORT/PATH";
    let token = ["--token", "env:PATH"];
    for (arguments, expected) in [
        (&["trigger", "payermax", "--to", "notaurl"][..], url),
        (&["trigger", "payermax", "--to", "127.0.0.1:8080/x"], url),
        (&["trigger", "payermax", "--to", "ftp://host/x"], url),
        (&["trigger", "payermax", "--to", "http:///x"], url),
        (&["healthcheck", "--url", "localhost"], url),
        (
            &[&["endpoint", "list", "--url", "localhost"][..], &token].concat(),
            url,
        ),
        (
            &[&["explain", "cb_x", "--url", "localhost"][..], &token].concat(),
            url,
        ),
        (
            &["evidence", "list", "--config", "x.toml", "--reason", "nope"],
            "malformed, unauthorized, too_slow, too_large, unsupported_media",
        ),
    ] {
        let output = run(arguments);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.contains(expected), "{arguments:?}: {said}");
    }
}
