//! How often somebody may try a password. Pure: time comes in.
//!
//! An attempt counts when it begins, so that parallel guesses cannot pass together; a success clears the account's
//! record. A denied attempt does not lengthen the wait: there is no lasting lock. A device that the account already
//! knows has a record of its own, so strangers who guess cannot make its owner wait.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::clock::millis;
use crate::limit;
use crate::store::AccountId;

/// A /24 of IPv4 or a /64 of IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Network(u64, bool);

impl Network {
    /// The network an address belongs to. IPv4 in IPv6 is IPv4.
    pub(crate) fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => Self(u64::from(v4.to_bits() >> 8), false),
            IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
                Some(v4) => Self::of(IpAddr::V4(v4)),
                None => Self((v6.to_bits() >> 64) as u64, v6 == Ipv6Addr::LOCALHOST),
            },
        }
    }
}

/// Whose attempts are counted together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Who {
    /// A user name tried from a network, known or not.
    Stranger(String, Network),
    /// A device that the account already has.
    Known(String, [u8; 16]),
}

#[derive(Debug, Clone, Copy)]
struct Attempts {
    count: u32,
    last_ms: u64,
}

/// A bucket that refills by the minute, in thousandths of an attempt.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    left_milli: u64,
    last_ms: u64,
}

/// All records.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    records: Mutex<Records>,
}

#[derive(Debug, Default)]
struct Records {
    accounts: BTreeMap<Who, Attempts>,
    networks: BTreeMap<Network, Bucket>,
}

impl Rates {
    /// Counts an attempt, or says how long to wait.
    ///
    /// Loopback has no network rate: it is the machine's owner, or a proxy behind which everyone looks the same.
    pub(crate) fn attempt(&self, who: &Who, from: IpAddr, now_ms: u64) -> Result<(), Duration> {
        let mut records = self.lock();
        if !from.to_canonical().is_loopback() {
            records.network(Network::of(from), now_ms)?;
        }
        records.account(who, now_ms)
    }

    /// Counts a registration against its network only.
    pub(crate) fn registration(&self, from: IpAddr, now_ms: u64) -> Result<(), Duration> {
        if from.to_canonical().is_loopback() {
            return Ok(());
        }
        self.lock().network(Network::of(from), now_ms)
    }

    /// Forgets the failures of `who`.
    pub(crate) fn succeeded(&self, who: &Who) {
        self.lock().accounts.remove(who);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Records> {
        // Records stay usable whatever a panicking holder left: they are only counts.
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How often each account may have something heavy done.
#[derive(Debug)]
pub(crate) struct AccountRates {
    a_minute: u32,
    accounts: Mutex<BTreeMap<AccountId, Bucket>>,
}

impl AccountRates {
    pub(crate) fn new(a_minute: u32) -> Self {
        Self {
            a_minute,
            accounts: Mutex::default(),
        }
    }

    /// Counts one, or says how long to wait.
    pub(crate) fn attempt(&self, account: AccountId, now_ms: u64) -> Result<(), Duration> {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        take(&mut accounts, account, self.a_minute, now_ms)
    }
}

impl Records {
    fn account(&mut self, who: &Who, now_ms: u64) -> Result<(), Duration> {
        trim(&mut self.accounts, |attempts| attempts.last_ms);
        let attempts = self.accounts.entry(who.clone()).or_insert(Attempts {
            count: 0,
            last_ms: now_ms,
        });
        if now_ms.saturating_sub(attempts.last_ms) > 2 * millis(limit::LOGIN_WAIT_MAX) {
            attempts.count = 0;
        }
        let free_ms = attempts.last_ms + wait_ms(attempts.count);
        if now_ms < free_ms {
            return Err(Duration::from_millis(free_ms - now_ms));
        }
        attempts.count = attempts.count.saturating_add(1);
        attempts.last_ms = now_ms;
        Ok(())
    }

    fn network(&mut self, network: Network, now_ms: u64) -> Result<(), Duration> {
        let a_minute = limit::LOGINS_PER_NETWORK_A_MINUTE;
        take(&mut self.networks, network, a_minute, now_ms)
    }
}

/// Takes one out of somebody's bucket, which refills by so many a minute.
fn take<K: Ord + Copy>(
    buckets: &mut BTreeMap<K, Bucket>,
    whose: K,
    a_minute: u32,
    now_ms: u64,
) -> Result<(), Duration> {
    const ONE: u64 = 1_000;
    let full = ONE * u64::from(a_minute);
    trim(buckets, |bucket| bucket.last_ms);
    let bucket = buckets.entry(whose).or_insert(Bucket {
        left_milli: full,
        last_ms: now_ms,
    });
    let refill = now_ms.saturating_sub(bucket.last_ms).saturating_mul(full) / 60_000;
    bucket.left_milli = bucket.left_milli.saturating_add(refill).min(full);
    bucket.last_ms = now_ms;
    match bucket.left_milli.checked_sub(ONE) {
        Some(left) => {
            bucket.left_milli = left;
            Ok(())
        }
        None => Err(Duration::from_millis(
            (ONE - bucket.left_milli).saturating_mul(60_000) / full + 1,
        )),
    }
}

/// The wait after `count` attempts without a success.
fn wait_ms(count: u32) -> u64 {
    let Some(over) = count.checked_sub(limit::LOGIN_FREE_ATTEMPTS) else {
        return 0;
    };
    let doubled = millis(limit::LOGIN_WAIT_FIRST).saturating_mul(1_u64 << over.min(20));
    doubled.min(millis(limit::LOGIN_WAIT_MAX))
}

/// Drops the older half of a full map.
fn trim<K: Ord + Clone, V>(map: &mut BTreeMap<K, V>, last_ms: impl Fn(&V) -> u64) {
    if map.len() < limit::RATE_RECORDS_MAX {
        return;
    }
    let mut times: Vec<u64> = map.values().map(&last_ms).collect();
    let middle = times.len() / 2;
    let (_, median, _) = times.select_nth_unstable(middle);
    let median = *median;
    map.retain(|_, value| last_ms(value) > median);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stranger() -> (Who, IpAddr) {
        let from: IpAddr = "203.0.113.9".parse().unwrap();
        (Who::Stranger("ann".into(), Network::of(from)), from)
    }

    #[test]
    fn five_attempts_then_growing_waits_up_to_a_quarter_of_an_hour() {
        let rates = Rates::default();
        let (who, from) = stranger();
        for _ in 0..5 {
            rates.attempt(&who, from, 0).unwrap();
        }
        let mut now_ms = 0;
        let mut waits = Vec::new();
        for _ in 0..10 {
            let wait = rates.attempt(&who, from, now_ms).unwrap_err();
            waits.push(wait.as_secs());
            now_ms += millis(wait);
            rates.attempt(&who, from, now_ms).unwrap();
        }
        assert_eq!(waits, [12, 24, 48, 96, 192, 384, 768, 900, 900, 900]);
    }

    #[test]
    fn denied_attempts_do_not_lengthen_the_wait_and_a_success_ends_it() {
        let rates = Rates::default();
        let (who, from) = stranger();
        for _ in 0..5 {
            rates.attempt(&who, from, 0).unwrap();
        }
        for now_ms in (0..12_000).step_by(2_000) {
            let wait = rates.attempt(&who, from, now_ms).unwrap_err();
            assert_eq!(millis(wait), 12_000 - now_ms);
        }
        rates.attempt(&who, from, 12_000).unwrap();
        rates.succeeded(&who);
        rates.attempt(&who, from, 12_000).unwrap();
    }

    #[test]
    fn guesses_do_not_slow_a_known_device_or_another_network() {
        let rates = Rates::default();
        let (who, from) = stranger();
        for now_ms in 0..10_000 {
            let _denied = rates.attempt(&who, from, now_ms);
        }
        let home: IpAddr = "198.51.100.7".parse().unwrap();
        rates
            .attempt(&Who::Known("ann".into(), [7; 16]), home, 10_000)
            .unwrap();
        rates
            .attempt(
                &Who::Stranger("ann".into(), Network::of(home)),
                home,
                10_000,
            )
            .unwrap();
    }

    #[test]
    fn a_network_gets_thirty_a_minute_and_loopback_is_free() {
        let rates = Rates::default();
        for host in 1..=30 {
            let from: IpAddr = format!("203.0.113.{host}").parse().unwrap();
            rates.registration(from, 0).unwrap();
        }
        let from: IpAddr = "203.0.113.99".parse().unwrap();
        let wait = rates.registration(from, 0).unwrap_err();
        assert!(wait.as_millis() <= 2_001, "{wait:?}");
        rates.registration(from, 2_001).unwrap();
        for local in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            for _ in 0..100 {
                rates.registration(local.parse().unwrap(), 0).unwrap();
            }
        }
    }

    #[test]
    fn networks_are_24_and_64_bits_wide() {
        let of = |text: &str| Network::of(text.parse().unwrap());
        assert_eq!(of("203.0.113.1"), of("203.0.113.254"));
        assert_ne!(of("203.0.113.1"), of("203.0.114.1"));
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::1"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:203.0.113.1"), of("203.0.113.2"));
    }

    #[test]
    fn records_stay_bounded() {
        let rates = Rates::default();
        let from: IpAddr = "127.0.0.1".parse().unwrap();
        for n in 0..limit::RATE_RECORDS_MAX as u64 + 10 {
            let who = Who::Known(n.to_string(), [0; 16]);
            rates.attempt(&who, from, n).unwrap();
        }
        assert!(rates.lock().accounts.len() <= limit::RATE_RECORDS_MAX);
    }
}
