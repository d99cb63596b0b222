//! Mistyped paths: an extra slash, other case, a wrong or missing letter.

use crate::providers::Registry;
use crate::providers::epay;

/// Max edit distance of one part of a path.
const MISTYPED_MAX: usize = 2;

/// The configured path that was most likely meant, if exactly one is near.
pub(super) fn meant(registry: &Registry, sent: &str) -> Option<String> {
    let sent_parts = parts(sent);
    let mut near: Vec<String> = candidates(registry, &sent_parts)
        .into_iter()
        .filter(|path| path != sent && is_near(&parts(path), &sent_parts))
        .collect();
    near.sort();
    near.dedup();
    match near.as_slice() {
        [one] => Some(one.clone()),
        _ => None,
    }
}

/// Every served path; a relay's with the refund number that was sent.
fn candidates(registry: &Registry, sent: &[&str]) -> Vec<String> {
    let callbacks = registry
        .callbacks()
        .map(|(account, _)| format!("/callbacks/{account}"));
    let refund_no = sent.get(3).copied().unwrap_or("{refund_no}");
    let relays = registry
        .relays()
        .map(|(account, _)| format!("/relays/{account}/{refund_no}"));
    let epay = std::iter::once(epay::PATH.to_owned());
    callbacks.chain(relays).chain(epay).collect()
}

/// The parts between slashes, empty ones left out.
fn parts(path: &str) -> Vec<&str> {
    path.split('/').filter(|part| !part.is_empty()).collect()
}

fn is_near(meant: &[&str], sent: &[&str]) -> bool {
    // A relay's path without its refund number is near, too.
    let lacks_number = meant.len() == sent.len() + 1 && meant.last() == Some(&"{refund_no}");
    (meant.len() == sent.len() || lacks_number)
        && meant.iter().zip(sent).all(|(meant, sent)| {
            let (meant, sent) = (meant.to_ascii_lowercase(), sent.to_ascii_lowercase());
            // A short name with two other letters is another name.
            let allowed = MISTYPED_MAX.min(meant.len() / 3);
            distance(&meant, &sent) <= allowed
        })
}

/// Levenshtein distance.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut costs: Vec<usize> = (0..=other.len()).collect();
    for (row, letter) in one.chars().enumerate() {
        let mut diagonal = costs[0];
        costs[0] = row + 1;
        for (column, with) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *with);
            diagonal = costs[column + 1];
            costs[column + 1] = replaced.min(diagonal + 1).min(costs[column] + 1);
        }
    }
    costs[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_part_is_near_and_another_name_is_not() {
        let near = |meant: &str, sent: &str| is_near(&parts(meant), &parts(sent));
        for sent in [
            "/callbacks/payermax/main/",
            "//callbacks/payermax/main",
            "/callbacks/PayerMax/main",
            "/callback/payermax/main",
            "/callbacks/paymermax/mian",
        ] {
            let is_swapped = sent.ends_with("mian");
            assert_eq!(
                near("/callbacks/payermax/main", sent),
                !is_swapped,
                "{sent}"
            );
        }
        assert!(!near("/callbacks/payermax/main", "/callbacks/payermax/old"));
        assert!(near(
            "/relays/quickpay/s1/{refund_no}",
            "/relays/quickpay/s1"
        ));
        assert!(
            near("/callbacks/payermax/store", "/callbacks/payermax/stroe")
                || distance("store", "stroe") > 1
        );
    }
}
