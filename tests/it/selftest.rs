//! `selftest --crash`: crashes on the operator's own disk, in a folder that is left as it was.

use serde_json::Value;

use crate::harness::audit::run;
use crate::harness::folder::Folder;

/// Runs it over a folder; gives the exit code, the result and the output.
fn selftest(dir: &std::path::Path, more: &[&str]) -> (Option<i32>, Value, String) {
    let dir = dir.to_str().expect("a plain path");
    let mut arguments = vec!["selftest", "--crash", "--json", "--dir", dir];
    arguments.extend(more);
    let output = run(&arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let result = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output.status.code(), result, said)
}

#[test]
fn nothing_is_lost_or_doubled_and_nothing_is_left_behind() {
    let folder = Folder::new();
    let dir = folder.path().join("new/selftest");
    let (code, result, said) = selftest(&dir, &["--rounds", "3", "--connections", "4"]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(result["ok"], true, "{result}");
    assert_eq!(result["rounds"], 3, "{result}");
    assert_eq!(
        (&result["lost"], &result["doubled"]),
        (&0.into(), &0.into())
    );
    let number = |name: &str| result[name].as_u64().expect("a number");
    assert!(number("acked") > 0, "{result}");
    assert!(number("stored") >= number("acked"), "{result}");
    assert!(said.contains("round 3/3: killed after "), "{said}");
    assert!(!dir.exists(), "a folder that it made is gone");
}

#[test]
fn a_folder_that_is_not_empty_is_refused_and_left_alone() {
    let folder = Folder::new();
    folder.write("theirs", "x");
    let (code, _, said) = selftest(folder.path(), &[]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("is not empty"), "{said}");
    let files: Vec<_> = std::fs::read_dir(folder.path())
        .expect("a folder")
        .collect();
    assert_eq!(files.len(), 1, "{files:?}");

    let empty = Folder::new();
    let (code, _, said) = selftest(empty.path(), &["--rounds", "1", "--connections", "1"]);
    assert_eq!(code, Some(0), "{said}");
    let mut left = std::fs::read_dir(empty.path()).expect("it is still there");
    assert!(left.next().is_none(), "and as empty as before");

    let output = run(&["selftest", "--dir", "/nowhere"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}
