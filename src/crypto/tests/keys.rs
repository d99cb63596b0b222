//! Which texts are keys, which are not, and what the operator is told.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rsa::pkcs8::EncodePublicKey as _;
use rsa::{BigUint, RsaPublicKey};

use super::{MESSAGE, SIGNATURE_2048, SIGNATURE_3072, SIGNATURE_4096, fixture, key};
use crate::crypto::{KeyError, PemError, SigningKey, SigningKeyError, VerifyingKey, hex};

const PKCS8: &str = fixture!("private-rsa-pkcs8.pem");

fn refusal(text: &str) -> KeyError {
    VerifyingKey::parse(text).expect_err("the text must be refused")
}

/// The DER inside a PEM file.
fn der(pem: &str) -> Vec<u8> {
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    STANDARD.decode(body).expect("fixtures are PEM")
}

/// A key of any numbers as bare Base64, without any vetting.
fn unvetted(modulus: &[u8], exponent: &[u8]) -> String {
    let number = BigUint::from_bytes_be;
    let public = RsaPublicKey::new_unchecked(number(modulus), number(exponent));
    STANDARD.encode(
        public
            .to_public_key_der()
            .expect("any numbers can be written"),
    )
}

/// An odd modulus of exactly `bits` bits; its factors do not matter here.
fn modulus(bits: usize) -> Vec<u8> {
    let mut bytes = vec![0; bits.div_ceil(8)];
    bytes[0] = 1 << ((bits - 1) % 8);
    *bytes.last_mut().expect("there are bits") |= 1;
    bytes
}

const F4: [u8; 3] = [1, 0, 1];

#[test]
fn good_keys_verify_what_openssl_signed() {
    for (text, bits, signature) in [
        (fixture!("rsa-2048.pem"), 2048, SIGNATURE_2048),
        (fixture!("rsa-3072.pem"), 3072, SIGNATURE_3072),
        (fixture!("rsa-4096.pem"), 4096, SIGNATURE_4096),
    ] {
        let key = key(text);
        let signature = STANDARD.decode(signature).expect("it is Base64");
        assert_eq!(key.bits(), bits);
        assert_eq!(key.signature_len(), signature.len());
        assert_eq!(key.verify_sha256(MESSAGE, &signature), Ok(()));
        assert_eq!(key.verify_sha256_reference(MESSAGE, &signature), Ok(()));
        assert!(key.verify_sha256(b"another message", &signature).is_err());
        assert!(
            key.verify_sha256_reference(b"another message", &signature)
                .is_err()
        );
    }
}

#[test]
fn every_form_of_a_key_is_the_same_key() {
    let pem = fixture!("rsa-2048.pem");
    let pkcs1 = fixture!("rsa-2048-pkcs1.pem");
    let bare = STANDARD.encode(der(pem));
    let wrapped: String = bare
        .as_bytes()
        .chunks(76)
        .flat_map(|line| [line, b"\r\n"].concat())
        .map(char::from)
        .collect();
    let forms = [
        pem.to_owned(),
        pkcs1.to_owned(),
        pem.replace('\n', "\r\n"),
        pem.replace("\nMII", "MII").replace('\n', " "),
        format!("\u{feff}\n\t {pem} \n\n"),
        // Portals mix the two labels up.
        pkcs1.replace("RSA PUBLIC", "PUBLIC"),
        pem.replace("PUBLIC", "RSA PUBLIC"),
        STANDARD.encode(der(pkcs1)),
        format!("  {bare}\n"),
        wrapped,
        bare,
    ];
    for form in forms {
        // openssl pkey -pubin -in rsa-2048.pem -outform DER | sha256sum
        assert_eq!(
            key(&form).fingerprint(),
            "57e5ceb13c8b44458b66df537faa9ba76e9072f243613c5ef92dc1106f2d1ae8",
            "{form}"
        );
    }
}

#[test]
fn private_keys_are_refused_by_name() {
    let texts = [
        PKCS8,
        fixture!("private-rsa-pkcs1.pem"),
        fixture!("private-rsa-encrypted.pem"),
        fixture!("private-ec-sec1.pem"),
    ];
    for text in texts {
        assert_eq!(refusal(text), KeyError::PrivateKey);
        assert_eq!(
            refusal(&STANDARD.encode(der(text))),
            KeyError::PrivateKey,
            "bare: {text}"
        );
        let relabelled = format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----",
            STANDARD.encode(der(text))
        );
        assert_eq!(
            refusal(&relabelled),
            KeyError::PrivateKey,
            "relabelled: {text}"
        );
    }
    let pair = format!("{}{PKCS8}", fixture!("rsa-2048.pem"));
    assert_eq!(refusal(&pair), KeyError::PrivateKey);
}

#[test]
fn certificates_and_requests_are_refused_by_name() {
    for text in [
        fixture!("certificate.pem"),
        fixture!("certificate-request.pem"),
    ] {
        assert_eq!(refusal(text), KeyError::Certificate);
        assert_eq!(
            refusal(&STANDARD.encode(der(text))),
            KeyError::Certificate,
            "bare: {text}"
        );
    }
}

#[test]
fn other_algorithms_are_refused_by_name() {
    for (text, name) in [
        (fixture!("ec-p256.pem"), "EC"),
        (fixture!("dsa-2048.pem"), "DSA"),
        (fixture!("ed25519.pem"), "Ed25519"),
        (fixture!("rsa-pss-2048.pem"), "RSA-PSS only"),
    ] {
        assert_eq!(refusal(text), KeyError::NotRsa(name.to_owned()));
        assert_eq!(
            refusal(&STANDARD.encode(der(text))),
            KeyError::NotRsa(name.to_owned())
        );
    }
}

#[test]
fn the_modulus_has_2048_to_8192_bits() {
    assert_eq!(refusal(fixture!("rsa-1024.pem")), KeyError::TooShort(1024));
    assert_eq!(
        refusal(&unvetted(&modulus(2047), &F4)),
        KeyError::TooShort(2047)
    );
    assert_eq!(
        refusal(&unvetted(&modulus(8193), &F4)),
        KeyError::TooLong(8193)
    );
    for bits in [2048, 2049, 4096, 4097, 8192] {
        assert_eq!(key(&unvetted(&modulus(bits), &F4)).bits(), bits);
    }
}

#[test]
fn the_modulus_is_odd() {
    let mut even = modulus(2048);
    *even.last_mut().expect("it has bytes") &= 0xfe;
    assert_eq!(refusal(&unvetted(&even, &F4)), KeyError::EvenModulus);
}

#[test]
fn the_exponent_is_65537() {
    let exponent = |bytes: &[u8]| refusal(&unvetted(&modulus(2048), bytes));
    assert_eq!(
        refusal(fixture!("rsa-2048-e3.pem")),
        KeyError::Exponent("3".to_owned())
    );
    assert_eq!(exponent(&[1]), KeyError::Exponent("1".to_owned()));
    assert_eq!(exponent(&[1, 0, 3]), KeyError::Exponent("65539".to_owned()));
    assert_eq!(
        exponent(&modulus(100)),
        KeyError::Exponent("of 100 bits".to_owned())
    );
}

#[test]
fn text_that_is_no_single_key_is_refused() {
    let pem = fixture!("rsa-2048.pem");
    let armour = |text: &str| match refusal(text) {
        KeyError::PemText(error) => error,
        other => panic!("{text}: {other}"),
    };
    assert_eq!(armour(""), PemError::Empty);
    assert_eq!(armour(" \r\n\t"), PemError::Empty);
    assert_eq!(armour("no key"), PemError::NotBase64);
    assert_eq!(
        armour("ssh-rsa AAAAB3NzaC1yc2E= me@host"),
        PemError::NotBase64
    );
    assert_eq!(armour("MIIBIjANBgkqhkiG9w0BAQ_-"), PemError::NotBase64);
    assert_eq!(armour(&pem.replacen("MII", "M=I", 1)), PemError::NotBase64);
    assert_eq!(armour(&format!("{pem}{pem}")), PemError::TextAround);
    assert_eq!(armour(&format!("the key:\n{pem}")), PemError::TextAround);
    assert_eq!(armour(&format!("{pem}\nthat was it")), PemError::TextAround);
    assert_eq!(armour(&pem[..200]), PemError::Unterminated);
    assert_eq!(
        armour(&pem.replace("END PUBLIC", "END RSA PUBLIC")),
        PemError::Unterminated
    );
    assert_eq!(armour("-----BEGIN PUBLIC KEY"), PemError::Unterminated);
    let label = pem.replace("PUBLIC KEY", "X509 CRL");
    assert_eq!(refusal(&label), KeyError::Label("X509 CRL".to_owned()));
}

#[test]
fn der_is_read_strictly() {
    let good = der(fixture!("rsa-2048.pem"));
    let bare = |bytes: &[u8]| STANDARD.encode(bytes);
    assert!(VerifyingKey::parse(&bare(&good)).is_ok());
    assert_eq!(refusal(&bare(b"garbage")), KeyError::Malformed);
    assert_eq!(refusal(&bare(&[0x30, 0x00])), KeyError::Malformed);
    assert_eq!(refusal(&bare(&good[..good.len() - 1])), KeyError::Malformed);
    assert_eq!(
        refusal(&bare(&[&good[..], &[0]].concat())),
        KeyError::Malformed
    );

    // SEQUENCE(4) { SEQUENCE(2) { OID(11) NULL(2) } BIT STRING(4+1) { SEQUENCE(4) { INTEGER(4) …
    let changed = |at: usize, from: u8, to: u8| {
        let mut bytes = good.clone();
        assert_eq!(bytes[at], from, "the fixture has another outline");
        bytes[at] = to;
        refusal(&bare(&bytes))
    };
    assert_eq!(
        changed(17, 0x05, 0x04),
        KeyError::Malformed,
        "parameters must be NULL"
    );
    assert_eq!(
        changed(23, 0x00, 0x01),
        KeyError::Malformed,
        "no unused bits"
    );
    assert_eq!(
        changed(32, 0x00, 0x80),
        KeyError::Malformed,
        "no negative modulus"
    );
    assert_eq!(
        changed(2, 0x01, 0x00),
        KeyError::Malformed,
        "lengths are minimal"
    );
}

/// A key with one flipped bit is rejected or within the rules, and both libraries agree on it.
#[test]
fn a_flipped_bit_never_gets_past_the_vetting() {
    for text in [fixture!("rsa-2048.pem"), fixture!("rsa-2048-pkcs1.pem")] {
        let good = der(text);
        let mut accepted = 0;
        for bit in 0..good.len() * 8 {
            let mut bytes = good.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            match VerifyingKey::parse(&STANDARD.encode(&bytes)) {
                Ok(key) => {
                    assert!((2048..=2055).contains(&key.bits()), "bit {bit}");
                    accepted += 1;
                }
                Err(error) => assert_ne!(error, KeyError::Refused, "bit {bit}"),
            }
        }
        // Every bit of the modulus but the highest and the lowest, and those of the zero byte in
        // front of it but the sign.
        assert_eq!(accepted, 2046 + 7);
    }
}

#[test]
fn every_message_is_one_lower_case_line() {
    let messages = [
        KeyError::PrivateKey.to_string(),
        KeyError::Certificate.to_string(),
        KeyError::Label("X\nY".to_owned()).to_string(),
        KeyError::NotRsa("EC".to_owned()).to_string(),
        KeyError::Malformed.to_string(),
        KeyError::TooShort(1024).to_string(),
        KeyError::EvenModulus.to_string(),
        KeyError::Exponent("3".to_owned()).to_string(),
        KeyError::from(PemError::TextAround).to_string(),
    ];
    for message in messages {
        assert!(message.starts_with(char::is_lowercase), "{message}");
        assert!(
            !message.contains('\n') && !message.ends_with('.'),
            "{message}"
        );
    }
    assert!(
        KeyError::TooShort(1024)
            .to_string()
            .contains("2048 to 8192")
    );
}

#[test]
fn debug_shows_size_and_fingerprint_only() {
    let key = key(fixture!("rsa-2048.pem"));
    let shown = format!("{key:?}");
    assert_eq!(
        shown,
        format!(
            "VerifyingKey {{ bits: 2048, fingerprint: {:?}, .. }}",
            key.fingerprint()
        )
    );
}

#[test]
fn key_pairs_sign_what_their_public_half_verifies() {
    let pair = SigningKey::generate().expect("there is randomness");
    let signature = pair.sign_sha256_base64(MESSAGE);
    let raw = STANDARD.decode(&signature).expect("it is Base64");
    for public in [pair.public_pem(), pair.public_base64_der()] {
        let public = key(public);
        assert_eq!(public.fingerprint(), pair.verifying_key().fingerprint());
        assert_eq!(public.verify_sha256(MESSAGE, &raw), Ok(()));
        assert_eq!(public.verify_sha256_reference(MESSAGE, &raw), Ok(()));
    }
    let again = SigningKey::from_pem(pair.to_pem()).expect("it reads what it wrote");
    assert_eq!(again.sign_sha256_base64(MESSAGE), signature);
    let secret = pair.to_pem().lines().nth(3).expect("a PEM file has lines");
    assert!(!format!("{pair:?}").contains(secret));
}

#[test]
fn key_pairs_sign_the_same_bytes_as_openssl() {
    let bare = STANDARD.encode(der(PKCS8));
    for text in [PKCS8, fixture!("private-rsa-pkcs1.pem"), &bare] {
        let pair = SigningKey::from_pem(text).expect("the fixture is a private key");
        assert_eq!(pair.sign_sha256_base64(MESSAGE), SIGNATURE_2048);
    }
}

#[test]
fn key_pairs_are_made_of_usable_private_keys_only() {
    let refused = |text: &str| SigningKey::from_pem(text).expect_err("it must be refused");
    for text in [
        fixture!("rsa-2048.pem"),
        fixture!("private-ec-sec1.pem"),
        fixture!("private-rsa-encrypted.pem"),
    ] {
        assert_eq!(refused(text), SigningKeyError::NotPrivate);
    }
    assert_eq!(refused(""), SigningKeyError::PemText(PemError::Empty));
    assert_eq!(
        refused(fixture!("private-rsa-2048-e3.pem")),
        SigningKeyError::Unusable(KeyError::Exponent("3".to_owned()))
    );
}

#[test]
fn hex_is_lower_case() {
    assert_eq!(hex(&[0x00, 0x0f, 0xa0, 0xff]), "000fa0ff");
}
