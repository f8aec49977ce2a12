//! Where a callback comes from, and whether that is one of the vendor's addresses.

use axum::http::HeaderMap;
use ipnet::IpNet;
use std::net::IpAddr;

/// The header in which proxies name who called them.
const FORWARDED: &str = "x-forwarded-for";

/// Who may call back.
#[derive(Clone, Debug, Default)]
pub(super) struct Sources {
    /// The vendor's networks; empty: any.
    pub(super) allowed: Vec<IpNet>,
    /// Our own proxies.
    pub(super) proxies: Vec<IpNet>,
}

// === impl Sources ===

impl Sources {
    /// Whether a request from `peer` may be one of the vendor's. Only our own proxies are believed when they
    /// name somebody else: the last in the list that is not one of them.
    pub(super) fn allow(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> bool {
        if self.allowed.is_empty() {
            return true;
        }
        let Some(peer) = peer.map(|ip| ip.to_canonical()) else { return false };
        let forwarded = headers.get_all(FORWARDED).iter().filter_map(|v| v.to_str().ok()).collect::<Vec<_>>().join(",");
        let mut caller = peer;
        for hop in forwarded.rsplit(',') {
            if !within(&self.proxies, caller) {
                break;
            }
            match hop.trim().parse::<IpAddr>() {
                Ok(hop) => caller = hop.to_canonical(),
                Err(_) => break,
            }
        }
        within(&self.allowed, caller)
    }
}

fn within(networks: &[IpNet], ip: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(&ip))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_proxies_are_believed() {
        let nets = |texts: &[&str]| texts.iter().map(|t| t.parse().unwrap()).collect::<Vec<IpNet>>();
        let sources = Sources { allowed: nets(&["203.0.113.0/24", "2001:db8::/32"]), proxies: nets(&["127.0.0.1/32"]) };
        let allow = |peer: &str, forwarded: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(FORWARDED, forwarded.parse().unwrap());
            sources.allow(peer.parse().ok(), &headers)
        };
        assert!(allow("203.0.113.9", ""));
        assert!(allow("::ffff:203.0.113.9", "") && allow("2001:db8::1", ""));
        assert!(!allow("198.51.100.1", "203.0.113.9"), "a stranger names himself");
        assert!(allow("127.0.0.1", "203.0.113.9"));
        assert!(!allow("127.0.0.1", "203.0.113.9, 198.51.100.1"), "who calls can write what he likes in front");
        assert!(allow("127.0.0.1", "198.51.100.1, 203.0.113.9, 127.0.0.1"));
        assert!(!allow("127.0.0.1", "") && !allow("127.0.0.1", "nonsense"));
        assert!(!allow("unknown", "203.0.113.9"));
        assert!(Sources::default().allow(None, &HeaderMap::new()));
    }
}
