//! A learner who studies every day for two weeks with the real command, under each scheduler: what the command shows at the
//! end is what the rules of `domain` make of the answers, computed here from nothing but what was typed.

use std::collections::{BTreeMap, BTreeSet};

use domain::schedule::{Epoch, Fsrs, Leitner, Rules, Scheduler, fold};
use domain::{CardId, Day, DeckId, DeviceId, Event, EventId, Grade, Hlc, Kind, OffsetMin, UnixMs};
use serde_json::Value;
use tests::{Device, Running};

const DAYS: u32 = 14;
const CARDS: u32 = 36;
const NEW_PER_DAY: u32 = 5;
/// Noon of 2026-03-01 in UTC.
const FIRST_NOON_S: i64 = 1_772_366_400;

/// Whether and how well the learner knows a card today: always the same, for the same seed.
fn grade(seed: u8, front: &str, day: u32, before: usize) -> Grade {
    let hash = blake3::hash(format!("{seed} {front} {day} {before}").as_bytes());
    match hash.as_bytes()[0] {
        0..=55 => Grade::Again,
        56..=90 => Grade::Hard,
        91..=220 => Grade::Good,
        _ => Grade::Easy,
    }
}

struct Learner {
    device: Device,
    deck: DeckId,
    seed: u8,
    answers: BTreeMap<CardId, Vec<Event>>,
    count: u64,
}

impl Learner {
    fn new(seed: u8, options: &[&str]) -> Self {
        let device = Device::new("learner");
        let mut learner = Self {
            deck: DeckId::from_bytes([0; 16]),
            device,
            seed,
            answers: BTreeMap::new(),
            count: 0,
        };
        let added = learner.at(0, &["deck", "add", "Course"]);
        learner.deck = added["deck"].as_str().unwrap().parse().unwrap();
        let figure = NEW_PER_DAY.to_string();
        let chosen = ["deck", "options", "Course", "--new-per-day", &figure];
        learner.at(
            0,
            &chosen.iter().chain(options).copied().collect::<Vec<_>>(),
        );
        let rows: String = (0..CARDS).map(|n| format!("word {n}\tx\n")).collect();
        let words = ["import", "-", "--format", "tsv", "--deck", "Course"];
        let lines = learner.lines(0, &words, rows.as_bytes());
        assert_eq!(lines[0]["cards"], CARDS, "{lines:?}");
        learner
    }

    fn now(day: u32) -> String {
        format!("2026-03-{:02}T12:00:00Z", day + 1)
    }

    /// Runs a command on a day; the lines of JSON it prints.
    fn lines(&self, day: u32, words: &[&str], stdin: &[u8]) -> Vec<Value> {
        let mut command = self.device.command(words);
        command.env("MEMORYVAULT_NOW", Self::now(day));
        let output = Running::start(command, stdin).finish();
        assert_eq!(output.code, 0, "{words:?}: {output:?}");
        let lines = output.stdout.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Runs a command on a day; the one object it prints.
    fn at(&self, day: u32, words: &[&str]) -> Value {
        self.lines(day, words, b"").swap_remove(0)
    }

    /// One sitting: every question is answered as it comes.
    fn study(&mut self, day: u32) {
        let mut command = self.device.command(&["study"]);
        command.env("MEMORYVAULT_NOW", Self::now(day));
        let mut sitting = Running::start_talking(&mut command);
        let mut seen: BTreeMap<CardId, usize> = BTreeMap::new();
        let mut new = BTreeSet::new();
        let mut asked = None;
        while let Some(line) = sitting.line() {
            let told: Value = serde_json::from_str(&line).unwrap();
            match told["type"].as_str().unwrap() {
                "question" => {
                    let card: CardId = told["card"].as_str().unwrap().parse().unwrap();
                    let before = seen.entry(card).or_default();
                    let front = told["front"][0]["text"].as_str().unwrap();
                    let grade = grade(self.seed, front, day, *before);
                    if !self.answers.contains_key(&card) {
                        new.insert(card);
                    }
                    asked = Some((card, grade, *before > 0));
                    *before += 1;
                    sitting.say(format!("{}\n", grade.number()).as_bytes());
                }
                "reviewed" => {
                    let (card, grade, repeat) = asked.take().expect("a question before");
                    let id = told["event"].as_str().unwrap().parse().unwrap();
                    self.note(id, card, grade, repeat, day);
                }
                "answer" | "done" => {}
                other => panic!("{other}: {line}"),
            }
        }
        assert_eq!(sitting.finish().code, 0);
        assert!(
            new.len() <= NEW_PER_DAY as usize,
            "day {day}: {} new",
            new.len()
        );
    }

    fn note(&mut self, id: EventId, card: CardId, grade: Grade, repeat: bool, day: u32) {
        self.count += 1;
        let at = UnixMs((FIRST_NOON_S + i64::from(day) * 86_400) * 1_000);
        let event = Event {
            id,
            card,
            device: DeviceId::from_bytes([1; 16]),
            hlc: Hlc::from_u64(self.count << 16),
            at,
            offset_min: OffsetMin(0),
            day: Day::of(at, OffsetMin(0), 4),
            grade: Some(grade),
            difficulty: None,
            response_ms: 0,
            kind: if repeat { Kind::Learn } else { Kind::Review },
            prev_box: 1,
            new_box: 1,
        };
        self.answers.entry(card).or_default().push(event);
    }

    /// Every card as the command shows it, against the fold of what was typed.
    fn check(&self, scheduler: Scheduler) {
        let rules = Rules::of([Epoch {
            hlc: Hlc::from_u64(1),
            deck: Some(self.deck),
            day_from: Day(0),
            scheduler,
            inherits: false,
            rollover_hour: 4,
        }]);
        assert!(self.answers.len() > 30, "{} cards met", self.answers.len());
        let shown: BTreeMap<CardId, Value> = self
            .lines(DAYS, &["card", "list"], b"")
            .into_iter()
            .map(|card| (card["id"].as_str().unwrap().parse().unwrap(), card))
            .collect();
        for (card, events) in &self.answers {
            let shown = &shown[card];
            let state = fold(events, &rules, self.deck);
            let wanted = serde_json::json!({
                "box": state.box_number,
                "due_day": state.due.map(|day| day.to_string()),
                "reviews": state.reviews,
                "lapses": state.lapses,
                "interval_days": state.interval_days(),
            });
            let ease = f64::from(state.ease_percent) / 100.0;
            let memory = state.memory;
            let figures = [
                ("ease_factor", Some(ease)),
                ("stability_days", memory.map(|memory| memory.stability)),
                ("difficulty", memory.map(|memory| memory.difficulty)),
            ];
            for (key, wanted) in figures {
                let told = shown[key].as_f64();
                // Reading a decimal back may move the last bit.
                let apart = told.unwrap_or(0.0) - wanted.unwrap_or(0.0);
                assert_eq!(told.is_some(), wanted.is_some(), "{key} of {card}: {shown}");
                assert!(apart.abs() < 1e-9, "{key} of {card}: {wanted:?} in {shown}");
            }
            for (key, value) in wanted.as_object().unwrap() {
                assert_eq!(&shown[key], value, "{key} of {card}: {shown}");
            }
        }
        let verified = self.at(DAYS, &["verify"]);
        assert_eq!(verified["ok"], true, "{verified}");
    }
}

fn two_weeks(seed: u8, options: &[&str], scheduler: Scheduler) {
    let mut learner = Learner::new(seed, options);
    for day in 0..DAYS {
        learner.study(day);
    }
    learner.check(scheduler);
}

#[test]
fn with_leitner() {
    two_weeks(1, &[], Scheduler::Leitner(Leitner::default()));
}

#[test]
fn with_sm2() {
    two_weeks(2, &["--scheduler", "sm2"], Scheduler::Sm2);
}

#[test]
fn with_fsrs() {
    let options = ["--scheduler", "fsrs", "--retention", "0.9", "--fuzz", "off"];
    let fsrs = Fsrs {
        retention_permille: 900,
        fuzz: false,
    };
    two_weeks(3, &options, Scheduler::Fsrs(fsrs));
}
