//! Keys of the tests. Making one takes a second, so those that need no key of their own share these.

use std::sync::LazyLock;

use super::{RequestKey, SigningKey};

/// A provider's.
pub static PROVIDER: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate().unwrap());
/// Ours.
pub static OURS: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate().unwrap());

/// Ours, as it signs requests.
pub fn ours() -> RequestKey {
    RequestKey::parse(OURS.to_pem()).unwrap()
}
