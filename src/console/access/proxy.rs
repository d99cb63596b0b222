//! Login by a proxy that has authenticated the user (single sign-on). Its headers count only from its own
//! address, and with its secret where one is configured.

use std::net::SocketAddr;

use actix_web::HttpRequest;

use crate::config::{ProxyLogin, Scope};
use crate::http::server::headers::{joined, single_header};
use crate::http::server::peer::Peer;

/// Longest name that is taken.
const NAME_CHARS_MAX: usize = 128;

/// A user whom the proxy names.
pub struct Named {
    /// `proxy:` and the name, so that it is never a reader's.
    pub name: String,
    pub scopes: Vec<Scope>,
}

impl ProxyLogin {
    fn is_trusted(&self, peer: Option<SocketAddr>) -> bool {
        peer.is_some_and(|peer| self.trusted.iter().any(|net| net.contains(peer.ip())))
    }

    /// The user of a request; `None` where it does not come from the proxy, or the proxy names none.
    pub fn user(&self, request: &HttpRequest) -> Option<Named> {
        if !self.is_trusted(request.peer_addr()) {
            return None;
        }
        if let Some((header, digest)) = &self.secret {
            single_header(request, header).filter(|secret| digest.matches(secret))?;
        }
        let name = single_header(request, &self.user_header)?;
        let is_name = (1..=NAME_CHARS_MAX).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_name {
            return None;
        }
        let mut scopes = self.scopes.clone();
        if let Some((header, groups)) = &self.groups {
            let list = joined(request, header).unwrap_or_default();
            for group in list.split(',').map(str::trim) {
                scopes.extend(groups.get(group).into_iter().flatten());
            }
        }
        Some(Named {
            name: format!("proxy:{name}"),
            scopes,
        })
    }
}

/// Who counts as the peer of a login: behind the proxy it is the address that the proxy saw.
pub fn peer_of(proxy: Option<&ProxyLogin>, request: &HttpRequest) -> Option<Peer> {
    let peer = request.peer_addr()?;
    let by_proxy = || {
        proxy.filter(|proxy| proxy.is_trusted(Some(peer)))?;
        let forwarded = joined(request, "x-forwarded-for")?;
        let last = forwarded.rsplit(',').next()?.trim().parse().ok()?;
        Some(SocketAddr::new(last, 0))
    };
    Some(Peer::from(by_proxy().unwrap_or(peer)))
}
