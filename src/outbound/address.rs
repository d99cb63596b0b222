//! Address check for outgoing requests (SSRF). The host name is resolved for each connection, and the
//! connection goes to the very address that passed the check, so DNS rebinding gains nothing.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

const URL_CHARS_MAX: usize = 2_000;

/// The URL of an endpoint.
#[derive(Clone, PartialEq, Eq)]
pub struct EndpointUrl {
    uri: Uri,
    /// It came from a variable or its own file, so everything but the host may be secret.
    is_secret: bool,
}

/// Worded to follow the name of the config key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointUrlError {
    /// Not an absolute URL, or too long.
    #[error("must be an address such as https://erp.example.com/refunds")]
    Shape,
    /// Plain HTTP could be read on the way.
    #[error("must begin with https://; http:// is accepted with allow_private = true only")]
    NotHttps,
    /// It would be logged.
    #[error("must not hold a user name or password; the receiver checks the signature")]
    UserInfo,
}

impl EndpointUrl {
    /// Parses an absolute URL; plain HTTP is for private targets only.
    pub fn parse(text: &str, allow_private: bool) -> Result<Self, EndpointUrlError> {
        let uri: Uri = text.parse().map_err(|_| EndpointUrlError::Shape)?;
        let authority = uri.authority().ok_or(EndpointUrlError::Shape)?;
        if authority.host().is_empty() || text.len() > URL_CHARS_MAX || text.contains('#') {
            return Err(EndpointUrlError::Shape);
        }
        if authority.as_str().contains('@') {
            return Err(EndpointUrlError::UserInfo);
        }
        match uri.scheme_str() {
            Some("https") => Ok(Self::plain(uri)),
            Some("http") if allow_private => Ok(Self::plain(uri)),
            Some("http") => Err(EndpointUrlError::NotHttps),
            _ => Err(EndpointUrlError::Shape),
        }
    }

    const fn plain(uri: Uri) -> Self {
        Self {
            uri,
            is_secret: false,
        }
    }

    /// Shows only the host from now on.
    pub fn hide(&mut self) {
        self.is_secret = true;
    }

    pub(crate) fn uri(&self) -> &Uri {
        &self.uri
    }
}

/// The URL with `mask` for its query; `None` if it is no URL, or holds a user name or password.
pub fn shown_url(text: &str, mask: &str) -> Option<String> {
    let url = EndpointUrl::parse(text, true).ok()?;
    Some(match url.uri.query() {
        None => url.to_string(),
        Some(_) => format!("{url}?{mask}"),
    })
}

impl fmt::Display for EndpointUrl {
    /// Without the query, which may hold a key; a hidden URL also without its path.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, authority) = (self.uri.scheme_str(), self.uri.authority());
        write!(f, "{}://", scheme.unwrap_or_default())?;
        authority.map_or(Ok(()), |authority| write!(f, "{authority}"))?;
        if self.is_secret {
            return f.write_str("/********");
        }
        f.write_str(self.uri.path())
    }
}

impl fmt::Debug for EndpointUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Resolves host names and drops the addresses that are not allowed.
#[derive(Debug)]
pub(crate) struct CheckedResolver {
    pub allow_private: bool,
    pub names: DefaultResolver,
}

/// Error text for an address that is not allowed.
pub(crate) const REFUSED: &str =
    "its address is private, loopback or link-local; set allow_private = true to push there";

impl Resolver for CheckedResolver {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let found = self.names.resolve(uri, config, timeout)?;
        if self.allow_private {
            return Ok(found);
        }
        let mut allowed = self.empty();
        for address in found.iter().filter(|address| is_public(address.ip())) {
            allowed.push(*address);
        }
        if allowed.is_empty() {
            return Err(Error::BadUri(REFUSED.to_owned()));
        }
        Ok(allowed)
    }
}

/// Whether the address is globally reachable.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => match embedded_v4(address) {
            Some(inner) => is_public_v4(inner),
            None => is_public_v6(address),
        },
    }
}

/// By the special-purpose address registry (RFC 6890 and its successors).
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_shared = a == 100 && (64..128).contains(&b); // carriers' own
    let is_protocol = (a, b, c) == (192, 0, 0);
    let is_relay = (a, b, c) == (192, 88, 99);
    let is_benchmark = a == 198 && (b == 18 || b == 19);
    !(a == 0
        || a >= 224
        || is_shared
        || is_protocol
        || is_relay
        || is_benchmark
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation())
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    let is_global = a & 0xe000 == 0x2000; // 2000::/3
    let is_protocol = a == 0x2001 && b < 0x0200; // 2001::/23, Teredo among it
    let is_documentation = (a == 0x2001 && b == 0x0db8) || (a == 0x3fff && b < 0x1000);
    is_global && !is_protocol && !is_documentation
}

/// The IPv4 address that a translator (NAT64, 6to4) would connect to.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let segments = address.segments();
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match segments {
        // ::ffff:0:0/96 as such, and 64:ff9b::/96 through a gateway.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            Some(v4(high, low))
        }
        [0x2002, high, low, ..] => Some(v4(high, low)), // 6to4
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_reached_by_https_or_inside() {
        let shown = |text, private| EndpointUrl::parse(text, private).map(|url| url.to_string());
        assert_eq!(
            shown("https://erp.example.com:8443/a?key=1", false),
            Ok("https://erp.example.com:8443/a".to_owned())
        );
        assert_eq!(
            shown("http://[::1]:80/", true),
            Ok("http://[::1]:80/".to_owned())
        );
        for (text, error) in [
            ("http://erp.example.com/", EndpointUrlError::NotHttps),
            (
                "https://user:word@erp.example.com/",
                EndpointUrlError::UserInfo,
            ),
            ("erp.example.com", EndpointUrlError::Shape),
            ("/path", EndpointUrlError::Shape),
            ("ftp://erp.example.com/", EndpointUrlError::Shape),
            ("https:///path", EndpointUrlError::Shape),
            ("https://a/#b", EndpointUrlError::Shape),
            ("", EndpointUrlError::Shape),
        ] {
            assert_eq!(shown(text, false), Err(error), "{text}");
        }
    }

    #[test]
    fn only_what_is_reached_from_everywhere_is_public() {
        for public in [
            "1.1.1.1",
            "93.184.216.34",
            "100.128.0.1",
            "2606:4700::1111",
            "::ffff:1.1.1.1",
            "64:ff9b::101:101",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for inside in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.168.0.1",
            "198.18.0.1",
            "203.0.113.7",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::a00:1",
            "2002:7f00:1::1",
            "2001:0:1::1",
            "2001:db8::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public(inside.parse().unwrap()), "{inside}");
        }
    }
}
