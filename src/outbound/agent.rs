//! What all HTTP clients here have in common: TLS by aws-lc, no redirect followed, any status is a response.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use ureq::Agent;
use ureq::config::ConfigBuilder;
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};
use ureq::typestate::AgentScope;

/// CA certificates that are trusted in place of the public ones.
#[derive(Clone, Debug)]
pub struct CaCertificates(Vec<Certificate<'static>>);

#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("holds no certificate in PEM")]
pub struct CaCertificatesError;

impl PartialEq for CaCertificates {
    fn eq(&self, other: &Self) -> bool {
        let bytes = |roots: &Self| -> Vec<Vec<u8>> {
            roots.0.iter().map(|one| one.der().to_vec()).collect()
        };
        bytes(self) == bytes(other)
    }
}

impl CaCertificates {
    /// Reads certificates in PEM.
    pub fn parse(pem: &str) -> Result<Self, CaCertificatesError> {
        let mut certificates = Vec::new();
        for item in parse_pem(pem.as_bytes()) {
            if let PemItem::Certificate(certificate) = item.map_err(|_| CaCertificatesError)? {
                certificates.push(certificate);
            }
        }
        if certificates.is_empty() {
            return Err(CaCertificatesError);
        }
        Ok(Self(certificates))
    }
}

/// The certificate by which a client proves itself to a server that asks for one.
#[derive(Clone, Debug)]
pub struct ClientIdentity(ClientCert);

/// Worded to follow the name of what it is about.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ClientIdentityError {
    #[error(transparent)]
    Certificate(#[from] CaCertificatesError),
    #[error("holds no unencrypted private key in PEM")]
    NoKey,
    #[error("cannot be used with the certificate: {0}")]
    Key(rustls::Error),
}

impl ClientIdentityError {
    /// Whether the key is at fault, and not the certificate.
    pub fn is_about_key(&self) -> bool {
        !matches!(self, Self::Certificate(_))
    }
}

impl ClientIdentity {
    /// Reads a certificate with those between it and its root, and its key.
    pub fn parse(certificate_pem: &str, key_pem: &str) -> Result<Self, ClientIdentityError> {
        let CaCertificates(chain) = CaCertificates::parse(certificate_pem)?;
        let key = PrivateKey::from_pem(key_pem.as_bytes());
        let key = key.map_err(|_| ClientIdentityError::NoKey)?;
        check_pair(&chain, key_pem)?;
        Ok(Self(ClientCert::new_with_certs(&chain, key)))
    }
}

/// An agent panics over a pair that TLS cannot use.
fn check_pair(chain: &[Certificate<'_>], key_pem: &str) -> Result<(), ClientIdentityError> {
    let chain = chain.iter().map(|one| CertificateDer::from(one.der()));
    let chain = chain.map(CertificateDer::into_owned).collect();
    let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes());
    let key = key.map_err(|_| ClientIdentityError::NoKey)?;
    let crypto = rustls::crypto::aws_lc_rs::default_provider();
    let pair = CertifiedKey::from_der(chain, key, &crypto);
    pair.map(drop).map_err(ClientIdentityError::Key)
}

/// The settings that every agent begins with. `roots`: in place of the public ones.
pub(crate) fn config(
    roots: Option<&CaCertificates>,
    identity: Option<&ClientIdentity>,
) -> ConfigBuilder<AgentScope> {
    let crypto = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let roots = match roots {
        Some(roots) => RootCerts::new_with_certs(&roots.0),
        None => RootCerts::WebPki,
    };
    let tls = TlsConfig::builder()
        .unversioned_rustls_crypto_provider(crypto)
        .root_certs(roots)
        .client_cert(identity.map(|identity| identity.0.clone()))
        .build();
    Agent::config_builder()
        .tls_config(tls)
        .http_status_as_error(false)
        .max_redirects(0)
        .user_agent(concat!("refund-receiver/", env!("CARGO_PKG_VERSION")))
}
