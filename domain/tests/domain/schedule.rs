//! The fold and the Leitner schedule: golden vectors; that the order in which events arrive makes no difference, whichever
//! schedulers were in force.

use domain::schedule::{
    CardState, Epoch, Fsrs, Lapse, Last, Leitner, Preset, Rules, Scheduler, epoch_in_force, fold,
    next_state,
};
use domain::{Day, Event, Grade, Hlc, Kind};
use proptest::prelude::*;

use crate::support::{deck, device, event, event_id};

/// One event per word, `day:what`. What: a grade `1`..`4` as a review, `e` early, `i` import, `l` learn, `c` cram before a
/// grade; `m3>25` manual to box 3 due on day 25; `r` reset; `v2` void of the second event.
fn history(words: &str) -> Vec<Event> {
    words
        .split_whitespace()
        .zip(1..)
        .map(|(word, n)| parse(word, n))
        .collect()
}

fn parse(word: &str, n: u32) -> Event {
    let (day, what) = word.split_once(':').unwrap();
    let day = day.parse().unwrap();
    let grade = |text: &str| Grade::from_number(text.parse().unwrap());
    let (letter, rest) = what.split_at(1);
    let (kind, grade) = match letter {
        "e" => (Kind::Early, grade(rest)),
        "i" => (Kind::Import, grade(rest)),
        "l" => (Kind::Learn, grade(rest)),
        "c" => (Kind::Cram, grade(rest)),
        "r" => (Kind::Reset, None),
        "v" => (
            Kind::Void {
                target: event_id(rest.parse().unwrap()),
            },
            None,
        ),
        "m" => {
            let (box_number, due) = rest.split_once('>').unwrap();
            let due = Day(due.parse().unwrap());
            (
                Kind::Manual {
                    box_number: box_number.parse().unwrap(),
                    due,
                },
                None,
            )
        }
        _ => (Kind::Review, grade(what)),
    };
    event(n, day, kind, grade)
}

fn shown(state: &CardState) -> String {
    let due = match (state.due, state.retired) {
        (Some(due), _) => due.0.to_string(),
        (None, true) => "retired".to_owned(),
        (None, false) => "new".to_owned(),
    };
    format!(
        "box {} due {due} reviews {} lapses {}",
        state.box_number, state.reviews, state.lapses
    )
}

fn epoch(hlc: u64, day_from: i32, leitner: Leitner) -> Epoch {
    Epoch {
        hlc: Hlc::from_u64(hlc),
        deck: None,
        day_from: Day(day_from),
        scheduler: Scheduler::Leitner(leitner),
        rollover_hour: 4,
        inherits: false,
    }
}

#[test]
fn golden_vectors() {
    let cases = [
        ("", "box 1 due new reviews 0 lapses 0"),
        // A new card: right goes to box 2, wrong stays in box 1 and is no lapse.
        ("10:3", "box 2 due 12 reviews 1 lapses 0"),
        ("10:1", "box 1 due 11 reviews 1 lapses 0"),
        // The whole way up; the last box repeats.
        (
            "10:3 12:3 16:3 24:3 40:3",
            "box 5 due 56 reviews 5 lapses 0",
        ),
        (
            "10:2 12:4 16:2 24:4 30:e3",
            "box 5 due 40 reviews 5 lapses 0",
        ),
        // Late is judged from the day of the answer.
        ("10:3 20:3", "box 3 due 24 reviews 2 lapses 0"),
        // Wrong from the top.
        ("10:3 12:3 16:3 24:1", "box 1 due 25 reviews 4 lapses 1"),
        // Early right: statistics only. Early wrong: still a lapse.
        ("10:3 11:e3", "box 2 due 12 reviews 2 lapses 0"),
        ("10:3 11:e1", "box 1 due 12 reviews 2 lapses 1"),
        // Twice right on one day, on two devices, is one promotion; right and wrong is wrong, in either order.
        ("10:3 10:3", "box 2 due 12 reviews 2 lapses 0"),
        ("10:3 10:1", "box 1 due 11 reviews 2 lapses 0"),
        ("10:1 10:3", "box 1 due 11 reviews 2 lapses 0"),
        ("10:3 12:3 12:1", "box 1 due 13 reviews 3 lapses 1"),
        // Repeats in a session and cramming move nothing.
        ("10:1 10:l3 10:l3", "box 1 due 11 reviews 3 lapses 0"),
        ("10:3 12:c1 12:l1", "box 2 due 12 reviews 3 lapses 0"),
        ("10:c4", "box 1 due new reviews 1 lapses 0"),
        // An imported history places the card.
        ("10:i3 12:i3 16:i1 17:i3", "box 2 due 19 reviews 4 lapses 1"),
        // Manual says box and due day; the same day before it is overruled, after it counts.
        ("10:m3>25", "box 3 due 25 reviews 0 lapses 0"),
        ("10:1 10:m3>25", "box 3 due 25 reviews 1 lapses 0"),
        ("10:m3>25 10:3", "box 3 due 25 reviews 1 lapses 0"),
        ("10:m3>10 10:3", "box 4 due 18 reviews 1 lapses 0"),
        ("10:m3>25 10:1", "box 1 due 11 reviews 1 lapses 1"),
        ("10:m3>25 10:m4>40 11:e3", "box 4 due 40 reviews 1 lapses 0"),
        // Reset makes it new again; the answers given stay in the count.
        ("10:3 12:3 13:r", "box 1 due new reviews 2 lapses 0"),
        ("10:3 12:3 13:r 13:3", "box 2 due 15 reviews 3 lapses 0"),
        ("10:3 12:r 12:m5>30", "box 5 due 30 reviews 1 lapses 0"),
        // Undo takes an event away, whatever it was, but not an undo.
        ("10:3 10:v1", "box 1 due new reviews 0 lapses 0"),
        ("10:3 12:1 12:v2", "box 2 due 12 reviews 1 lapses 0"),
        ("10:3 12:1 12:v2 12:v3", "box 2 due 12 reviews 1 lapses 0"),
        ("10:3 12:r 12:v2", "box 2 due 12 reviews 1 lapses 0"),
        ("10:3 11:v9", "box 2 due 12 reviews 1 lapses 0"),
        // Ten thousand years away nothing overflows.
        (
            "-3659000:3 3659000:3",
            "box 3 due 3659004 reviews 2 lapses 0",
        ),
    ];
    for (words, expected) in cases {
        assert_eq!(
            shown(&fold(&history(words), &Rules::default(), deck(1))),
            expected,
            "{words}"
        );
    }
}

#[test]
fn the_logical_clock_decides_then_the_device_then_the_id() {
    let manual = |id, hlc: u64, by, box_number| Event {
        hlc: Hlc::from_u64(hlc),
        device: device(by),
        ..event(
            id,
            10,
            Kind::Manual {
                box_number,
                due: Day(30),
            },
            None,
        )
    };
    let last_of = |a: Event, b: Event| fold(&[a, b], &Rules::default(), deck(1)).box_number;
    assert_eq!(last_of(manual(2, 1, 2, 2), manual(1, 2, 1, 3)), 3);
    assert_eq!(last_of(manual(2, 1, 1, 2), manual(1, 1, 2, 3)), 3);
    assert_eq!(last_of(manual(2, 1, 1, 2), manual(1, 1, 1, 3)), 2);
}

#[test]
fn options() {
    let back_one = Leitner {
        lapse: Lapse::BackOne,
        ..Leitner::default()
    };
    let retire = Leitner {
        last: Last::Retire,
        ..Leitner::default()
    };
    let preset = |preset: Preset| Leitner {
        table: preset.table(),
        ..Leitner::default()
    };
    let cases = [
        (
            back_one,
            "10:3 12:3 16:1",
            "box 2 due 18 reviews 3 lapses 1",
        ),
        (back_one, "10:1 11:1", "box 1 due 12 reviews 2 lapses 1"),
        (
            retire,
            "10:3 12:3 16:3 24:3 40:3",
            "box 5 due retired reviews 5 lapses 0",
        ),
        (
            retire,
            "10:3 12:3 16:3 24:3 40:3 50:e3",
            "box 5 due retired reviews 6 lapses 0",
        ),
        (
            retire,
            "10:3 12:3 16:3 24:3 40:3 50:e1",
            "box 1 due 51 reviews 6 lapses 1",
        ),
        (
            preset(Preset::Weekly),
            "10:3 13:3 20:3 34:3",
            "box 5 due 64 reviews 4 lapses 0",
        ),
        (
            preset(Preset::Classic),
            "10:3 12:3 17:3 25:3",
            "box 5 due 39 reviews 4 lapses 0",
        ),
    ];
    for (leitner, words, expected) in cases {
        let epochs = [epoch(1, -10, leitner)];
        assert_eq!(
            shown(&fold(&history(words), &Rules::of(epochs), deck(1))),
            expected,
            "{words}"
        );
    }
    for preset in Preset::ALL {
        assert_eq!(Preset::from_name(preset.name()), Some(preset));
    }
}

#[test]
fn epochs_do_not_rewrite_the_past() {
    let weekly = Leitner {
        table: Preset::Weekly.table(),
        ..Leitner::default()
    };
    let words = "10:3 12:3 16:3";
    assert_eq!(
        shown(&fold(&history(words), &Rules::default(), deck(1))),
        "box 4 due 24 reviews 3 lapses 0"
    );
    // From day 16 on: the answers before keep their due days, and none becomes an early one.
    let from_16 = [epoch(5, 16, weekly)];
    assert_eq!(
        shown(&fold(&history(words), &Rules::of(from_16), deck(1))),
        "box 4 due 30 reviews 3 lapses 0"
    );
    // The whole history under the new table would have held the card back.
    let from_start = [epoch(5, 0, weekly)];
    assert_eq!(
        shown(&fold(&history(words), &Rules::of(from_start), deck(1))),
        "box 3 due 23 reviews 3 lapses 0"
    );
    // Chosen later holds, also when it begins earlier; a deck's own goes before the default.
    let own = Epoch {
        deck: Some(deck(1)),
        ..epoch(
            1,
            0,
            Leitner {
                table: [9; 5],
                ..weekly
            },
        )
    };
    let epochs = [epoch(7, 3, Leitner::default()), epoch(5, 5, weekly), own];
    assert_eq!(
        epoch_in_force(&epochs, deck(2), Day(9)).unwrap().hlc,
        Hlc::from_u64(7)
    );
    assert_eq!(epoch_in_force(&epochs, deck(2), Day(2)), None);
    assert_eq!(epoch_in_force(&epochs, deck(1), Day(9)), Some(&own));
    // A broken one is as good as none.
    let broken = epoch(
        99,
        0,
        Leitner {
            table: [0; 5],
            ..weekly
        },
    );
    assert_eq!(epoch_in_force(&[broken], deck(1), Day(9)), None);
}

#[test]
fn broken_events_are_ignored_and_counted() {
    let mut events = history("10:3 12:3");
    let broken = Event {
        day: Day(i32::MAX),
        ..event(9, 1, Kind::Review, Some(Grade::Again))
    };
    let contradiction = Event {
        day: Day(11),
        ..events[1]
    };
    events.extend([broken, contradiction]);
    let state = fold(&events, &Rules::default(), deck(1));
    assert_eq!(state.ignored, 2);
    assert_eq!(state.reviews, 2);
}

#[test]
fn what_a_grade_would_do() {
    let events = history("10:3");
    let next = event(2, 12, Kind::Review, Some(Grade::Good));
    let state = next_state(&events, &next, &Rules::default(), deck(1));
    assert_eq!(
        (state.box_number, state.due, state.interval_days()),
        (3, Some(Day(16)), Some(4))
    );
    assert_eq!(state.last_event, Some(next.id));
    assert_eq!(state.kind_of_answer(Day(15)), Kind::Early);
    assert_eq!(state.kind_of_answer(Day(16)), Kind::Review);
    assert_eq!(CardState::default().kind_of_answer(Day(0)), Kind::Review);
}

fn any_event() -> impl Strategy<Value = Event> {
    let grade = (1_u8..=4).prop_map(|n| Grade::from_number(n).unwrap());
    let kind = prop_oneof![
        4 => Just(Kind::Review),
        2 => Just(Kind::Early),
        1 => Just(Kind::Learn),
        1 => Just(Kind::Cram),
        1 => Just(Kind::Import),
        1 => Just(Kind::Reset),
        1 => (1_u8..=5, 0..60).prop_map(|(box_number, due)| Kind::Manual { box_number, due: Day(due) }),
        2 => (0..12_u32).prop_map(|n| Kind::Void { target: event_id(n) }),
    ];
    // Ids, clocks and days drawn apart from each other: clocks a year back, equal stamps, one id used twice.
    (0..12_u32, 0..6_u64, 0..3_u8, -400..40, kind, grade).prop_map(
        |(id, hlc, by, day, kind, grade)| {
            let grade = kind.is_answer().then_some(grade);
            Event {
                hlc: Hlc::from_u64(hlc),
                device: device(by),
                ..event(id, day, kind, grade)
            }
        },
    )
}

fn any_rules() -> impl Strategy<Value = Rules> {
    let leitner = (
        prop::array::uniform5(1_u16..20),
        any::<bool>(),
        any::<bool>(),
    );
    let leitner = leitner.prop_map(|(table, back, retire)| {
        let lapse = if back { Lapse::BackOne } else { Lapse::First };
        let last = if retire { Last::Retire } else { Last::Repeat };
        Scheduler::Leitner(Leitner { table, lapse, last })
    });
    let fsrs = (700_u16..=990, any::<bool>()).prop_map(|(retention_permille, fuzz)| {
        Scheduler::Fsrs(Fsrs {
            retention_permille,
            fuzz,
        })
    });
    let scheduler = prop_oneof![leitner, Just(Scheduler::Sm2), fsrs];
    let one = (0..4_u64, -400..40, scheduler).prop_map(|(hlc, day, scheduler)| Epoch {
        scheduler,
        ..epoch(hlc, day, Leitner::default())
    });
    prop::collection::vec(one, 0..4).prop_map(Rules::of)
}

proptest! {
    /// Any order, any repetition, any split over replicas merged in any tree: one state.
    #[test]
    fn order_makes_no_difference(
        events in prop::collection::vec(any_event(), 0..14),
        rules in any_rules(),
        shuffled in any::<prop::sample::Index>(),
        owners in prop::collection::vec((0..4_usize, 0..4_usize), 14),
        merges in prop::collection::vec((0..4_usize, 0..4_usize), 0..8),
    ) {
        let expected = fold(&events, &rules, deck(1));
        // Each event starts on two replicas; then replicas are merged into each other at random, at last all into one.
        let mut replicas: Vec<Vec<Event>> = vec![Vec::new(); 4];
        for (event, (a, b)) in events.iter().zip(&owners) {
            replicas[*a].push(*event);
            replicas[*b].insert(0, *event);
        }
        for (into, from) in merges.into_iter().chain([(0, 1), (2, 3), (0, 2)]) {
            let copied = replicas[from].clone();
            replicas[into].extend(copied);
        }
        let mut all = replicas.swap_remove(0);
        if !all.is_empty() {
            let turn = shuffled.index(all.len());
            all.rotate_left(turn);
        }
        prop_assert_eq!(fold(&all, &rules, deck(1)), expected);
        let mut rules = rules;
        rules.epochs.reverse();
        prop_assert_eq!(fold(&all, &rules, deck(1)), expected);
    }

    /// No history, however odd, leads out of the boxes.
    #[test]
    fn states_stay_in_range(events in prop::collection::vec(any_event(), 0..30), rules in any_rules()) {
        let state = fold(&events, &rules, deck(1));
        prop_assert!((1..=5).contains(&state.box_number));
        prop_assert!(!(state.retired && state.due.is_some()));
        prop_assert!((130..=2_000).contains(&state.ease_percent));
        if let Some(memory) = state.memory {
            prop_assert!((0.001..=36_500.0).contains(&memory.stability));
            prop_assert!((1.0..=10.0).contains(&memory.difficulty));
        }
    }
}
