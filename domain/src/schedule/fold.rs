//! Events to state: which events count, in which order, and what one study day makes of a card. A day is one step, however
//! many answers it has and on however many devices: what a day does must not depend on whose clock was ahead.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::{Event, Grade, Kind};
use crate::id::{CardId, DeckId, EventId};
use crate::schedule::{CardState, Fsrs, Leitner, Memory, Rules, Scheduler, sm2};
use crate::time::Day;

/// Folds the events of one card, given in any order and any number of times.
pub fn fold<'a>(
    events: impl IntoIterator<Item = &'a Event>,
    rules: &Rules,
    deck: DeckId,
) -> CardState {
    fold_by_day(events, rules, deck, |_| {})
}

/// One study day of a fold.
#[derive(Debug)]
pub(crate) struct DayStep<'a> {
    pub(crate) day: Day,
    /// What happened, in order; nothing of it voided, repeated or broken, and no voids themselves.
    pub(crate) events: &'a [&'a Event],
    pub(crate) before: CardState,
    pub(crate) after: CardState,
}

/// As [`fold`], and shows each study day on the way, oldest first.
pub(crate) fn fold_by_day<'a>(
    events: impl IntoIterator<Item = &'a Event>,
    rules: &Rules,
    deck: DeckId,
    mut each: impl FnMut(&DayStep<'_>),
) -> CardState {
    let (events, ignored) = settle(events);
    let mut fold = Fold {
        rules,
        deck,
        remembers: rules.uses_fsrs(deck),
        seed: 0,
        last_counted: None,
        state: CardState {
            ignored,
            ..CardState::default()
        },
    };
    let mut by_day: BTreeMap<Day, Vec<&Event>> = BTreeMap::new();
    for event in events {
        if matches!(event.kind, Kind::Void { .. }) {
            continue;
        }
        fold.note(event);
        by_day.entry(event.day).or_default().push(event);
    }
    for (day, events) in by_day {
        let before = fold.state;
        fold.day(day, &events);
        each(&DayStep {
            day,
            events: &events,
            before,
            after: fold.state,
        });
    }
    // A deck that has gone over to FSRS takes its due days from memory at once, as FSRS would have set them.
    if let Scheduler::Fsrs(fsrs) = rules.latest_scheduler(deck) {
        fold.due_by_memory(&fsrs);
    }
    fold.state
}

/// What the card's state would be with one more event.
pub fn next_state<'a>(
    events: impl IntoIterator<Item = &'a Event>,
    next: &'a Event,
    rules: &Rules,
    deck: DeckId,
) -> CardState {
    fold(events.into_iter().chain([next]), rules, deck)
}

/// Orders the events, drops repeats and undone ones; tells how many had to be ignored.
fn settle<'a>(events: impl IntoIterator<Item = &'a Event>) -> (Vec<&'a Event>, u32) {
    let mut by_id: BTreeMap<EventId, BTreeSet<&Event>> = BTreeMap::new();
    let mut ignored: u32 = 0;
    for event in events {
        by_id.entry(event.id).or_default().insert(event);
    }
    let mut kept: Vec<&Event> = Vec::new();
    for versions in by_id.values() {
        // One id, one event. Of several under one id, the same one is kept everywhere: the least.
        let (valid, broken): (Vec<&Event>, Vec<&Event>) =
            versions.iter().partition(|event| event.check().is_ok());
        let extra = broken.len() + valid.len().saturating_sub(1);
        ignored = ignored.saturating_add(u32::try_from(extra).unwrap_or(u32::MAX));
        kept.extend(valid.first().copied());
    }
    let voided: BTreeSet<EventId> = kept
        .iter()
        .filter_map(|event| match event.kind {
            Kind::Void { target } => Some(target),
            _ => None,
        })
        .collect();
    // A void named by another still voids: its target is in the set already.
    kept.retain(|event| !voided.contains(&event.id));
    kept.sort_unstable_by_key(|event| event.order());
    (kept, ignored)
}

/// What the answers of one study day come to, on whichever devices and in whichever order they were given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// At least one was wrong.
    Wrong,
    /// All right, and the card was due.
    Right,
    /// All right, but before the card was due.
    Early,
}

struct Fold<'a> {
    rules: &'a Rules,
    deck: DeckId,
    /// Whether memory is followed: it costs more than all the rest, and only FSRS asks for it.
    remembers: bool,
    /// Moves FSRS's long intervals a little; from the card and the last counted event before the day that set memory.
    seed: u64,
    last_counted: Option<EventId>,
    state: CardState,
}

impl Fold<'_> {
    /// What every event adds, whatever day it is of.
    fn note(&mut self, event: &Event) {
        let state = &mut self.state;
        state.last_event = Some(event.id);
        if event.kind.is_answer() {
            state.reviews = state.reviews.saturating_add(1);
            state.last_reviewed = Some(event.at);
        }
        if event.kind == Kind::Bury {
            state.buried = state.buried.max(Some(event.day));
        }
    }

    /// One study day, its events in order. The last manual setting or reset of the day cuts it: what came before is
    /// overruled, what comes after counts.
    fn day(&mut self, day: Day, events: &[&Event]) {
        let (setting, after) = cut(events);
        if let Some(kind) = setting {
            self.setting(day, kind);
        }
        let Some(first) = after.iter().position(|event| event.kind.is_counted()) else {
            return;
        };
        let scheduler = self.rules.scheduler(self.deck, day);
        if let Scheduler::Fsrs(fsrs) = &scheduler {
            self.due_by_memory(fsrs);
        }
        let counted = || after.iter().filter(|event| event.kind.is_counted());
        let outcome = if counted().any(|event| event.grade == Some(Grade::Again)) {
            Outcome::Wrong
        } else if self.state.is_due(day) {
            Outcome::Right
        } else {
            Outcome::Early
        };
        let quality = counted()
            .filter_map(|event| Some(sm2::quality(event.grade?, event.difficulty)))
            .min()
            .unwrap_or(0);
        let interval_before = self.state.interval_days().unwrap_or(0);
        self.count(outcome);
        self.ease(outcome, quality);
        if self.remembers {
            let before = self.state.memory;
            let grades = remembered(after);
            self.state.memory = Memory::after_day(before, &self.rules.weights, day, grades);
            if let Some(event) = after.get(first) {
                self.seed = seed(event.card, self.last_counted);
            }
        }
        self.last_counted = counted().next_back().map(|event| event.id);
        match scheduler {
            Scheduler::Leitner(leitner) => self.by_box(&leitner, day, outcome),
            Scheduler::Sm2 => self.by_ease(day, outcome, interval_before),
            Scheduler::Fsrs(fsrs) => {
                self.move_box(&Leitner::default(), outcome);
                self.state.due_by_hand = false;
                if outcome == Outcome::Wrong {
                    self.state.retired = false;
                }
                self.due_by_memory(&fsrs);
            }
        }
    }

    fn setting(&mut self, day: Day, kind: Kind) {
        match kind {
            Kind::Manual { box_number, due } => {
                self.state.box_number = box_number;
                self.state.retired = false;
                self.place(day, Some(due));
                self.state.due_by_hand = true;
                let days = due.since(day);
                // Cards taken over from another program often have an interval and no answers.
                if self.state.memory.is_none() && self.remembers && days > 0 {
                    self.state.memory = Some(Memory::of_interval(&self.rules.weights, days, day));
                }
                // From the interval set by hand SM-2 goes on as from its own.
                self.state.successes = self.state.successes.max(2);
            }
            _ => {
                self.state = CardState {
                    reviews: self.state.reviews,
                    lapses: self.state.lapses,
                    buried: self.state.buried,
                    last_reviewed: self.state.last_reviewed,
                    last_event: self.state.last_event,
                    ignored: self.state.ignored,
                    ..CardState::default()
                };
            }
        }
    }

    fn count(&mut self, outcome: Outcome) {
        let state = &mut self.state;
        match outcome {
            Outcome::Wrong => {
                if !state.is_new() {
                    state.lapses = state.lapses.saturating_add(1);
                }
                state.successes = 0;
            }
            Outcome::Right => state.successes = state.successes.saturating_add(1),
            Outcome::Early => {}
        }
    }

    fn ease(&mut self, outcome: Outcome, quality: u8) {
        let next = sm2::next_ease(self.state.ease_percent, quality);
        self.state.ease_percent = match outcome {
            Outcome::Wrong | Outcome::Right => next,
            // Knowing a card too soon says little.
            Outcome::Early => next.min(self.state.ease_percent),
        };
    }

    fn move_box(&mut self, leitner: &Leitner, outcome: Outcome) {
        let from = self.state.box_number;
        self.state.box_number = match outcome {
            Outcome::Wrong => leitner.box_after_wrong(from),
            Outcome::Right => Leitner::box_after_right(from),
            Outcome::Early => from,
        };
    }

    fn by_box(&mut self, leitner: &Leitner, day: Day, outcome: Outcome) {
        if outcome == Outcome::Early {
            return;
        }
        self.state.retired = outcome == Outcome::Right && leitner.retires(self.state.box_number);
        self.move_box(leitner, outcome);
        let due = day.plus(i32::from(leitner.days(self.state.box_number)));
        self.place(day, (!self.state.retired).then_some(due));
    }

    fn by_ease(&mut self, day: Day, outcome: Outcome, interval_before: i32) {
        if outcome == Outcome::Early {
            return;
        }
        self.move_box(&Leitner::default(), outcome);
        self.state.retired = false;
        let days = sm2::next_interval(
            self.state.successes,
            interval_before,
            self.state.ease_percent,
        );
        self.place(day, Some(day.plus(i32::from(days))));
    }

    fn due_by_memory(&mut self, fsrs: &Fsrs) {
        let Some(memory) = self.state.memory else {
            return;
        };
        if self.state.due_by_hand || self.state.retired {
            return;
        }
        let days = fsrs.interval(&memory, &self.rules.weights, self.seed);
        self.place(memory.day, Some(memory.day.plus(i32::from(days))));
    }

    fn place(&mut self, day: Day, due: Option<Day>) {
        self.state.last_day = Some(day);
        self.state.due = due;
        self.state.due_by_hand = false;
    }
}

/// The last manual setting or reset of a day, and what came after it.
fn cut<'a, 'e>(events: &'a [&'e Event]) -> (Option<Kind>, &'a [&'e Event]) {
    let at = events
        .iter()
        .rposition(|event| matches!(event.kind, Kind::Manual { .. } | Kind::Reset));
    match at.and_then(|at| Some((events.get(at)?.kind, events.get(at + 1..)?))) {
        Some((kind, after)) => (Some(kind), after),
        None => (None, events),
    }
}

/// The answers of a day that are evidence of memory: from the first counted one on, repeats included, cramming not.
fn remembered<'a>(after: &'a [&'a Event]) -> impl Iterator<Item = Grade> + 'a {
    after
        .iter()
        .skip_while(|event| !event.kind.is_counted())
        .filter(|event| event.kind.is_counted() || event.kind == Kind::Learn)
        .filter_map(|event| event.grade)
}

/// The answers of one card as FSRS sees them, in order: what its weights are fitted to. Those before a reset, and those of a
/// card placed by hand before its first answer, are left out.
pub fn answers_for_memory<'a>(events: impl IntoIterator<Item = &'a Event>) -> Vec<(Day, Grade)> {
    let (events, _) = settle(events);
    let mut by_day: BTreeMap<Day, Vec<&Event>> = BTreeMap::new();
    for event in events {
        by_day.entry(event.day).or_default().push(event);
    }
    let (mut answers, mut placed) = (Vec::new(), false);
    for (day, events) in by_day {
        let (setting, after) = cut(&events);
        match setting {
            Some(Kind::Reset) => {
                answers.clear();
                placed = false;
            }
            Some(_) => placed |= answers.is_empty(),
            None => {}
        }
        answers.extend(remembered(after).map(|grade| (day, grade)));
    }
    if placed { Vec::new() } else { answers }
}

/// From the card and what happened to it before: an answer that is only looked at in advance gives the same day.
fn seed(card: CardId, last: Option<EventId>) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(card.as_bytes());
    if let Some(last) = last {
        hasher.update(last.as_bytes());
    }
    let mut seed = [0; 8];
    hasher.finalize_xof().fill(&mut seed);
    u64::from_le_bytes(seed)
}
