//! Statistics of a fixed history of 300 cards, and their charts, byte for byte as in `fixtures/statistics`. After a change
//! that is meant: `MEMORYVAULT_GOLDEN=1 cargo test -p client --test library statistics`, then look at the difference
//! and at the pictures.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use client::chart::{self, Line};
use domain::statistics::{Gatherer, Span, Statistics};
use domain::{
    CardId, CardState, Day, DeckId, DeviceId, DocId, Event, EventId, Grade, Hlc, Kind, OffsetMin,
    UnixMs, schedule,
};

const CARDS: u32 = 300;
const DAYS: i32 = 400;

/// A device with its place in the world, and the hours at which the person uses it.
const DEVICES: [(u8, &str, i16, u64); 3] = [
    (0xd1, "phone & <tablet>", 60, 7),
    (0xd2, "laptop", 60, 19),
    (0xd3, "office", -300, 12),
];

fn today() -> Day {
    "2026-11-25".parse().unwrap()
}

fn deck() -> DeckId {
    DeckId::from(DocId::from_bytes([0xde; 16]))
}

/// Numbers that look drawn and are the same everywhere.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}

/// The history being lived through.
struct Life {
    dice: Dice,
    cards: Vec<Vec<Event>>,
    events: u32,
}

impl Life {
    fn lived() -> Vec<Vec<Event>> {
        let mut life = Self {
            dice: Dice(20_261_125),
            cards: vec![Vec::new(); usize::try_from(CARDS).unwrap()],
            events: 0,
        };
        for days_ago in (0..DAYS).rev() {
            // A week of holiday, and now and then a day without time.
            let away = (200..208).contains(&days_ago) || life.dice.one_in(9);
            if !away {
                life.live(
                    today().plus(-days_ago),
                    u32::try_from(DAYS - days_ago).unwrap(),
                );
            }
        }
        life.cards
    }

    fn live(&mut self, day: Day, days_in: u32) {
        let device = usize::try_from(self.dice.below(3)).unwrap();
        // The last forty cards are never begun.
        let begun = days_in.min(CARDS - 40);
        for card in 0..usize::try_from(begun).unwrap() {
            let state = schedule::fold(&self.cards[card], &schedule::Rules::default(), deck());
            let early = self.dice.one_in(150);
            if !(state.is_due(day) || early) || self.dice.one_in(3) {
                continue;
            }
            let other = self.dice.one_in(12);
            let device = if other { (device + 1) % 3 } else { device };
            self.answer(card, day, device, &state);
        }
    }

    fn answer(&mut self, card: usize, day: Day, device: usize, state: &CardState) {
        let known = state
            .interval_days()
            .map_or(60, |days| 96 - days.clamp(0, 16));
        let roll = i32::try_from(self.dice.below(100)).unwrap();
        let grade = match roll {
            _ if roll >= known => Grade::Again,
            0..10 => Grade::Easy,
            10..25 => Grade::Hard,
            _ => Grade::Good,
        };
        self.event(card, day, device, state.kind_of_answer(day), Some(grade));
        if grade == Grade::Again {
            self.event(card, day, device, Kind::Learn, Some(Grade::Good));
        }
        if self.dice.one_in(40) {
            let target = self.cards[card].last().unwrap().id;
            self.event(card, day, device, Kind::Void { target }, None);
        }
        if self.dice.one_in(400) {
            self.event(card, day, device, Kind::Reset, None);
        }
        if self.dice.one_in(60) {
            self.event(card, day, device, Kind::Cram, Some(Grade::Hard));
        }
    }

    fn event(&mut self, card: usize, day: Day, device: usize, kind: Kind, grade: Option<Grade>) {
        self.events += 1;
        let (id, _, offset_min, hour) = DEVICES[device];
        let minute = hour * 60 + self.dice.below(150);
        let local_ms = i64::from(day.0) * 86_400_000 + i64::try_from(minute).unwrap() * 60_000;
        let at = UnixMs(local_ms - i64::from(offset_min) * 60_000);
        let mut event_id = [0x77; 16];
        event_id[..4].copy_from_slice(&self.events.to_be_bytes());
        self.cards[card].push(Event {
            id: EventId::from_bytes(event_id),
            card: CardId::from_bytes([u8::try_from(card % 256).unwrap(); 16]),
            device: DeviceId::from_bytes([id; 16]),
            hlc: Hlc::from_u64(u64::from(self.events) << 16),
            at,
            offset_min: OffsetMin(offset_min),
            day,
            grade,
            difficulty: None,
            response_ms: u32::try_from(2_000 + self.dice.below(9_000)).unwrap(),
            kind,
            prev_box: 1,
            new_box: 1,
        });
    }
}

fn gathered(cards: &[Vec<Event>], days: u32) -> Statistics {
    let mut gatherer = Gatherer::new(Span::new(today(), days));
    for (number, events) in cards.iter().enumerate() {
        gatherer.add(
            events,
            &schedule::Rules::default(),
            deck(),
            number % 50 == 49,
        );
    }
    gatherer.finish(|device| {
        let known = DEVICES
            .iter()
            .find(|(id, ..)| device == DeviceId::from_bytes([*id; 16]));
        known.unwrap().1.to_owned()
    })
}

/// Compares with the golden file, or writes it.
fn check(name: &str, text: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../fixtures/statistics")
        .join(name);
    if std::env::var_os("MEMORYVAULT_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
    }
    let golden = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        golden == text,
        "{name} differs; the head of this file tells how to renew it"
    );
}

fn as_text(statistics: &Statistics) -> String {
    let mut text = String::new();
    for line in chart::plain(statistics) {
        match line {
            Line::Heading(line) => writeln!(text, "# {line}").unwrap(),
            Line::Text(line) => writeln!(text, "{line}").unwrap(),
        }
    }
    text
}

#[test]
fn a_fixed_history_gives_the_golden_files() {
    let cards = Life::lived();
    let events: usize = cards.iter().map(Vec::len).sum();
    assert!((8_000..12_000).contains(&events), "{events}");
    for (span, days) in [("year", 365), ("month", 30)] {
        let statistics = gathered(&cards, days);
        let mut json = serde_json::to_string_pretty(&statistics).unwrap();
        json.push('\n');
        check(&format!("{span}.json"), &json);
        check(&format!("{span}.txt"), &as_text(&statistics));
        for chart in chart::all(&statistics) {
            check(&format!("{span}-{}.svg", chart.name), &chart.svg);
        }
    }
}

#[test]
fn an_empty_vault_is_told_in_words() {
    let statistics = gathered(&[], 365);
    check("empty.txt", &as_text(&statistics));
    for chart in chart::all(&statistics) {
        assert!(!chart.svg.contains("<rect"), "{}", chart.svg);
        check(&format!("empty-{}.svg", chart.name), &chart.svg);
    }
}

#[test]
fn the_order_of_cards_and_events_makes_no_difference() {
    let cards = Life::lived();
    let expected = serde_json::to_string(&gathered(&cards, 365)).unwrap();
    let mut dice = Dice(7);
    let mut gatherer = Gatherer::new(Span::new(today(), 365));
    for (number, events) in cards.iter().enumerate().rev() {
        let mut events = events.clone();
        events.extend_from_within(..events.len() / 2);
        events.sort_by_cached_key(|_| dice.below(1 << 30));
        gatherer.add(
            &events,
            &schedule::Rules::default(),
            deck(),
            number % 50 == 49,
        );
    }
    let names = |device: DeviceId| {
        let known = DEVICES
            .iter()
            .find(|(id, ..)| device == DeviceId::from_bytes([*id; 16]));
        known.unwrap().1.to_owned()
    };
    assert_eq!(
        serde_json::to_string(&gatherer.finish(names)).unwrap(),
        expected
    );
}

#[test]
fn every_chart_is_well_formed_and_says_what_it_is() {
    for chart in chart::all(&gathered(&Life::lived(), 365)) {
        let svg = &chart.svg;
        assert!(
            svg.contains("role=\"img\"") && svg.contains("<desc "),
            "{}",
            chart.name
        );
        assert!(svg.contains("prefers-color-scheme:dark"), "{}", chart.name);
        assert!(!svg.contains("phone & <tablet>"), "{}", chart.name);
        for tag in ["svg", "text", "title", "desc", "style", "defs", "pattern"] {
            let opened =
                svg.matches(&format!("<{tag}>")).count() + svg.matches(&format!("<{tag} ")).count();
            assert_eq!(
                opened,
                svg.matches(&format!("</{tag}>")).count(),
                "{tag} in {}",
                chart.name
            );
        }
    }
}
