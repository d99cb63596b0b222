//! Throw-away RSA keys, made by `openssl`, signing by the `rsa` crate.
//!
//! The product verifies with another library than the one that signs here, so an agreement between
//! the two says something. Keys are made once a process: making them is slow, using them is not.

use std::path::Path;
use std::process::Command;
use std::sync::{Arc, OnceLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rsa::pkcs8::DecodePrivateKey as _;
use rsa::{Pkcs1v15Sign, RsaPrivateKey};
use sha2::{Digest as _, Sha256};

/// The DER prefix of a SHA-256 `DigestInfo` (RFC 8017, section 9.2, note 1).
const SHA256_DIGEST_INFO: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05,
    0x00, 0x04, 0x20,
];

/// One RSA key pair of a pretended provider.
#[derive(Debug)]
pub struct TestKey {
    private: RsaPrivateKey,
    pub private_pem: String,
    pub public_pem: String,
}

impl TestKey {
    /// Makes a new pair of `bits` bits with the given public exponent.
    pub fn generate(bits: u32, exponent: u32) -> Self {
        let private_pem = openssl(
            &[
                "genpkey",
                "-algorithm",
                "RSA",
                "-pkeyopt",
                &format!("rsa_keygen_bits:{bits}"),
                "-pkeyopt",
                &format!("rsa_keygen_pubexp:{exponent}"),
            ],
            "",
        );
        let public_pem = openssl(&["pkey", "-pubout"], &private_pem);
        let private = RsaPrivateKey::from_pkcs8_pem(&private_pem).expect("openssl writes PKCS#8");
        Self {
            private,
            private_pem,
            public_pem,
        }
    }

    /// RSASSA-PKCS1-v1_5 with SHA-256 over `message`, in standard Base64.
    pub fn sign(&self, message: &[u8]) -> String {
        let scheme = Pkcs1v15Sign {
            hash_len: Some(32),
            prefix: Box::new(SHA256_DIGEST_INFO),
        };
        let signature = self
            .private
            .sign(scheme, &Sha256::digest(message))
            .expect("a 2048 bit key signs a SHA-256 digest");
        STANDARD.encode(signature)
    }

    /// The same signature made by the `openssl` program over a file, as outsiders check us.
    pub fn sign_by_openssl(&self, folder: &Path, message: &[u8]) -> String {
        self.sign_otherwise(folder, message, &["-sha256"])
    }

    /// A signature made by `openssl dgst` with these options, such as another hash or padding.
    pub fn sign_otherwise(&self, folder: &Path, message: &[u8], options: &[&str]) -> String {
        let (key, body) = (
            folder.join("outsider.key.pem"),
            folder.join("outsider.body"),
        );
        std::fs::write(&key, &self.private_pem).expect("the key can be written");
        std::fs::write(&body, message).expect("the body can be written");
        let output = Command::new("openssl")
            .arg("dgst")
            .args(options)
            .arg("-sign")
            .args([key, body])
            .output()
            .expect("openssl is installed");
        assert!(
            output.status.success(),
            "openssl refused to sign: {output:?}"
        );
        STANDARD.encode(output.stdout)
    }

    /// The public key as providers hand it out: Base64 of the DER on one line, no armour.
    pub fn public_base64(&self) -> String {
        self.public_pem
            .lines()
            .filter(|line| !line.starts_with("-----"))
            .collect()
    }
}

/// The provider's key in nearly every test.
pub fn provider_key() -> &'static TestKey {
    static KEY: OnceLock<TestKey> = OnceLock::new();
    KEY.get_or_init(|| TestKey::generate(2048, 65_537))
}

/// A second, equally good key: the attacker's, or the next one in a rotation.
pub fn other_key() -> &'static TestKey {
    static KEY: OnceLock<TestKey> = OnceLock::new();
    KEY.get_or_init(|| TestKey::generate(2048, 65_537))
}

/// Lower-case hex of the SHA-256 of `text`, the form in which reader tokens are configured.
pub fn sha256_hex(text: impl AsRef<[u8]>) -> String {
    use std::fmt::Write as _;
    Sha256::digest(text)
        .iter()
        .fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").expect("writing to a string");
            hex
        })
}

/// Runs `openssl` with `input` on its standard input and returns what it printed.
fn openssl(arguments: &[&str], input: &str) -> String {
    use std::io::Write as _;
    use std::process::Stdio;

    let mut child = Command::new("openssl")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("openssl is installed");
    let mut stdin = child.stdin.take().expect("stdin was piped");
    stdin
        .write_all(input.as_bytes())
        .expect("openssl reads its input");
    drop(stdin);
    let output = child.wait_with_output().expect("openssl ends");
    assert!(output.status.success(), "openssl {arguments:?} failed");
    String::from_utf8(output.stdout).expect("PEM is text")
}
/// Lower-case hex of the SHA-1 of `text`, for the one provider that still signs with it.
pub fn sha1_hex(text: &str) -> String {
    let line = openssl(&["dgst", "-sha1", "-r"], text);
    line.split(' ')
        .next()
        .expect("digest, then the file's name")
        .to_owned()
}

/// HMAC-SHA256 (RFC 2104) of `message`; the key may be at most one block of 64 bytes long.
pub fn hmac_sha256(key: &[u8], message: &[u8]) -> Vec<u8> {
    let padded = |filler: u8| {
        let mut block = [filler; 64];
        block
            .iter_mut()
            .zip(key)
            .for_each(|(byte, key)| *byte ^= key);
        block
    };
    let inner = Sha256::new()
        .chain_update(padded(0x36))
        .chain_update(message)
        .finalize();
    Sha256::new()
        .chain_update(padded(0x5c))
        .chain_update(inner)
        .finalize()
        .to_vec()
}

/// A certificate for a host name that vouches for itself, in PEM, and a TLS server that shows it.
pub fn self_signed(folder: &Path, host: &str) -> (String, Arc<rustls::ServerConfig>) {
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};

    let (certificate, key) = (folder.join("server.pem"), folder.join("server.key"));
    let made = Command::new("openssl")
        .args([
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
        ])
        .args(["-subj", &format!("/CN={host}")])
        .args(["-addext", &format!("subjectAltName=DNS:{host}")])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output()
        .expect("openssl is installed");
    assert!(made.status.success(), "{made:?}");
    let chain = CertificateDer::from_pem_file(&certificate).expect("a certificate");
    let private = PrivateKeyDer::from_pem_file(&key).expect("a key");
    let crypto = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(crypto)
        .with_safe_default_protocol_versions()
        .expect("its versions")
        .with_no_client_auth()
        .with_single_cert(vec![chain], private)
        .expect("the key belongs to the certificate");
    let pem = std::fs::read_to_string(certificate).expect("it can be read");
    (pem, Arc::new(config))
}
