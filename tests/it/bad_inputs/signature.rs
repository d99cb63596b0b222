//! Callbacks that fail authentication: signatures that are missing, malformed, of another kind, of another
//! key, of other bytes, or of another merchant. The sender cannot tell them apart.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::row::{Becomes, Request, Row};
use super::systems::{Members, flat, payermax, payermax_envelope, quoted, system};
use crate::harness::config::{APP_ID, MERCHANT_NO};
use crate::harness::folder::Folder;
use crate::harness::keys::{hmac_sha256, other_key, provider_key, sha1_hex, sha256_hex};
use crate::harness::paycools::PATH;
use crate::harness::payermax::{MAIN, OLD};

pub fn rows() -> Vec<Row> {
    let mut rows = header(spellings);
    rows.extend(header(forgeries));
    rows.extend(merchants());
    rows.extend(param_signs());
    rows.extend(flat_signs());
    rows
}

const REFUSED: Becomes = Becomes::Refused(401);

/// A good body, and the rows of these `sign` headers over it.
fn header(signs: impl FnOnce(&[u8]) -> Vec<(&'static str, String)>) -> Vec<Row> {
    let body = payermax_envelope(&payermax("R-unsigned").text()).text();
    let row = |(what, sign): (&str, String)| {
        let request = Request::post(MAIN, body.clone()).header("sign", sign);
        Row::new(
            format!("payermax: the signature is {what}"),
            request,
            REFUSED,
        )
    };
    signs(body.as_bytes()).into_iter().map(row).collect()
}

/// The right signature, written wrongly.
fn spellings(body: &[u8]) -> Vec<(&'static str, String)> {
    let good = provider_key().sign(body);
    let decoded = STANDARD.decode(&good).expect("Base64");
    let mut flipped = decoded.clone();
    flipped[100] ^= 1;
    let [before, behind] = [[b"\0", decoded.as_slice()], [&decoded, b"x"]].map(|it| it.concat());
    vec![
        ("one bit flipped", STANDARD.encode(&flipped)),
        ("without padding", good.trim_end_matches('=').to_owned()),
        ("one padding too many", format!("{good}=")),
        ("trailing bits", trailing_bits(&good)),
        (
            "of the other alphabet",
            good.replace('+', "-").replace('/', "_") + "-",
        ),
        (
            "with a blank inside",
            format!("{} {}", &good[..50], &good[50..]),
        ),
        ("twice", format!("{good},{good}")),
        ("cut short", good[..good.len() - 4].to_owned()),
        ("with a zero before", STANDARD.encode(before)),
        ("longer", STANDARD.encode(behind)),
        ("hexadecimal", sha256_hex(&decoded)),
    ]
}

/// What is no signature of these bytes.
fn forgeries(body: &[u8]) -> Vec<(&'static str, String)> {
    let folder = Folder::new();
    let made = |options: &[&str]| provider_key().sign_otherwise(folder.path(), body, options);
    let text = String::from_utf8_lossy(body);
    let of = |text: String| provider_key().sign(text.as_bytes());
    let mac_key = Sha256::digest(&provider_key().public_pem);
    vec![
        ("missing", String::new()),
        ("null", "null".to_owned()),
        ("a number", "0".to_owned()),
        ("no Base64", "not base64 at all!".to_owned()),
        ("all zeros", STANDARD.encode([0; 256])),
        ("one", STANDARD.encode([&[0; 255][..], b"\x01"].concat())),
        ("all ones", STANDARD.encode([0xff; 256])),
        ("of SHA-1", made(&["-sha1"])),
        ("of SHA-384", made(&["-sha384"])),
        ("of SHA-512", made(&["-sha512"])),
        ("of MD5", made(&["-md5"])),
        ("PSS", made(&["-sha256", "-sigopt", "rsa_padding_mode:pss"])),
        ("of another key", other_key().sign(body)),
        (
            "an HMAC keyed with the public key",
            STANDARD.encode(hmac_sha256(&mac_key, body)),
        ),
        ("a bare digest", STANDARD.encode(Sha256::digest(body))),
        ("of the body and a line break", of(format!("{text}\n"))),
        ("of the body in other spacing", of(text.replace(':', ": "))),
        ("of nothing", of(String::new())),
        ("of another body", of(text.replace("125.50", "125.51"))),
    ]
}

/// The same bytes in Base64 whose last character has bits that say nothing.
fn trailing_bits(good: &str) -> String {
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let at = good.trim_end_matches('=').len() - 1;
    assert!(at + 1 < good.len(), "256 bytes are padded");
    let value = alphabet
        .find(&good[at..=at])
        .expect("a character of Base64");
    let next = &alphabet[value + 1..value + 2];
    format!("{}{next}{}", &good[..at], &good[at + 1..])
}

/// Signed by the provider, for another merchant.
fn merchants() -> Vec<Row> {
    let data = payermax("R-not-mine").text();
    let envelope = || payermax_envelope(&data);
    let bodies = [
        (
            "another merchant",
            envelope().with("merchantNo", "\"020213827212252\""),
        ),
        (
            "another app",
            envelope().with("appId", "\"00000000000000000000000000000000\""),
        ),
        ("no app", envelope().without("appId")),
        ("an app that is null", envelope().with("appId", "null")),
        (
            "a merchant that is a number",
            envelope().with("merchantNo", "20213827212251"),
        ),
        (
            "a merchant with a blank",
            envelope().with("merchantNo", &quoted(&format!("{MERCHANT_NO} "))),
        ),
        (
            "a merchant with a NUL",
            envelope().with("merchantNo", &quoted(&format!("{MERCHANT_NO}\0"))),
        ),
        (
            "an app in capitals",
            envelope().with("appId", &quoted(&APP_ID.to_uppercase())),
        ),
        (
            "a merchant in full width",
            envelope().with("merchantNo", "\"０20213827212251\""),
        ),
        (
            "the merchant in data",
            payermax_envelope(
                &payermax("R-not-mine")
                    .with("merchantNo", &quoted(MERCHANT_NO))
                    .text(),
            )
            .with("merchantNo", "\"020213827212252\""),
        ),
    ];
    let mut rows: Vec<Row> = bodies
        .into_iter()
        .map(|(what, body)| {
            Row::new(
                format!("payermax: for {what}"),
                Request::signed(MAIN, body.text()),
                REFUSED,
            )
        })
        .collect();
    let request = Request::signed(OLD, envelope().text());
    rows.push(Row::new("payermax: at another account", request, REFUSED));
    rows
}

/// `PayCools`' open-api form: the signature is next to the text that it signs.
fn param_signs() -> Vec<Row> {
    let content = (system("paycools").good)("R-unsigned").text();
    let good = provider_key().sign(content.as_bytes());
    let signs = [
        ("null", "null".to_owned()),
        ("empty", "\"\"".to_owned()),
        ("a number", "1".to_owned()),
        ("an object", "{}".to_owned()),
        (
            "of another key",
            quoted(&other_key().sign(content.as_bytes())),
        ),
        ("of other content", quoted(&provider_key().sign(b"{}"))),
        ("with a line break", quoted(&format!("{good}\n"))),
        ("the digest of the flat form", quoted(&sha1_hex(&content))),
    ];
    let param = || Members::new(&[("param", &quoted(&content))]);
    let row = |what: &str, body: Members| {
        Row::new(
            format!("paycools: sign is {what}"),
            Request::post(PATH, body.text()),
            REFUSED,
        )
    };
    let mut rows = vec![row("missing", param())];
    rows.extend(
        signs
            .iter()
            .map(|(what, sign)| row(what, param().with("sign", sign))),
    );
    rows
}

/// `PayCools`' flat form: a digest over the members and the secret.
fn flat_signs() -> Vec<Row> {
    let content = (system("paycools flat").good)("R-unsigned");
    let good = String::from_utf8(flat(&content).body().to_vec()).expect("JSON");
    let digest = good.rsplit('"').nth(1).expect("the digest comes last");
    let next = if digest.ends_with('0') { '1' } else { '0' };
    let signs = [
        ("null", "null".to_owned()),
        ("empty", "\"\"".to_owned()),
        ("a number", "0".to_owned()),
        ("one digit off", quoted(&format!("{}{next}", &digest[..39]))),
        ("cut short", quoted(&digest[..39])),
        ("SHA-256", quoted(&sha256_hex(&good))),
        ("without the secret", quoted(&sha1_hex(&content.text()))),
        (
            "an RSA signature",
            quoted(&provider_key().sign(content.text().as_bytes())),
        ),
    ];
    let row = |(what, sign): &(&str, String)| {
        let body = good.replace(&quoted(digest), sign);
        Row::new(
            format!("paycools flat: sign is {what}"),
            Request::post(PATH, body),
            REFUSED,
        )
    };
    signs.iter().map(row).collect()
}
