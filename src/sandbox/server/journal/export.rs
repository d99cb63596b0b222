//! The journal for other programs: one JSON object a line, and `JUnit`. The writer of `JUnit` is that of every command.

use std::fmt::Write as _;

use super::Entry;

/// One test case of `JUnit`.
pub struct Case {
    /// What it belongs to.
    pub class: String,
    pub name: String,
    pub millis: u128,
    /// What was seen, or why it failed.
    pub said: Result<String, String>,
}

/// A suite of cases in the form that build servers read.
pub fn junit(suite: &str, cases: &[Case]) -> String {
    let failed = cases.iter().filter(|case| case.said.is_err()).count();
    let total: u128 = cases.iter().map(|case| case.millis).sum();
    let (count, suite) = (cases.len(), escaped(suite));
    let counts = format!(
        "tests=\"{count}\" failures=\"{failed}\" time=\"{}\"",
        seconds(total)
    );
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites {counts}>\n\
         <testsuite name=\"{suite}\" {counts} errors=\"0\" skipped=\"0\">\n"
    );
    for case in cases {
        let (class, name) = (escaped(&case.class), escaped(&case.name));
        let time = seconds(case.millis);
        let inner = match &case.said {
            Ok(said) => format!("<system-out>{}</system-out>", escaped(said)),
            Err(why) => {
                let first = why.lines().next().unwrap_or_default();
                let (first, why) = (escaped(first), escaped(why));
                format!("<failure message=\"{first}\">{why}</failure>")
            }
        };
        // Writing to a text cannot fail.
        let _ = writeln!(
            xml,
            "<testcase classname=\"{class}\" name=\"{name}\" time=\"{time}\">{inner}</testcase>"
        );
    }
    xml.push_str("</testsuite>\n</testsuites>\n");
    xml
}

fn seconds(millis: u128) -> String {
    format!("{}.{:03}", millis / 1_000, millis % 1_000)
}

/// As text of XML 1.0, which has no way to write most control characters.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\t' => out.push_str("&#9;"),
            control if control.is_control() => out.push('\u{fffd}'),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            plain => out.push(plain),
        }
    }
    out
}

/// One exchange a case. It fails where a provider turned a request down, or the service a callback, though no
/// fault was armed, and where money moved again.
pub fn journal_junit<'a>(entries: impl Iterator<Item = &'a Entry>) -> String {
    let cases: Vec<_> = entries.map(case).collect();
    junit("sandbox", &cases)
}

fn case(entry: &Entry) -> Case {
    let number = entry.number.as_deref().unwrap_or("-");
    let is_twice = entry.verdict.contains("AGAIN");
    let said = match &entry.fault {
        Some(fault) => format!("{} (fault {fault})", entry.verdict),
        None => entry.verdict.clone(),
    };
    let is_wrong = is_twice || (entry.refused && entry.fault.is_none());
    Case {
        class: format!("{}.{}", entry.provider, entry.call),
        name: format!("{} {number}", entry.sequence),
        millis: 0,
        said: if is_wrong { Err(said) } else { Ok(said) },
    }
}

/// One exchange a line.
pub fn journal_ndjson<'a>(entries: impl Iterator<Item = &'a Entry>) -> String {
    let lines = entries.filter_map(|entry| serde_json::to_string(entry).ok());
    lines.map(|line| line + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_others_stays_text() {
        let cases = [
            Case {
                class: "a".to_owned(),
                name: "<&\">".to_owned(),
                millis: 1_234,
                said: Err("bad\u{0}\nmore]]>".to_owned()),
            },
            Case {
                class: "a".to_owned(),
                name: "b".to_owned(),
                millis: 0,
                said: Ok("fine".to_owned()),
            },
        ];
        let xml = junit("s", &cases);
        assert!(
            xml.contains("tests=\"2\" failures=\"1\" time=\"1.234\""),
            "{xml}"
        );
        assert!(xml.contains("name=\"&lt;&amp;&quot;&gt;\""), "{xml}");
        assert!(
            xml.contains("message=\"bad\u{fffd}\">bad\u{fffd}&#10;more]]&gt;</failure>"),
            "{xml}"
        );
    }

    #[test]
    fn an_armed_fault_is_no_failure() {
        let refused = Entry {
            refused: true,
            verdict: "no".to_owned(),
            ..Entry::default()
        };
        let armed = Entry {
            fault: Some("corrupt".to_owned()),
            ..refused.clone()
        };
        let twice = Entry {
            verdict: "done AGAIN: money moved twice".to_owned(),
            ..Entry::default()
        };
        let xml = journal_junit([&refused, &armed, &twice, &Entry::default()].into_iter());
        assert!(xml.contains("tests=\"4\" failures=\"2\""), "{xml}");
    }
}
