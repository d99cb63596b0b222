//! What a process keeps from its start to its end, so that a reload can say that it has changed.

use super::Checker;
use super::file::File;
use crate::crypto::sha256;

/// The value of a key that a reload cannot change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fixed {
    /// The key: `server.listen`.
    pub key: &'static str,
    /// SHA-256 of its value, which may hold a password.
    value: [u8; 32],
}

impl Checker {
    /// Every such key. A secret is compared as it was read: its file may have changed.
    pub(super) fn fixed(&mut self, file: &File) -> Vec<Fixed> {
        let url = self.secret("store.url", &file.store.url);
        let url = url.map_or(String::new(), |url| url.expose().to_owned());
        let may_lose = file.store.may_lose_acknowledged_callbacks;
        let values = [
            ("server.listen", file.server.listen.clone()),
            (
                "server.internal_listen",
                file.server.internal_listen.clone(),
            ),
            ("store.url", url),
            (
                "store.evidence",
                file.store.evidence.clone().unwrap_or_default(),
            ),
            (
                "store.may_lose_acknowledged_callbacks",
                may_lose.is_some_and(|may_lose| may_lose.0).to_string(),
            ),
            // Its routes are made with the listener.
            ("console", format!("{:?}", file.console)),
        ];
        let fixed = values.map(|(key, value)| Fixed {
            key,
            value: sha256(value.as_bytes()),
        });
        fixed.to_vec()
    }
}
