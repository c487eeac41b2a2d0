//! What an account may have the server do for nothing: changes that are refused, blobs that are not there. Some of it is honest and is
//! free; past that the account's sessions are listened to only as fast as the rest drains. Pure: it is told the time.

use crate::clock::millis;
use crate::limit;

/// Items spent and not drained yet.
#[derive(Debug, Default)]
pub(super) struct Pace {
    items: u64,
    /// Less than an item, in thousandths.
    remainder: u64,
    drained_ms: u64,
}

impl Pace {
    /// Notes items spent for nothing; says until when to wait, which is no later than now while they are free.
    pub(super) fn spend(&mut self, items: usize, now_ms: u64) -> u64 {
        self.drain(now_ms);
        let most = limit::WASTE_FREE_ITEMS
            + limit::WASTE_ITEMS_A_SECOND * limit::WASTE_PAUSE_MAX.as_secs();
        self.items = (self.items + items as u64).min(most);
        let over = self.items.saturating_sub(limit::WASTE_FREE_ITEMS);
        let wait_ms = (over * 1_000).div_ceil(limit::WASTE_ITEMS_A_SECOND);
        now_ms + wait_ms.min(millis(limit::WASTE_PAUSE_MAX))
    }

    /// Whether everything has drained.
    pub(super) fn is_forgotten(&mut self, now_ms: u64) -> bool {
        self.drain(now_ms);
        self.items == 0
    }

    fn drain(&mut self, now_ms: u64) {
        let passed_ms = now_ms.saturating_sub(self.drained_ms);
        self.drained_ms = self.drained_ms.max(now_ms);
        let thousandths = passed_ms.saturating_mul(limit::WASTE_ITEMS_A_SECOND);
        let drained = thousandths.saturating_add(self.remainder);
        self.items = self.items.saturating_sub(drained / 1_000);
        self.remainder = if self.items == 0 { 0 } else { drained % 1_000 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FREE: usize = limit::WASTE_FREE_ITEMS as usize;
    const A_SECOND: usize = limit::WASTE_ITEMS_A_SECOND as usize;

    #[test]
    fn what_is_honest_is_free_and_what_is_more_is_waited_for() {
        let mut pace = Pace::default();
        assert_eq!(pace.spend(FREE, 5_000), 5_000);
        assert_eq!(pace.spend(A_SECOND, 5_000), 6_000);
        assert_eq!(pace.spend(0, 6_000), 6_000);
        assert_eq!(pace.spend(1, 6_000), 6_001);
        // A clock that stands or goes back drains nothing twice.
        assert_eq!(pace.spend(0, 5_999), 6_000);
        assert!(!pace.is_forgotten(10_000));
        assert!(pace.is_forgotten(6_001 + 1_000 * (FREE / A_SECOND) as u64));
        assert_eq!(pace.spend(FREE, 60_000), 60_000);
    }

    #[test]
    fn over_a_long_time_no_more_is_done_than_drains_whoever_asks() {
        let mut pace = Pace::default();
        let (mut now_ms, mut done) = (0, 0);
        for turn in 0..10_000 {
            let items = 1 + turn * 37 % 1_000;
            done += items;
            now_ms = now_ms.max(pace.spend(items, now_ms));
        }
        let drained = FREE + A_SECOND * usize::try_from(now_ms).unwrap() / 1_000;
        assert!(done <= drained, "{done} of {drained}");
    }

    #[test]
    fn a_pause_ends_within_its_bound_whatever_came() {
        let mut pace = Pace::default();
        for _ in 0..100 {
            let until_ms = pace.spend(usize::MAX / 200, 1_000);
            assert!(until_ms <= 1_000 + millis(limit::WASTE_PAUSE_MAX));
        }
        let longest_ms = millis(limit::WASTE_PAUSE_MAX) + 1_000 * (FREE / A_SECOND) as u64;
        assert!(pace.is_forgotten(1_000 + longest_ms));
    }
}
