//! What all HTTP clients here have in common: TLS by aws-lc, no redirect followed, any status is a response.

use std::sync::Arc;

use ureq::Agent;
use ureq::config::ConfigBuilder;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
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

/// The settings that every agent begins with. `roots`: in place of the public ones.
pub(crate) fn config(roots: Option<&CaCertificates>) -> ConfigBuilder<AgentScope> {
    let crypto = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let roots = match roots {
        Some(roots) => RootCerts::new_with_certs(&roots.0),
        None => RootCerts::WebPki,
    };
    let tls = TlsConfig::builder()
        .unversioned_rustls_crypto_provider(crypto)
        .root_certs(roots)
        .build();
    Agent::config_builder()
        .tls_config(tls)
        .http_status_as_error(false)
        .max_redirects(0)
        .user_agent(concat!("refund-receiver/", env!("CARGO_PKG_VERSION")))
}
