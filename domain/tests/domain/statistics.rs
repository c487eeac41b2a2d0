//! Statistics: figures of small histories, a plain count beside the fast one, and that order, repeats and splits make no
//! difference.

use std::collections::{BTreeMap, BTreeSet};

use domain::schedule::Rules;
use domain::statistics::{Gatherer, Span, Statistics};
use domain::{Day, Event, EventId, Grade, Kind, OffsetMin, limit, schedule};
use proptest::prelude::*;

use crate::support::{card, deck, device, event};

const TODAY: Day = Day(20_000);

/// Statistics of cards, each a list of its events.
fn gather(cards: &[Vec<Event>], days: u32) -> Statistics {
    let mut gatherer = Gatherer::new(Span::new(TODAY, days));
    for events in cards {
        gatherer.add(events, &Rules::default(), deck(1), false);
    }
    gatherer.finish(|device| device.to_string())
}

fn answer(n: u32, days_ago: i32, grade: Grade) -> Event {
    event(n, TODAY.0 - days_ago, Kind::Review, Some(grade))
}

fn void(n: u32, target: EventId) -> Event {
    event(n, TODAY.0, Kind::Void { target }, None)
}

#[test]
fn nothing_gives_zeros_and_no_shares() {
    let none = gather(&[], 30);
    assert_eq!((none.cards, none.total.answers, none.days.len()), (0, 0, 0));
    assert_eq!(none.retention.total.all.right_permille, None);
    assert_eq!((none.hours.len(), none.boxes.over_time.len()), (24, 30));
    assert_eq!(
        none.forecast.days.len(),
        usize::try_from(limit::FORECAST_DAYS).unwrap()
    );
    assert_eq!(none.first_day, TODAY.plus(-29));
    let json = serde_json::to_string(&none).unwrap();
    assert!(json.starts_with("{\"day\":\"2024-10-04\",\"first_day\":\"2024-09-05\""));
    assert!(!json.contains('.'), "no fractions: {json}");
}

#[test]
fn a_streak_outlives_the_night_but_not_a_day() {
    for (days_ago, current, longest) in [
        (&[0, 1, 2][..], 3, 3),
        (&[1, 2], 2, 2),
        (&[2, 3, 4], 0, 3),
        (&[0, 2, 3, 4], 1, 3),
        (&[-1, 0], 1, 1),
        (&[], 0, 0),
    ] {
        let events: Vec<Event> = (1..)
            .zip(days_ago)
            .map(|(n, days_ago)| answer(n, *days_ago, Grade::Good))
            .collect();
        let streak = gather(&[events], 1).streak;
        assert_eq!(
            (streak.current_days, streak.longest_days),
            (current, longest),
            "{days_ago:?}"
        );
    }
}

#[test]
fn only_first_answers_of_known_cards_tell_of_memory() {
    // Learned, known after 1 day, wrong after 2 more and right in the same session, undone after 1 more.
    let undone = answer(6, 5, Grade::Again);
    let mut repeat = event(5, TODAY.0 - 6, Kind::Learn, Some(Grade::Good));
    repeat.response_ms = limit::RESPONSE_MS_MAX + 5;
    let events = vec![
        answer(1, 9, Grade::Good),
        answer(2, 8, Grade::Good),
        answer(3, 6, Grade::Again),
        answer(4, 6, Grade::Good),
        repeat,
        undone,
        void(7, undone.id),
    ];
    let shown = gather(&[events], 30);
    let all = shown.retention.total.all;
    assert_eq!(
        (all.right, all.answers, all.right_permille),
        (1, 2, Some(500))
    );
    assert_eq!(shown.retention.total.mature.answers, 0);
    let tried: Vec<(u32, u64, u64)> = shown
        .forgetting
        .iter()
        .filter(|bucket| bucket.share.answers > 0)
        .map(|bucket| (bucket.days_min, bucket.share.right, bucket.share.answers))
        .collect();
    assert_eq!(tried, [(1, 1, 1), (2, 0, 1)]);
    assert_eq!((shown.total.answers, shown.total.again), (5, 1));
    assert_eq!(
        shown.total.time_ms,
        4_000 + u64::from(limit::RESPONSE_MS_MAX),
        "an answer counts a minute at most"
    );
}

#[test]
fn a_reset_card_is_new_again_and_a_long_interval_is_mature() {
    let manual = Kind::Manual {
        box_number: 5,
        due: Day(TODAY.0 - 10),
    };
    let placed = vec![
        event(1, TODAY.0 - 40, manual, None),
        answer(2, 10, Grade::Good),
    ];
    let reset = vec![
        answer(3, 9, Grade::Good),
        event(4, TODAY.0 - 8, Kind::Reset, None),
        answer(5, 8, Grade::Again),
    ];
    let memory = gather(&[placed, reset], 30);
    let by_age = memory.retention.total;
    assert_eq!((by_age.mature.right, by_age.mature.answers), (1, 1));
    assert_eq!(by_age.young.answers, 0);
    // No day of an answer before that one is known.
    assert!(
        memory
            .forgetting
            .iter()
            .all(|bucket| bucket.share.answers == 0)
    );
}

#[test]
fn boxes_are_counted_at_the_ends_of_days() {
    let climbs = vec![
        answer(1, 5, Grade::Good),
        answer(2, 3, Grade::Good),
        answer(3, 1, Grade::Again),
    ];
    let shown = gather(&[climbs, vec![]], 7);
    let boxes: Vec<[u64; 5]> = shown.boxes.over_time.iter().map(|s| s.boxes).collect();
    let (none, one, two, three) = ([0; 5], [1, 0, 0, 0, 0], [0, 1, 0, 0, 0], [0, 0, 1, 0, 0]);
    assert_eq!(boxes, [none, two, two, three, three, one, one]);
    assert_eq!((shown.boxes.now.new, shown.boxes.now.boxes), (1, one));
    assert_eq!(shown.boxes.over_time.last().unwrap().day, TODAY);
    let weekly = gather(&[vec![answer(1, 13, Grade::Good)]], 100).boxes;
    assert_eq!((weekly.step_days, weekly.over_time.len()), (7, 15));
    let with_card = weekly.over_time.iter().filter(|sample| sample.boxes == two);
    assert_eq!(
        with_card.map(|sample| sample.day).collect::<Vec<_>>(),
        [TODAY.plus(-7), TODAY]
    );
}

#[test]
fn the_forecast_holds_late_cards_apart() {
    let mut gatherer = Gatherer::new(Span::new(TODAY, 30));
    let cards = [
        // Right on a new card: due two days later.
        (answer(1, 5, Grade::Good), false),
        (answer(2, 2, Grade::Good), false),
        (answer(3, 0, Grade::Good), false),
        (answer(4, 5, Grade::Good), true),
    ];
    for (event, suspended) in cards {
        gatherer.add([&event], &Rules::default(), deck(1), suspended);
    }
    let shown = gatherer.finish(|_| String::new());
    assert_eq!((shown.forecast.late, shown.today.due), (1, 2));
    let days: Vec<(u64, u64)> = shown
        .forecast
        .days
        .iter()
        .map(|d| (d.due, d.backlog))
        .collect();
    assert_eq!(days[..4], [(1, 2), (0, 2), (1, 3), (0, 3)]);
    assert_eq!((shown.cards, shown.suspended), (4, 1));
}

#[test]
fn hours_are_those_of_the_place_and_days_those_of_the_event() {
    let mut far = answer(1, 1, Grade::Good);
    far.at.0 = i64::from(TODAY.0) * 86_400_000 + 23 * 3_600_000;
    far.offset_min = OffsetMin(330);
    let shown = gather(&[vec![far]], 30);
    let hours: Vec<u32> = shown
        .hours
        .iter()
        .filter(|hour| hour.tally.answers > 0)
        .map(|hour| hour.hour)
        .collect();
    assert_eq!(hours, [4]);
    assert_eq!(shown.days.first().unwrap().day, TODAY.plus(-1));
}

#[test]
fn a_card_that_changes_hands_is_a_join() {
    let on = |n, days_ago, on| Event {
        device: device(on),
        ..answer(n, days_ago, Grade::Good)
    };
    let cards = [
        vec![on(1, 3, 1), on(2, 2, 2), on(3, 1, 2), on(4, 0, 1)],
        vec![on(5, 3, 1), on(6, 2, 2)],
    ];
    let shown = gather(&cards, 30);
    let joins: Vec<(Day, u64)> = shown
        .joins
        .iter()
        .map(|join| (join.day, join.cards))
        .collect();
    assert_eq!(joins, [(TODAY.plus(-2), 2), (TODAY, 1)]);
    let lanes: Vec<u64> = shown.devices.iter().map(|lane| lane.answers).collect();
    assert_eq!(lanes, [3, 3]);
    // The span begins after the first answers; a join is found all the same.
    assert_eq!(gather(&cards, 3).joins.len(), 2);
}

/// Histories of a few cards: answers of all kinds, resets, voids, broken events.
fn histories() -> impl Strategy<Value = Vec<Vec<Event>>> {
    let one = (
        0_i32..60,
        0_u8..12,
        1_u8..=5,
        1_u8..4,
        -720_i16..840,
        0_u32..90_000,
    );
    let events = prop::collection::vec(one, 0..14);
    prop::collection::vec(events, 0..5).prop_map(|cards| {
        let mut n = 0;
        (1..)
            .zip(cards)
            .map(|(number, events)| {
                let mut of_card: Vec<Event> = Vec::new();
                for (days_ago, what, grade, on, offset, response_ms) in events {
                    n += 1;
                    let target = of_card.last().map(|event| event.id);
                    let grade = Grade::from_number(grade);
                    let (kind, grade) = match (what, target) {
                        (0, Some(target)) => (Kind::Void { target }, None),
                        (1, _) => (Kind::Reset, None),
                        (2, _) => (Kind::Cram, grade),
                        (3, _) => (Kind::Learn, grade),
                        (4, _) => (Kind::Early, grade),
                        (5, _) => (Kind::Import, grade),
                        _ => (Kind::Review, grade),
                    };
                    of_card.push(Event {
                        card: card(number),
                        device: device(on),
                        offset_min: OffsetMin(offset),
                        response_ms,
                        ..event(n, TODAY.0 - days_ago, kind, grade)
                    });
                }
                of_card
            })
            .collect()
    })
}

/// What counts, found the long way round.
fn plain(events: &[Event]) -> Vec<Event> {
    let voided: BTreeSet<EventId> = events
        .iter()
        .filter(|event| event.check().is_ok())
        .filter_map(|event| match event.kind {
            Kind::Void { target } => Some(target),
            _ => None,
        })
        .collect();
    let mut kept: Vec<Event> = events
        .iter()
        .filter(|event| event.check().is_ok() && !voided.contains(&event.id))
        .copied()
        .collect();
    kept.sort_by_key(|event| (event.day, event.order()));
    kept
}

proptest! {
    #[test]
    fn order_repeats_and_splits_make_no_difference(
        cards in histories(),
        seed in any::<prop::sample::Index>(),
        shuffled in any::<u64>(),
    ) {
        let expected = gather(&cards, 45);
        let mut other: Vec<Vec<Event>> = cards
            .iter()
            .map(|events| {
                // As from two replicas that hold overlapping halves, each in an order of its own.
                let cut = if events.is_empty() { 0 } else { seed.index(events.len()) };
                let mut halves: Vec<Event> = events[cut..].iter().rev().chain(&events[..cut]).copied().collect();
                halves.extend(&events[cut / 2..]);
                halves.sort_by_key(|event| shuffled.wrapping_mul(u64::from(event.id.as_bytes()[3]) | 1));
                halves
            })
            .collect();
        other.reverse();
        prop_assert_eq!(gather(&other, 45), expected);
    }

    #[test]
    fn figures_equal_a_plain_count(cards in histories()) {
        let shown = gather(&cards, 45);
        let first = TODAY.plus(-44);
        let mut by_day: BTreeMap<Day, (u64, u64, u64)> = BTreeMap::new();
        let mut by_hour = [0_u64; 24];
        let mut memory = (0, 0);
        let mut boxes_at_end: BTreeMap<Day, [u64; 5]> = BTreeMap::new();
        for events in &cards {
            let kept = plain(events);
            for event in kept.iter().filter(|event| event.kind.is_answer() && event.day >= first) {
                let figures = by_day.entry(event.day).or_default();
                figures.0 += 1;
                figures.1 += u64::from(event.grade == Some(Grade::Again));
                figures.2 += u64::from(event.response_ms.min(60_000));
                let local = event.at.0 + i64::from(event.offset_min.0) * 60_000;
                by_hour[usize::try_from(local.rem_euclid(86_400_000) / 3_600_000).unwrap()] += 1;
            }
            for days_ago in (0..45).rev() {
                let day = TODAY.plus(-days_ago);
                let until = |last: Day| schedule::fold(kept.iter().filter(|event| event.day <= last), &Rules::default(), deck(1));
                let (before, after) = (until(day.plus(-1)), until(day));
                if !after.is_new() {
                    boxes_at_end.entry(day).or_default()[usize::from(after.box_number) - 1] += 1;
                }
                let reset_first = kept.iter().filter(|event| event.day == day)
                    .find(|event| event.kind.is_counted() || event.kind == Kind::Reset);
                if let Some(answer) = reset_first.filter(|event| event.kind != Kind::Reset && !before.is_new()) {
                    memory.0 += u64::from(answer.grade != Some(Grade::Again));
                    memory.1 += 1;
                }
            }
        }
        let days: BTreeMap<Day, (u64, u64, u64)> = shown.days.iter()
            .map(|day| (day.day, (day.tally.answers, day.tally.again, day.tally.time_ms)))
            .collect();
        prop_assert_eq!(&days, &by_day);
        let hours: Vec<u64> = shown.hours.iter().map(|hour| hour.tally.answers).collect();
        prop_assert_eq!(hours, by_hour);
        let all = shown.retention.total.all;
        prop_assert_eq!((all.right, all.answers), memory);
        for sample in &shown.boxes.over_time {
            prop_assert_eq!(sample.boxes, boxes_at_end.get(&sample.day).copied().unwrap_or_default());
        }
        let lanes: u64 = shown.devices.iter().map(|lane| lane.answers).sum();
        prop_assert_eq!(lanes, shown.total.answers);
    }
}
