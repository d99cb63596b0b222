//! Which faults the soak draws.

use crate::sandbox::server::random::Random;

const PROVIDERS: [&str; 4] = ["payermax", "paycools", "quickpay", "nmanagement"];
const OF_CALLS: [&str; 23] = [
    "before-accept-500",
    "before-accept-503",
    "after-accept-500",
    "after-accept-502",
    "after-accept-cut",
    "after-accept-cut",
    "after-accept-hang",
    "after-accept-reset",
    "slow",
    "slow-log-normal",
    "late",
    "reset",
    "half-body",
    "garbage",
    "wrong-content-type",
    "bom",
    "gzip",
    "says-gzip",
    "redirect",
    "429",
    "bad-sign",
    "no-sign",
    "new-key",
];
/// These as well, of the call `refund`.
const OF_REFUNDS: [&str; 3] = ["early", "expired", "skew"];
const OF_CALLBACKS: [&str; 10] = [
    "drop",
    "duplicate",
    "corrupt",
    "delay",
    "reorder",
    "at-once",
    "gbk",
    "bad-sign",
    "no-sign",
    "old-key",
];
/// Of lists of the bank's client.
const OF_LISTS: [&str; 4] = ["empty-list", "second-page", "status-5", "after-accept-cut"];

/// A fault of the next calls of a provider.
pub struct Drawn {
    pub provider: &'static str,
    pub call: &'static str,
    pub fault: &'static str,
}

impl Drawn {
    pub fn draw(random: &mut Random) -> Self {
        let provider = random.pick(&PROVIDERS).copied().unwrap_or_default();
        let calls = ["refund", "refund", "query", "callback"];
        let call = random.pick(&calls).copied().unwrap_or_default();
        let of_refund = call == "refund" && random.percent(15);
        // nManagement is asked through the bank's client.
        let is_bank = provider == "nmanagement" && call == "query";
        let faults = match call {
            "callback" => &OF_CALLBACKS[..],
            _ if is_bank => &OF_LISTS[..],
            _ if of_refund => &OF_REFUNDS[..],
            _ => &OF_CALLS[..],
        };
        Self {
            provider: if is_bank { "ccb" } else { provider },
            call,
            fault: random.pick(faults).copied().unwrap_or_default(),
        }
    }
}
