//! The Dockerfile: what it copies is all that the build needs, and its one step works.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{CONFIG, DATA, ports, root, text};
use crate::harness::folder::Folder;
use crate::harness::run;
use crate::harness::server::PROGRAM;

/// The instructions of the Dockerfile: the word, and what follows it.
fn instructions() -> Vec<(String, String)> {
    let joined = text("Dockerfile").replace("\\\n", " ");
    joined
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            let (word, rest) = line.split_once(' ').expect("an instruction");
            (word.to_owned(), rest.trim().to_owned())
        })
        .collect()
}

/// What follows each instruction of this word.
fn all(word: &str) -> Vec<String> {
    let found = instructions().into_iter();
    found
        .filter(|(have, _)| have == word)
        .map(|(_, rest)| rest)
        .collect()
}

/// What is copied from the repository into the build.
fn copied() -> Vec<String> {
    let mut sources = Vec::new();
    for rest in all("COPY") {
        let mut words: Vec<&str> = rest.split(' ').collect();
        let target = words.pop().expect("a target");
        if words[0].starts_with("--from") {
            continue;
        }
        for source in words {
            // The layout of the repository stays.
            let is_in_place = target == "./" && !source.contains('/');
            assert!(is_in_place || target == format!("./{source}"), "{rest}");
            sources.push(source.to_owned());
        }
    }
    sources
}

#[test]
fn what_is_copied_is_there_and_reaches_the_build() {
    let sources = copied();
    let ignored = text(".dockerignore");
    for source in &sources {
        assert!(root().join(source).exists(), "{source} is not there");
        for ignored in ignored.lines() {
            let is_ignored = Path::new(source).starts_with(ignored);
            assert!(!is_ignored, "{source} does not reach the build");
        }
    }
}

#[test]
fn what_the_sources_take_in_from_elsewhere_is_copied() {
    let sources = copied();
    let mut seen = 0;
    for (path, text) in rust_files(&root().join("src")) {
        // Compiled for tests only.
        if path.to_string_lossy().ends_with("_test.rs") {
            continue;
        }
        for rest in text.split("include_str!(").skip(1) {
            let file = rest.split('"').nth(1).expect("a path");
            let file = path.parent().expect("below src").join(file);
            let file = file.canonicalize().expect("a file of ours");
            let file = file.strip_prefix(root()).expect("a file of ours");
            seen += 1;
            let is_copied = sources.iter().any(|source| file.starts_with(source));
            assert!(is_copied, "{} is compiled, but not copied", file.display());
        }
    }
    assert!(seen > 5, "the schema at least is taken in");
}

/// Every Rust file below a folder, with its text.
fn rust_files(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).expect("a readable file");
            found.push((path, text));
        }
    }
    found
}

#[test]
fn cargo_needs_nothing_beyond_what_is_copied() {
    let folder = Folder::new();
    for source in copied() {
        let target = folder.path().join(&source);
        std::fs::create_dir_all(target.parent().expect("below the folder")).expect("a folder");
        run(Command::new("cp")
            .arg("-r")
            .arg(root().join(source))
            .arg(target));
    }
    run(Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--offline", "--edges", "normal,build"])
        .current_dir(folder.path()));
}

#[test]
fn the_one_step_lays_out_what_the_image_holds() {
    assert_eq!(all("RUN"), ["deploy/build /image"]);
    let folder = Folder::new();
    let image = folder.path().join("image");
    run(Command::new(root().join("deploy/build"))
        .arg(&image)
        .arg(PROGRAM));

    let taken: Vec<String> = all("COPY")
        .into_iter()
        .filter(|rest| rest.starts_with("--from=build "))
        .collect();
    assert_eq!(
        taken,
        [
            "--from=build /image /".to_owned(),
            format!("--from=build --chown=10001:10001 /image{DATA} {DATA}"),
        ]
    );
    assert!(image.join(&DATA[1..]).is_dir());
    let config = Path::new(CONFIG).parent().expect("a folder");
    assert!(
        image
            .join(config.strip_prefix("/").expect("absolute"))
            .is_dir()
    );
    run(Command::new(image.join("usr/local/bin/refund-receiver")).arg("--version"));
}

#[test]
fn the_image_serves_without_rights_and_knows_its_ports() {
    let [public, internal] = ports();
    assert_eq!(all("USER"), ["10001:10001"]);
    assert_eq!(all("VOLUME"), [DATA]);
    assert_eq!(all("EXPOSE"), [format!("{public} {internal}")]);
    assert_eq!(all("ENTRYPOINT"), [r#"["refund-receiver"]"#]);
    assert_eq!(
        all("CMD"),
        [format!(r#"["serve", "--config", "{CONFIG}"]"#)]
    );
    let health = all("HEALTHCHECK").concat();
    let asks = format!(r#""healthcheck", "--url", "http://127.0.0.1:{internal}/readyz"]"#);
    assert!(health.ends_with(&asks), "{health}");
}
