//! Ranges of addresses that requests are taken from, where the config names any.

use std::net::IpAddr;

/// Bits before the IPv4 address in an IPv6 address that holds one (`::ffff:10.20.0.1`).
const MAPPED_BITS: u8 = 96;

/// A range of addresses, `10.20.0.0/16`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// Reads `ADDRESS/PREFIX` or a single address.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix: u8 = match prefix {
            Some(prefix) => prefix.parse().ok().filter(|prefix| *prefix <= bits)?,
            None => bits,
        };
        // A peer that comes as a mapped address is compared as the IPv4 address that it is.
        let (address, prefix) = match (address, address.to_canonical()) {
            (IpAddr::V6(_), mapped @ IpAddr::V4(_)) => (mapped, prefix.checked_sub(MAPPED_BITS)?),
            _ => (address, prefix),
        };
        Some(Self { address, prefix })
    }

    /// Whether the address lies in the range; an IPv4 address written as IPv6 counts as IPv4.
    pub fn contains(self, peer: IpAddr) -> bool {
        let (bits, own, other) = match (self.address, peer.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                (32, u128::from(own.to_bits()), u128::from(other.to_bits()))
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => (128, own.to_bits(), other.to_bits()),
            _ => return false,
        };
        let host_bits = bits - u32::from(self.prefix);
        // A shift by the full width is not defined; such a range holds every address.
        host_bits == 128 || own >> host_bits == other >> host_bits
    }
}

impl Network {
    /// Whether an address lies in both ranges.
    pub fn overlaps(self, other: Self) -> bool {
        self.contains(other.address) || other.contains(self.address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_holds_its_own_addresses_only() {
        for (network, peer, inside) in [
            ("10.20.0.0/16", "10.20.255.1", true),
            ("10.20.0.0/16", "10.21.0.1", false),
            ("10.20.0.0/16", "::ffff:10.20.0.9", true),
            ("::ffff:10.20.0.0/112", "10.20.0.9", true),
            ("::ffff:10.20.0.0/112", "10.21.0.9", false),
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "127.0.0.2", false),
            ("0.0.0.0/0", "192.0.2.1", true),
            ("::/0", "2001:db8::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
        ] {
            let network = Network::parse(network).unwrap();
            assert_eq!(
                network.contains(peer.parse().unwrap()),
                inside,
                "{network:?} {peer}"
            );
        }
        for bad in [
            "",
            "10.0.0.0/33",
            "10.0.0/8",
            "x",
            "10.0.0.0/-1",
            "::ffff:10.0.0.0/90",
        ] {
            assert_eq!(Network::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn ranges_overlap_where_one_holds_the_other() {
        for (one, other, overlap) in [
            ("10.0.0.0/8", "10.20.0.0/16", true),
            ("10.20.0.0/16", "10.21.0.0/16", false),
            ("10.20.0.1", "::ffff:10.20.0.1", true),
            ("0.0.0.0/0", "::/0", false),
            ("::/0", "2001:db8::/32", true),
        ] {
            let (one, other) = (Network::parse(one).unwrap(), Network::parse(other).unwrap());
            assert_eq!(one.overlaps(other), overlap, "{one:?} {other:?}");
            assert_eq!(other.overlaps(one), overlap, "{other:?} {one:?}");
        }
    }
}
