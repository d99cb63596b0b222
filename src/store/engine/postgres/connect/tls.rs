//! TLS to the server, by rustls: whose certificate is believed, and which one is shown.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{
    CryptoProvider, KeyProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{
    ClientConfig, DigitallySignedStruct, Error, InconsistentKeys, RootCertStore, SignatureScheme,
};
use tokio_postgres_rustls::MakeRustlsConnect;

/// Bits of a key file by which others than its owner could use it, as libpq has it; a file of root may be
/// read by a group.
const OF_OTHERS: u32 = 0o077;
const OF_OTHERS_THAN_ROOT: u32 = 0o037;
/// How an encrypted key begins.
const ENCRYPTED: [&str; 2] = ["BEGIN ENCRYPTED PRIVATE KEY", "Proc-Type: 4,ENCRYPTED"];

/// Who may sign the server's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// Encrypted, but to whomever: `sslmode` prefer and require, as libpq does it.
    Unchecked,
    /// The operating system's roots.
    SystemRoots,
    /// The roots of this PEM file, for this name.
    Roots(PathBuf),
    /// The roots of this PEM file, whatever name the certificate is for: `sslmode` verify-ca.
    Chain(PathBuf),
}

/// The certificate that this program shows to the server, and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// Makes the connector; the error is a fragment for the operator, the parameter first.
pub(super) fn connector(
    trust: &Trust,
    identity: Option<&Identity>,
) -> Result<MakeRustlsConnect, String> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let key_provider = provider.key_provider;
    let any_name = |roots| Arc::new(AnyName { provider, roots });
    let builder = match trust {
        Trust::Unchecked => builder
            .dangerous()
            .with_custom_certificate_verifier(any_name(None)),
        Trust::Chain(path) => builder
            .dangerous()
            .with_custom_certificate_verifier(any_name(Some(roots_of(path)?))),
        Trust::SystemRoots => {
            let found = rustls_native_certs::load_native_certs();
            builder.with_root_certificates(roots(found.certs, "the system")?)
        }
        Trust::Roots(path) => builder.with_root_certificates(roots_of(path)?),
    };
    let config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let resolver = SingleCertAndKey::from(shown(identity, key_provider)?);
            builder.with_client_cert_resolver(Arc::new(resolver))
        }
    };
    Ok(MakeRustlsConnect::new(config))
}

/// The certificate and its key. Whether a certificate is one that the server takes is for the server to say:
/// it may be of the first version of X.509, which nothing here would believe.
fn shown(identity: &Identity, keys: &dyn KeyProvider) -> Result<CertifiedKey, String> {
    let Identity { certificate, key } = identity;
    let chain = certificates(certificate).map_err(|what| format!("sslcert: {what}"))?;
    let private = private_key(key).map_err(|what| format!("sslkey: {what}"))?;
    let private = keys
        .load_private_key(private)
        .map_err(|error| format!("sslkey: {}: {error}", key.display()))?;
    let certified = CertifiedKey::new(chain, private);
    match certified.keys_match() {
        Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
            let (certificate, key) = (certificate.display(), key.display());
            Err(format!(
                "sslcert {certificate} and sslkey {key}, which do not fit"
            ))
        }
        _ => Ok(certified),
    }
}

fn roots_of(path: &Path) -> Result<RootCertStore, String> {
    let found = certificates(path).map_err(|what| format!("sslrootcert: {what}"))?;
    roots(found, &path.display().to_string())
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let shown = path.display();
    let found = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| format!("cannot read {shown}: {error}"))?;
    if found.is_empty() {
        return Err(format!("{shown} holds no certificate in PEM"));
    }
    Ok(found)
}

fn roots(certificates: Vec<CertificateDer<'static>>, of: &str) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    let (added, _) = store.add_parsable_certificates(certificates);
    if added == 0 {
        return Err(format!(
            "sslrootcert: {of} has no root certificate that can be used"
        ));
    }
    Ok(store)
}

/// The key of a file that no other user can read.
fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    let shown = path.display();
    let cannot = |error: &dyn std::fmt::Display| format!("cannot read {shown}: {error}");
    let meta = std::fs::metadata(path).map_err(|error| cannot(&error))?;
    if !meta.is_file() {
        return Err(format!("{shown} is no file"));
    }
    let of_root = meta.uid() == 0;
    let forbidden = if of_root {
        OF_OTHERS_THAN_ROOT
    } else {
        OF_OTHERS
    };
    if meta.mode() & forbidden != 0 {
        return Err(format!(
            "{shown} can be used by others; chmod 600 (640 where root owns it)"
        ));
    }
    let pem = std::fs::read_to_string(path).map_err(|error| cannot(&error))?;
    if ENCRYPTED.iter().any(|mark| pem.contains(mark)) {
        return Err(format!(
            "{shown} is encrypted; decrypt it with openssl pkey, and keep it from others"
        ));
    }
    PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|error| cannot(&error))
}

/// Believes a certificate whatever name it is for, where its chain leads to the roots if there are any; but
/// never a handshake that its key did not sign.
#[derive(Debug)]
struct AnyName {
    provider: Arc<CryptoProvider>,
    roots: Option<RootCertStore>,
}

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Some(roots) = &self.roots {
            let certificate = ParsedCertificate::try_from(end_entity)?;
            let algorithms = self.provider.signature_verification_algorithms.all;
            verify_server_cert_signed_by_trust_anchor(
                &certificate,
                roots,
                intermediates,
                now,
                algorithms,
            )?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}
