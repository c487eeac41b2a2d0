//! Notices that the network may have come back, or that the machine was asleep: while a watch waits for its next attempt, what the system
//! tells of its addresses and routes is looked at once a second. Where the system tells nothing (not Linux), only sleep is noticed.

use std::fs;
use std::time::{Duration, Instant, SystemTime};

/// How often to look.
const LOOK: Duration = Duration::from_secs(1);
/// The wall clock running so far ahead of the steady one means that the machine slept.
const ASLEEP_MIN: Duration = Duration::from_secs(5);
/// Routes of IPv4 with the way they go, and addresses of IPv6.
const ROUTES: &str = "/proc/net/route";
const ADDRESSES: &str = "/proc/net/if_inet6";
/// Columns of a route that say where it goes; the rest is counted use.
const ROUTE_COLUMNS: usize = 3;

/// Returns when another attempt to connect is worth while because something has changed since it was called.
pub(super) async fn changed() {
    let (mut known, mut steady, mut wall) = (reachable(), Instant::now(), SystemTime::now());
    loop {
        tokio::time::sleep(LOOK).await;
        let seen = reachable();
        let has_slept = wall
            .elapsed()
            .is_ok_and(|wall| wall > steady.elapsed() + ASLEEP_MIN);
        if has_slept || (seen != known && !seen.is_empty()) {
            return;
        }
        (known, steady, wall) = (seen, Instant::now(), SystemTime::now());
    }
}

/// What can be reached and over which way, as far as the system tells.
fn reachable() -> Vec<String> {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    ways(&read(ROUTES), &read(ADDRESSES))
}

fn ways(routes: &str, addresses: &str) -> Vec<String> {
    let routes = routes.lines().skip(1).map(|line| {
        let columns: Vec<&str> = line.split_whitespace().take(ROUTE_COLUMNS).collect();
        columns.join(" ")
    });
    // The loopback interface is always there.
    let addresses = addresses
        .lines()
        .filter(|line| !line.trim_end().ends_with(" lo"))
        .map(str::to_owned);
    routes.chain(addresses).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\n";

    #[test]
    fn a_way_is_what_leads_somewhere_not_how_often_it_was_gone() {
        let off = ways(
            HEAD,
            "00000000000000000000000000000001 01 80 10 80       lo\n",
        );
        assert!(off.is_empty());
        let on = |used: u32| {
            let route = format!("{HEAD}eth0\t00000000\t0100A8C0\t0003\t0\t{used}\t100\n");
            ways(
                &route,
                "fe80000000000000021122fffe334455 02 40 20 80     eth0\n",
            )
        };
        assert_eq!(on(0), on(7));
        assert_eq!(on(0).len(), 2);
        assert_ne!(
            on(0),
            ways(&format!("{HEAD}wlan0\t00000000\t0100A8C0\n"), "")
        );
    }
}
