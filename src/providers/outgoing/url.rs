//! Which addresses requests are sent to: those of TLS, or of this machine.

/// The error follows the name of the key.
pub(super) fn check_url(text: &str, allows_http: bool) -> Result<(), String> {
    let shape =
        "must be an address such as https://pay.example.com/api, without user, query or fragment";
    let (scheme, rest) = text.split_once("://").ok_or(shape)?;
    let authority = rest.split('/').next().unwrap_or_default();
    let is_plain = |b: u8| b.is_ascii_graphic() && !b"?#@\\\"<>".contains(&b);
    if authority.is_empty() || !rest.bytes().all(is_plain) {
        return Err(shape.to_owned());
    }
    match scheme {
        "https" => Ok(()),
        "http" if allows_http || is_loopback(authority) => Ok(()),
        "http" => Err(
            "must begin with https://: replies are as good as the TLS that they come by; http:// is taken to \
             loopback, or with allow_http = true"
                .to_owned(),
        ),
        _ => Err(shape.to_owned()),
    }
}

fn is_loopback(authority: &str) -> bool {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let address = host.parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_loopback_unless_allowed() {
        for good in [
            "https://pay.example.com/api",
            "http://127.0.0.1:8090/payermax",
            "http://[::1]:8090",
            "http://localhost/x",
        ] {
            assert_eq!(check_url(good, false), Ok(()), "{good}");
        }
        for bad in [
            "http://pay.example.com/api",
            "http://10.0.0.7/api",
            "http://localhost.example.com/",
            "http://127.0.0.1@evil.example/",
            "ftp://a/",
            "pay.example.com",
            "https://",
            "https://a/?b=c",
            "https://a b/",
        ] {
            assert!(check_url(bad, false).is_err(), "{bad}");
        }
        assert_eq!(check_url("http://10.0.0.7/api", true), Ok(()));
    }
}
