//! The order of study, and the course of a sitting.

use std::collections::BTreeMap;

use domain::queue::{Candidate, DailyLimits, Done, Left, Queued, Session, build, done_by};
use domain::{CardId, CardState, Day, Grade, Kind, UnixMs};

use crate::support::{card, deck, event, event_id};

fn candidate(n: u8, box_number: u8, due: Option<i32>) -> Candidate {
    let state = CardState {
        box_number,
        due: due.map(Day),
        ..CardState::default()
    };
    Candidate {
        card: card(n),
        deck: deck(1),
        state,
        created_at: UnixMs(i64::from(n)),
        note: None,
    }
}

fn order(candidates: Vec<Candidate>, limits: &Left) -> Vec<u8> {
    build(candidates, Day(100), limits, 1)
        .iter()
        .map(|queued| queued.card.to_bytes()[0])
        .collect()
}

#[test]
fn due_by_box_then_longest_overdue() {
    let cards = vec![
        candidate(1, 2, Some(100)),
        candidate(2, 1, Some(100)),
        candidate(3, 2, Some(90)),
        candidate(4, 1, Some(99)),
        candidate(5, 1, Some(101)),
    ];
    assert_eq!(order(cards, &Left::default()), [4, 2, 3, 1]);
}

#[test]
fn a_new_card_after_every_five_due() {
    let mut cards: Vec<_> = (1..=12)
        .map(|n| candidate(n, n.min(5), Some(100 - i32::from(n))))
        .collect();
    cards.extend((101..=104).rev().map(|n| candidate(n, 1, None)));
    let queue = order(cards, &Left::default());
    let new_at: Vec<_> = (0..queue.len()).filter(|at| queue[*at] > 100).collect();
    assert_eq!(new_at, [5, 11, 14, 15]);
    assert_eq!(
        new_at.iter().map(|at| queue[*at]).collect::<Vec<_>>(),
        [101, 102, 103, 104]
    );
}

#[test]
fn limits_are_per_deck_and_counted_from_the_merged_log() {
    let other = |n, due| Candidate {
        deck: deck(2),
        ..candidate(n, 1, due)
    };
    let mut cards: Vec<_> = (1..=30).map(|n| candidate(n, 1, None)).collect();
    cards.extend((31..=40).map(|n| candidate(n, 1, Some(99))));
    cards.extend((41..=45).map(|n| other(n, None)));
    let done = Done {
        new: 17,
        review: 194,
    };
    let limits = Left {
        decks: BTreeMap::from([(deck(1), DailyLimits::default().less(done))]),
        ..Left::default()
    };
    let queue = order(cards, &limits);
    assert_eq!(queue.iter().filter(|n| **n <= 30).count(), 3);
    assert_eq!(queue.iter().filter(|n| (31..=40).contains(*n)).count(), 6);
    assert_eq!(queue.iter().filter(|n| **n > 40).count(), 5);
    assert_eq!(
        DailyLimits { new: 1, review: 1 }.less(done),
        DailyLimits { new: 0, review: 0 }
    );
}

#[test]
fn what_counts_towards_the_limits() {
    let good = Some(Grade::Good);
    let void = |target| {
        event(
            9,
            10,
            Kind::Void {
                target: event_id(target),
            },
            None,
        )
    };
    let cases = [
        (vec![], (0, 0)),
        (vec![event(1, 10, Kind::Review, good)], (1, 0)),
        (
            vec![
                event(1, 9, Kind::Review, good),
                event(2, 10, Kind::Review, good),
            ],
            (0, 1),
        ),
        (vec![event(1, 9, Kind::Review, good)], (0, 0)),
        (vec![event(1, 10, Kind::Learn, good)], (0, 0)),
        (
            vec![
                event(1, 10, Kind::Review, good),
                event(2, 10, Kind::Review, good),
            ],
            (1, 0),
        ),
        (vec![event(1, 10, Kind::Review, good), void(1)], (0, 0)),
    ];
    for (events, (new, review)) in cases {
        assert_eq!(
            done_by(&events, Day(10)),
            Done { new, review },
            "{events:?}"
        );
    }
}

#[test]
fn siblings_are_kept_apart() {
    let note = |n, group| Candidate {
        note: Some(domain::NoteId::from_bytes([group; 16])),
        ..candidate(n, 1, Some(100 - i32::from(n)))
    };
    let cards = vec![note(9, 1), note(8, 1), note(7, 1), note(6, 2), note(5, 3)];
    assert_eq!(order(cards, &Left::default()), [9, 6, 8, 5, 7]);
    // Where there is nothing to put between them they come anyway.
    assert_eq!(
        order(vec![note(9, 1), note(8, 1)], &Left::default()),
        [9, 8]
    );
}

#[test]
fn the_seed_decides_among_equals_and_nothing_else() {
    let cards = || {
        (1..=20)
            .map(|n| candidate(n, 1, Some(100)))
            .collect::<Vec<_>>()
    };
    let queue = |seed| build(cards(), Day(100), &Left::default(), seed);
    assert_eq!(queue(1), queue(1));
    assert_ne!(queue(1), queue(2));
    let mut reversed = cards();
    reversed.reverse();
    assert_eq!(build(reversed, Day(100), &Left::default(), 1), queue(1));
}

fn session(cards: std::ops::RangeInclusive<u8>) -> Session {
    Session::new(cards.map(|n| Queued {
        card: card(n),
        is_new: false,
    }))
}

/// Plays a sitting, a second a card; `wrong` says how often a card is answered wrong.
fn play(mut session: Session, wrong: &[(u8, u32)], step_ms: i64) -> Vec<(u8, bool)> {
    let mut wrong: BTreeMap<CardId, u32> =
        wrong.iter().map(|(n, times)| (card(*n), *times)).collect();
    let (mut shown, mut now) = (Vec::new(), 0);
    while let Some(turn) = session.front(UnixMs(now)) {
        shown.push((turn.card.to_bytes()[0], turn.repeat));
        let left = wrong.entry(turn.card).or_default();
        let grade = if *left > 0 { Grade::Again } else { Grade::Good };
        *left = left.saturating_sub(1);
        session.answered(turn, grade, UnixMs(now));
        now += step_ms;
    }
    shown
}

#[test]
fn a_wrong_card_comes_back_until_right_once() {
    let shown = play(session(1..=9), &[(1, 2)], 1_000);
    let cards: Vec<u8> = shown.iter().map(|(n, _)| *n).collect();
    assert_eq!(cards, [1, 2, 3, 4, 5, 6, 1, 7, 8, 9, 1]);
    assert!(
        shown
            .iter()
            .filter(|(_, repeat)| *repeat)
            .all(|(n, _)| *n == 1)
    );
    // Slow going: ten minutes are over before five cards are.
    let slow: Vec<u8> = play(session(1..=5), &[(1, 1)], 6 * 60 * 1_000)
        .iter()
        .map(|(n, _)| *n)
        .collect();
    assert_eq!(slow, [1, 2, 1, 3, 4, 5]);
}

#[test]
fn undo_and_dropped_cards() {
    let mut session = session(1..=3);
    let first = session.front(UnixMs(0)).unwrap();
    session.answered(first, Grade::Again, UnixMs(0));
    assert_eq!(session.left(), (0, 1, 2));
    assert_eq!(session.undo(), Some(first));
    assert_eq!(session.front(UnixMs(0)), Some(first));
    assert_eq!(session.left(), (0, 0, 3));
    assert_eq!(session.undo(), None);
    // A repeat undone is asked again as a repeat.
    session.answered(first, Grade::Again, UnixMs(0));
    for _ in 0..2 {
        let turn = session.front(UnixMs(1)).unwrap();
        session.answered(turn, Grade::Good, UnixMs(1));
    }
    let repeat = session.front(UnixMs(2)).unwrap();
    assert!(repeat.repeat && repeat.card == card(1));
    session.answered(repeat, Grade::Good, UnixMs(2));
    assert_eq!(session.front(UnixMs(3)), None);
    assert_eq!(session.undo(), Some(repeat));
    assert_eq!(session.front(UnixMs(3)), Some(repeat));
    session.drop_card(card(1));
    assert_eq!(session.front(UnixMs(3)), None);
    assert_eq!(session.undo().map(|turn| turn.card), Some(card(3)));
}

#[test]
fn a_deck_above_bounds_what_its_subdecks_serve_together() {
    let cards: Vec<Candidate> = (1..=9)
        .map(|n| Candidate {
            deck: deck(2 + n % 2),
            ..candidate(n, 1, None)
        })
        .collect();
    let figure = |new| DailyLimits { new, review: 9 };
    let left = Left {
        decks: BTreeMap::from([
            (deck(1), figure(5)),
            (deck(2), figure(2)),
            (deck(3), figure(9)),
        ]),
        above: BTreeMap::from([(deck(2), vec![deck(1)]), (deck(3), vec![deck(1)])]),
        unlimited: false,
    };
    assert_eq!(order(cards.clone(), &left).len(), 5);
    let all = Left {
        unlimited: true,
        ..left
    };
    assert_eq!(order(cards, &all).len(), 9);
}
