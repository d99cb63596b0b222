//! The text format that Prometheus had before `OpenMetrics` (0.0.4), made from the newer one. Samples are the
//! same in both; there a counter's description has the name of its samples, and there is no end mark.

use std::collections::HashSet;

/// Rewrites what describes the samples.
pub(super) fn of(openmetrics: &str) -> String {
    let counters: HashSet<&str> = openmetrics
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter"))
        .collect();
    let mut text = String::with_capacity(openmetrics.len());
    for line in openmetrics.lines() {
        if line == "# EOF" || line.starts_with("# UNIT ") {
            continue;
        }
        match described(line).filter(|(_, name, _)| counters.contains(name)) {
            Some((what, name, rest)) => text.extend([what, name, "_total ", rest]),
            None => text.push_str(line),
        }
        text.push('\n');
    }
    text
}

/// `# HELP ` or `# TYPE `, the name, and what is said of it.
fn described(line: &str) -> Option<(&str, &str, &str)> {
    let (what, rest) = line.split_at_checked("# HELP ".len())?;
    let (name, rest) = rest.split_once(' ')?;
    matches!(what, "# HELP " | "# TYPE ").then_some((what, name, rest))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_counter_is_described_by_the_name_of_its_samples() {
        let open = "# HELP a Help of a.\n# TYPE a counter\na_total{x=\"# TYPE a counter\"} 1\n\
                    # HELP b Help.\n# TYPE b gauge\n# UNIT b seconds\nb 2\n# EOF\n";
        let classic = "# HELP a_total Help of a.\n# TYPE a_total counter\n\
                       a_total{x=\"# TYPE a counter\"} 1\n# HELP b Help.\n# TYPE b gauge\nb 2\n";
        assert_eq!(super::of(open), classic);
    }
}
