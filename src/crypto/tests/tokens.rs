//! Bearer tokens and digests.

use crate::crypto::{TokenDigest, TokenDigestError, hex, sha256};

/// `printf %s test | sha256sum`
const OF_TEST: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

#[test]
fn sha256_is_sha256() {
    assert_eq!(hex(&sha256(b"test")), OF_TEST);
    // FIPS 180-2 appendix B.1
    assert_eq!(
        hex(&sha256(b"abc")),
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
}

#[test]
fn a_token_matches_its_digest_only() {
    let digests = [
        OF_TEST.parse::<TokenDigest>().expect("64 digits"),
        OF_TEST.to_uppercase().parse().expect("upper case as well"),
        TokenDigest::of("test"),
    ];
    for digest in digests {
        assert!(digest.matches("test"));
        for token in ["", "Test", "test ", "tes", "testt", OF_TEST] {
            assert!(!digest.matches(token), "{token}");
        }
    }
}

#[test]
fn only_64_hexadecimal_digits_are_a_digest() {
    let texts = [
        String::new(),
        OF_TEST[1..].to_owned(),
        format!("{OF_TEST}0"),
        format!(" {}", &OF_TEST[1..]),
        OF_TEST.replacen('9', "g", 1),
        OF_TEST.replacen("9f", "+f", 1),
        // 64 bytes, not 64 digits.
        "é".repeat(32),
    ];
    for text in texts {
        assert_eq!(
            text.parse::<TokenDigest>().err(),
            Some(TokenDigestError),
            "{text:?}"
        );
    }
}

#[test]
fn debug_hides_the_digest() {
    assert_eq!(
        format!("{:?}", TokenDigest::of("test")),
        "TokenDigest([redacted])"
    );
}
