use super::*;

const BOUNDS: Bounds = Bounds {
    workers: 6,
    jobs_per_key: 3,
};

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

#[test]
fn one_worker_goes_round_the_accounts_whatever_came_first() {
    let one = Bounds {
        workers: 1,
        ..BOUNDS
    };
    let mut turns = Turns::new(one);
    for number in 0..5 {
        turns.push('a', number);
    }
    turns.push('b', 10);
    turns.push('c', 20);
    turns.push('b', 11);
    let mut order = Vec::new();
    while let Some((key, job)) = turns.next() {
        order.push((key, job));
        turns.finished(key);
    }
    let round = [('a', 0), ('b', 10), ('c', 20), ('a', 1), ('b', 11)];
    let rest = [('a', 2), ('a', 3), ('a', 4)];
    assert_eq!(order, [&round[..], &rest[..]].concat());
    assert!(turns.is_idle());
}

#[test]
fn a_flood_leaves_workers_for_who_comes_late() {
    let mut turns = Turns::new(BOUNDS);
    for number in 0..100 {
        turns.push("flood", number);
    }
    let begun = std::iter::from_fn(|| turns.next()).count();
    assert_eq!(begun, BOUNDS.jobs_per_key);
    turns.push("honest", 100);
    assert_eq!(turns.next(), Some(("honest", 100)));
    assert_eq!(turns.next(), None);
    turns.finished("flood");
    assert_eq!(turns.next(), Some(("flood", BOUNDS.jobs_per_key)));
}

/// Any arrivals and ends in any order: bounds hold, a key's jobs stay in order, nothing is lost, and between two
/// turns of one key every other key that was ready all the time had its own.
#[test]
fn bounds_order_and_turns_hold_in_any_order_of_events() {
    for seed in 1..400 {
        let mut dice = Dice(seed * 0x9e37_79b9);
        let mut turns = Turns::new(BOUNDS);
        let mut running: Vec<u64> = Vec::new();
        let mut pushed = BTreeMap::<u64, usize>::new();
        let mut begun = BTreeMap::<u64, usize>::new();
        // For each key: keys granted since it became ready.
        let mut overtaken = BTreeMap::<u64, Vec<u64>>::new();
        for step in 0..400 {
            match dice.below(3) {
                0 if step < 300 => {
                    let key = dice.below(4);
                    let number = pushed.entry(key).or_default();
                    turns.push(key, *number);
                    *number += 1;
                }
                1 if !running.is_empty() => {
                    let at = dice.below(running.len() as u64) as usize;
                    turns.finished(running.swap_remove(at));
                }
                _ => {
                    for (key, line) in &turns.lines {
                        match line.may_go_on(BOUNDS) {
                            true => drop(overtaken.entry(*key).or_default()),
                            false => drop(overtaken.remove(key)),
                        }
                    }
                    let Some((granted, job)) = turns.next() else {
                        let is_full = running.len() == BOUNDS.workers;
                        assert!(
                            is_full || overtaken.is_empty(),
                            "an idle worker, seed {seed}"
                        );
                        continue;
                    };
                    let expected = begun.entry(granted).or_default();
                    assert_eq!(job, *expected, "order within a key, seed {seed}");
                    *expected += 1;
                    running.push(granted);
                    overtaken.remove(&granted);
                    for (key, by) in &mut overtaken {
                        assert!(!by.contains(&granted), "{key} was passed over, {seed}");
                        by.push(granted);
                    }
                }
            }
            for key in 0..4 {
                let of_key = running.iter().filter(|job| **job == key).count();
                assert!(of_key <= BOUNDS.jobs_per_key, "seed {seed}");
            }
            assert!(running.len() <= BOUNDS.workers, "seed {seed}");
        }
        while !turns.is_idle() {
            while let Some((key, _)) = turns.next() {
                *begun.entry(key).or_default() += 1;
                running.push(key);
            }
            let key = running.pop();
            turns.finished(key.expect("what waits alone may always go on"));
        }
        assert_eq!(begun, pushed, "seed {seed}");
    }
}
