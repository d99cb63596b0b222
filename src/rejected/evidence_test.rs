//! The file of rejected requests never grows beyond its cap, and keeps the newest.

use super::*;

fn rejection(number: usize, body_bytes: usize) -> RejectedRequest {
    RejectedRequest {
        received_at: Timestamp::from_millis(i64::try_from(number).unwrap()),
        reason: if number.is_multiple_of(2) {
            Reason::Malformed
        } else {
            Reason::Unauthorized
        },
        path: format!("/callbacks/payermax/{number}"),
        peer: String::new(),
        headers: "{}".to_owned(),
        body_sha256: [0; 32],
        body_length: body_bytes,
        body_head: vec![b'x'; body_bytes],
    }
}

#[test]
fn the_oldest_go_first_whether_there_are_too_many_or_too_large_ones() {
    let folder = std::env::temp_dir().join(format!("refund-evidence-{}", std::process::id()));
    drop(std::fs::remove_dir_all(&folder));
    std::fs::create_dir(&folder).unwrap();
    let file = folder.join("e.db");
    let cap = Cap {
        rows: 50,
        bytes: 100_000,
    };
    let newest = |count: usize, body_bytes: usize| {
        // Opened anew each time, so that what is counted is read from the file as well.
        let evidence = Evidence::open_with(&file, cap).unwrap();
        for number in 0..count {
            evidence.keep(rejection(number, body_bytes));
        }
        drop(evidence);
        list(&file, &EvidenceFilter::default(), 1_000).unwrap()
    };
    let many = newest(80, 10);
    assert_eq!(many.len(), 50);
    assert_eq!(
        (many[0].path.as_str(), many[49].path.as_str()),
        ("/callbacks/payermax/79", "/callbacks/payermax/30")
    );
    let large = newest(20, HEAD_BYTES_MAX);
    let bytes: usize = large.iter().map(|row| row.body_head.len()).sum();
    assert!(bytes <= 100_000 && large.len() >= 6, "{} rows", large.len());
    assert_eq!(large[0].body_head.len(), HEAD_BYTES_MAX);

    let filter = EvidenceFilter {
        since: Some(Timestamp::from_millis(16)),
        reason: Some("malformed".to_owned()),
        path: Some("/callbacks/pay".to_owned()),
    };
    let found: Vec<_> = list(&file, &filter, 10)
        .unwrap()
        .iter()
        .map(|row| row.received_at.as_millis())
        .collect();
    assert_eq!(found, [18, 16]);
    let id = large[3].id;
    assert_eq!(
        one(&file, id).unwrap().map(|row| row.path),
        Some(large[3].path.clone())
    );
    assert!(one(&file, id + 100).unwrap().is_none());
    std::fs::remove_dir_all(&folder).unwrap();
}
