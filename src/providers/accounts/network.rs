//! Ranges of addresses that requests are taken from, where the config names any.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};

/// Bits before the IPv4 address in an IPv6 address that holds one (`::ffff:10.20.0.1`).
const MAPPED_BITS: u8 = 96;

/// A range of addresses, `10.20.0.0/16`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network(IpNet);

impl Network {
    /// Reads `ADDRESS/PREFIX` or a single address. One that is mapped into IPv6 is the IPv4 one that it is.
    pub fn parse(text: &str) -> Option<Self> {
        // The crate's own reader takes leading zeros, which some programs read as octal.
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let network = match prefix {
            Some(prefix) => IpNet::new(address, prefix.parse().ok()?).ok()?,
            None => IpNet::from(address),
        };
        match network.addr().to_canonical() {
            IpAddr::V4(address) if matches!(network, IpNet::V6(_)) => {
                let prefix = network.prefix_len().checked_sub(MAPPED_BITS)?;
                Some(Self(Ipv4Net::new(address, prefix).ok()?.into()))
            }
            _ => Some(Self(network)),
        }
    }

    /// Whether the address lies in the range; an IPv4 address written as IPv6 counts as IPv4.
    pub fn contains(self, peer: IpAddr) -> bool {
        self.0.contains(&peer.to_canonical())
    }

    /// Whether an address lies in both ranges.
    pub fn overlaps(self, other: Self) -> bool {
        self.0.contains(&other.0) || other.0.contains(&self.0)
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
            "10.20.07.0/16",
            "10.0.0.0/8/8",
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
