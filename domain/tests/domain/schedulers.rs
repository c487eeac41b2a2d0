//! SM-2 and FSRS through the fold: golden vectors, the makers' own FSRS as an oracle, and changing the scheduler.

use std::collections::BTreeMap;

use domain::schedule::{CardState, Epoch, Fsrs, Leitner, Memory, Rules, Scheduler, Weights, fold};
use domain::{Day, Event, Grade, Hlc, Kind};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRng, TestRunner};

use crate::support::{deck, event};

const PLAIN_FSRS: Scheduler = Scheduler::Fsrs(Fsrs {
    retention_permille: 900,
    fuzz: false,
});

fn from_day(hlc: u64, day: i32, scheduler: Scheduler) -> Epoch {
    Epoch {
        hlc: Hlc::from_u64(hlc),
        deck: None,
        day_from: Day(day),
        scheduler,
        rollover_hour: 4,
        inherits: false,
    }
}

fn under(scheduler: Scheduler) -> Rules {
    Rules::of([from_day(1, -400, scheduler)])
}

fn answers(days: &[(i32, u8)]) -> Vec<Event> {
    let answer = |(n, (day, grade)): (u32, &(i32, u8))| {
        event(n, *day, Kind::Review, Grade::from_number(*grade))
    };
    (1..).zip(days).map(answer).collect()
}

fn stands(state: &CardState) -> (Option<i32>, u16, u16) {
    (
        state.due.map(|due| due.0),
        state.ease_percent,
        state.successes,
    )
}

#[test]
fn sm2_golden_vectors() {
    let cases: [(&[(i32, u8)], _); 9] = [
        (&[(0, 3)], (Some(1), 250, 1)),
        (&[(0, 3), (1, 3)], (Some(7), 250, 2)),
        (&[(0, 3), (1, 3), (7, 3)], (Some(22), 250, 3)),
        // Hard: 6 * 2.36 is 14.16, and days are rounded up.
        (&[(0, 3), (1, 3), (7, 2)], (Some(22), 236, 3)),
        (&[(0, 3), (1, 3), (7, 4)], (Some(23), 260, 3)),
        // Wrong: the row begins anew, the ease falls.
        (&[(0, 3), (1, 3), (7, 1)], (Some(8), 218, 0)),
        (&[(0, 3), (1, 3), (7, 1), (8, 3)], (Some(9), 218, 1)),
        // Late: from the interval that was planned, counted from the day of the answer.
        (&[(0, 3), (1, 3), (30, 3)], (Some(45), 250, 3)),
        // Twice on one day: one step, by the worse answer.
        (&[(0, 3), (1, 3), (7, 4), (7, 2)], (Some(22), 236, 3)),
    ];
    for (days, wanted) in cases {
        let state = fold(&answers(days), &under(Scheduler::Sm2), deck(1));
        assert_eq!(stands(&state), wanted, "{days:?}");
    }
}

#[test]
fn sm2_takes_how_wrong_it_was_from_the_difficulty_and_never_raises_ease_early() {
    let ease_after = |difficulty| {
        let mut events = answers(&[(0, 1)]);
        events[0].difficulty = difficulty;
        fold(&events, &under(Scheduler::Sm2), deck(1)).ease_percent
    };
    assert_eq!(
        [None, Some(3), Some(4), Some(5)].map(ease_after),
        [218, 218, 196, 170]
    );
    let early = |grade| {
        let mut events = answers(&[(0, 3), (1, 3), (3, grade)]);
        events[2].kind = Kind::Early;
        stands(&fold(&events, &under(Scheduler::Sm2), deck(1)))
    };
    assert_eq!(early(4), (Some(7), 250, 2));
    assert_eq!(early(2), (Some(7), 236, 2));
}

#[test]
fn fsrs_golden_vectors() {
    // Stability and due day with the average weights at nine in ten.
    let state = |days: &[(i32, u8)]| fold(&answers(days), &under(PLAIN_FSRS), deck(1));
    let check = |days: &[(i32, u8)], stability: f64, due: i32| {
        let state = state(days);
        let memory = state.memory.expect("a memory");
        let apart = (memory.stability - stability).abs();
        assert!(apart < 1e-4, "{days:?}: {memory:?}");
        assert_eq!(state.due, Some(Day(due)), "{days:?}");
    };
    check(&[(0, 1)], 0.212, 1);
    check(&[(0, 3)], 2.3065, 2);
    check(&[(0, 4)], 8.2956, 8);
    check(&[(0, 3), (2, 3)], 10.964_331, 13);
    let lapsed = state(&[(0, 3), (2, 3), (13, 1)]);
    assert!(lapsed.memory.expect("a memory").stability < 3.0);
    assert_eq!((lapsed.lapses, lapsed.box_number), (1, 1));
}

fn oracle(weights: &Weights, days: &[(u32, u32)]) -> fsrs::MemoryState {
    let figures: Vec<f32> = weights.figures().iter().map(|w| *w as f32).collect();
    let model = fsrs::FSRS::new(&figures).expect("weights the oracle takes");
    let reviews = days
        .iter()
        .map(|(delta_t, rating)| fsrs::FSRSReview {
            rating: *rating,
            delta_t: *delta_t,
        })
        .collect();
    model
        .memory_state(fsrs::FSRSItem { reviews }, None)
        .expect("a state")
}

/// 20 000 random histories, under the average weights and under others.
#[test]
fn fsrs_agrees_with_its_makers() {
    let history = prop::collection::vec(
        (
            prop_oneof![2 => Just(0_u32), 3 => 1..10_u32, 2 => 1..400_u32],
            1..=4_u32,
        ),
        1..12,
    );
    let others = prop::collection::vec(0.9..1.1_f64, 21);
    let mut runner = TestRunner::new_with_rng(
        Config {
            cases: 20_000,
            failure_persistence: None,
            ..Config::default()
        },
        TestRng::deterministic_rng(prop::test_runner::RngAlgorithm::ChaCha),
    );
    let strategy = (history, prop::option::of(others));
    runner
        .run(&strategy, |(mut history, others)| {
            history[0].0 = 0;
            let average = Weights::default().figures();
            let weights = others
                .and_then(|factors| {
                    let moved: Vec<f64> = average.iter().zip(factors).map(|(w, f)| w * f).collect();
                    Weights::new(&moved)
                })
                .unwrap_or_default();
            let (mut day, mut events) = (100, Vec::new());
            for (n, (delta, grade)) in (1..).zip(&history) {
                day += *delta as i32;
                let grade = Grade::from_number(*grade as u8);
                events.push(event(n, day, Kind::Review, grade));
            }
            let rules = Rules {
                weights,
                ..under(PLAIN_FSRS)
            };
            let state = fold(&events, &rules, deck(1));
            let ours: Memory = state.memory.expect("a memory");
            let theirs = oracle(&weights, &history);
            let apart = (ours.stability / f64::from(theirs.stability) - 1.0).abs();
            prop_assert!(
                apart < 1e-5,
                "stability {ours:?} against {theirs:?}: {apart}"
            );
            prop_assert!((ours.difficulty - f64::from(theirs.difficulty)).abs() < 1e-3);
            let figures: Vec<f32> = weights.figures().iter().map(|w| *w as f32).collect();
            let interval = fsrs::FSRS::new(&figures)
                .expect("weights the oracle takes")
                .next_interval(Some(theirs.stability), 0.9, 3)
                .round()
                .clamp(1.0, 36_500.0);
            let own = state.due.expect("a due day").since(Day(day));
            prop_assert!((f64::from(own) - f64::from(interval)).abs() <= 1.0);
            Ok(())
        })
        .expect("agreement");
}

#[test]
fn fuzz_moves_long_intervals_a_little_and_always_alike() {
    let fuzzy = Scheduler::Fsrs(Fsrs {
        fuzz: true,
        ..Fsrs::default()
    });
    let due = |scheduler, n: u32| {
        let mut events = answers(&[(0, 4), (8, 4)]);
        for event in &mut events {
            let mut id = *event.card.as_bytes();
            id[0] = n as u8;
            event.card = domain::CardId::from_bytes(id);
        }
        fold(&events, &under(scheduler), deck(1)).due.unwrap().0
    };
    let plain = due(PLAIN_FSRS, 0);
    let moved: Vec<i32> = (0..40).map(|n| due(fuzzy, n)).collect();
    assert_eq!(moved, (0..40).map(|n| due(fuzzy, n)).collect::<Vec<_>>());
    let reach = (plain - 8) / 5 + 2;
    assert!(moved.iter().all(|day| (day - plain).abs() <= reach));
    assert!(
        moved
            .iter()
            .collect::<std::collections::BTreeSet<_>>()
            .len()
            > 3
    );
}

#[test]
fn an_answer_looked_at_in_advance_comes_out_the_same() {
    let events = answers(&[(0, 4), (8, 4), (40, 3)]);
    let rules = under(Scheduler::Fsrs(Fsrs::default()));
    let mut looked_at = events.clone();
    looked_at[2].id = crate::support::event_id(999);
    assert_eq!(
        fold(&looked_at, &rules, deck(1)).due,
        fold(&events, &rules, deck(1)).due
    );
}

#[test]
fn a_deck_changes_its_scheduler_and_comes_back_without_loss() {
    let days = [(0, 3), (2, 3), (6, 3), (14, 3)];
    let events = answers(&days);
    let leitner = Scheduler::Leitner(Leitner::default());
    let before = fold(&events, &Rules::default(), deck(1));
    assert_eq!(before.due, Some(Day(30)));
    // To FSRS: due by what memory the answers of the past left.
    let there = Rules::of([from_day(1, 20, PLAIN_FSRS)]);
    let fsrs = fold(&events, &there, deck(1));
    assert_eq!(fsrs.due, fold(&events, &under(PLAIN_FSRS), deck(1)).due);
    assert_ne!(fsrs.due, before.due);
    // To SM-2: nothing moves now, and the next answer goes on from the interval that was kept.
    let to_sm2 = Rules::of([from_day(1, 20, Scheduler::Sm2)]);
    assert_eq!(fold(&events, &to_sm2, deck(1)).due, before.due);
    let mut more = days.to_vec();
    more.push((30, 3));
    let after = fold(&answers(&more), &to_sm2, deck(1));
    assert_eq!(after.due, Some(Day(30 + 40)));
    // And back.
    let back = Rules::of([from_day(1, 20, PLAIN_FSRS), from_day(2, 20, leitner)]);
    assert_eq!(fold(&events, &back, deck(1)).due, before.due);
}

#[test]
fn a_day_set_by_hand_holds_until_the_next_answer_under_every_scheduler() {
    let by_hand = Kind::Manual {
        box_number: 3,
        due: Day(77),
    };
    for scheduler in [
        Scheduler::Leitner(Leitner::default()),
        Scheduler::Sm2,
        PLAIN_FSRS,
    ] {
        let mut events = answers(&[(0, 3), (2, 3)]);
        events.push(event(9, 10, by_hand, None));
        let rules = under(scheduler);
        assert_eq!(fold(&events, &rules, deck(1)).due, Some(Day(77)));
        events.push(event(10, 77, Kind::Review, Some(Grade::Good)));
        let after = fold(&events, &rules, deck(1));
        assert!(after.due > Some(Day(78)), "{scheduler:?}: {after:?}");
    }
    // A card that was only ever placed by hand has the memory of its interval.
    let placed = [event(1, 10, by_hand, None)];
    let state = fold(&placed, &under(PLAIN_FSRS), deck(1));
    assert_eq!(state.memory.map(|memory| memory.stability), Some(67.0));
}

#[test]
fn burying_holds_for_its_day_and_moves_nothing() {
    let mut events = answers(&[(0, 3)]);
    let plain = fold(&events, &Rules::default(), deck(1));
    events.push(event(5, 2, Kind::Bury, None));
    let buried = fold(&events, &Rules::default(), deck(1));
    assert!(buried.is_buried(Day(2)) && !buried.is_buried(Day(3)));
    assert_eq!((buried.due, buried.reviews), (plain.due, plain.reviews));
    let target = events[1].id;
    events.push(event(6, 2, Kind::Void { target }, None));
    assert!(!fold(&events, &Rules::default(), deck(1)).is_buried(Day(2)));
}

#[test]
fn weights_have_ranges() {
    let average = Weights::default().figures();
    assert_eq!(Weights::new(&average), Some(Weights::default()));
    let mut one_off: BTreeMap<usize, f64> = BTreeMap::new();
    one_off.insert(0, f64::NAN);
    one_off.insert(4, 11.0);
    one_off.insert(20, 0.0);
    one_off.insert(19, f64::INFINITY);
    for (at, figure) in one_off {
        let mut figures = average;
        figures[at] = figure;
        assert_eq!(Weights::new(&figures), None, "{at}");
    }
    assert_eq!(Weights::new(&average[..20]), None);
}
