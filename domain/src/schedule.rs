//! The schedule: the state of a card is the fold of its events, in one order, on every device. Nothing is stored; whoever
//! caches a [`CardState`] can throw it away and fold again. How one study day moves a card is the scheduler's
//! (`leitner`); which events count, in which order, under which epoch, is decided here.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::{Event, Grade, Kind};
use crate::id::{DeckId, EventId};
use crate::limit;
use crate::time::{DEFAULT_ROLLOVER_HOUR, Day, Hlc, UnixMs};

mod leitner;

pub use leitner::{BOX_COUNT, Lapse, Last, Leitner, Preset};

/// The rule by which answers become due days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scheduler {
    /// Five boxes.
    Leitner(Leitner),
}

impl Default for Scheduler {
    fn default() -> Self {
        Self::Leitner(Leitner::default())
    }
}

/// Scheduler settings from a day on. Epochs are only ever added: an answer is judged by the epoch in force on its day, so
/// that new settings do not rewrite the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Epoch {
    /// When the person chose them; of two epochs in force the later chosen holds.
    pub hlc: Hlc,
    /// For one deck, or for every deck without its own.
    pub deck: Option<DeckId>,
    /// First study day under them.
    pub day_from: Day,
    /// The rule.
    pub scheduler: Scheduler,
    /// Hour at which a study day begins, for events made from then on.
    pub rollover_hour: u8,
}

impl Epoch {
    /// Whether every field is in its range.
    pub fn is_valid(&self) -> bool {
        let Scheduler::Leitner(leitner) = self.scheduler;
        self.hlc.unix_ms() <= limit::HLC_MS_MAX
            && (-limit::DAY_ABS_MAX..=limit::DAY_ABS_MAX).contains(&self.day_from.0)
            && self.rollover_hour < 24
            && leitner
                .table
                .iter()
                .all(|days| (1..=limit::INTERVAL_DAYS_MAX).contains(days))
    }
}

/// Where a card stands. Equal on all devices that have seen the same events, in whatever order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CardState {
    /// The box, from 1.
    pub box_number: u8,
    /// The day the card is due; nothing for a new card (due at any time) and for a retired one (never).
    pub due: Option<Day>,
    /// The card has passed the last box and is not asked again.
    pub retired: bool,
    /// Answers given, learning repeats, early ones and cramming included, undone ones not.
    pub reviews: u32,
    /// Study days on which the card was known before and answered wrong.
    pub lapses: u32,
    /// The last study day that moved the card.
    pub last_day: Option<Day>,
    /// Time of the last answer.
    pub last_reviewed: Option<UnixMs>,
    /// The last event that counts; what undo would void.
    pub last_event: Option<EventId>,
    /// Events that contradict themselves and were left out.
    pub ignored: u32,
}

impl Default for CardState {
    fn default() -> Self {
        Self {
            box_number: 1,
            due: None,
            retired: false,
            reviews: 0,
            lapses: 0,
            last_day: None,
            last_reviewed: None,
            last_event: None,
            ignored: 0,
        }
    }
}

impl CardState {
    /// Never answered (or reset), and so waiting among the new cards.
    pub const fn is_new(&self) -> bool {
        self.due.is_none() && !self.retired
    }

    /// Whether the card may be asked on schedule on `today`.
    pub fn is_due(&self, today: Day) -> bool {
        !self.retired && self.due.is_none_or(|due| due <= today)
    }

    /// Days from the last move to the due day.
    pub fn interval_days(&self) -> Option<i32> {
        Some(self.due?.since(self.last_day?))
    }

    /// The kind of a first answer given on `today`.
    pub fn kind_of_answer(&self, today: Day) -> Kind {
        if self.is_due(today) {
            Kind::Review
        } else {
            Kind::Early
        }
    }
}

/// The epoch in force for a deck on a day: its own before the default, and among those the last chosen.
pub fn epoch_in_force(epochs: &[Epoch], deck: DeckId, day: Day) -> Option<&Epoch> {
    let begun = || {
        epochs
            .iter()
            .filter(|epoch| epoch.day_from <= day && epoch.is_valid())
    };
    let own = begun().filter(|epoch| epoch.deck == Some(deck)).max();
    own.or_else(|| begun().filter(|epoch| epoch.deck.is_none()).max())
}

/// The rollover hour in force for a deck on a day.
pub fn rollover_hour(epochs: &[Epoch], deck: DeckId, day: Day) -> u8 {
    epoch_in_force(epochs, deck, day).map_or(DEFAULT_ROLLOVER_HOUR, |epoch| epoch.rollover_hour)
}

/// Folds the events of one card, given in any order and any number of times.
pub fn fold<'a>(
    events: impl IntoIterator<Item = &'a Event>,
    epochs: &[Epoch],
    deck: DeckId,
) -> CardState {
    fold_by_day(events, epochs, deck, |_| {})
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
    epochs: &[Epoch],
    deck: DeckId,
    mut each: impl FnMut(&DayStep<'_>),
) -> CardState {
    let (events, ignored) = settle(events);
    let mut state = CardState {
        ignored,
        ..CardState::default()
    };
    let mut by_day: BTreeMap<Day, Vec<&Event>> = BTreeMap::new();
    for event in events {
        if matches!(event.kind, Kind::Void { .. }) {
            continue;
        }
        state.last_event = Some(event.id);
        if event.kind.is_answer() {
            state.reviews = state.reviews.saturating_add(1);
            state.last_reviewed = Some(event.at);
        }
        by_day.entry(event.day).or_default().push(event);
    }
    for (day, events) in by_day {
        let before = state;
        apply_day(&mut state, day, &events, epochs, deck);
        each(&DayStep {
            day,
            events: &events,
            before,
            after: state,
        });
    }
    state
}

/// What the card's state would be with one more event.
pub fn next_state<'a>(
    events: impl IntoIterator<Item = &'a Event>,
    next: &'a Event,
    epochs: &[Epoch],
    deck: DeckId,
) -> CardState {
    fold(events.into_iter().chain([next]), epochs, deck)
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

/// One study day, its events in order. The last manual setting or reset of the day cuts it: what came before is overruled,
/// what comes after counts.
fn apply_day(state: &mut CardState, day: Day, events: &[&Event], epochs: &[Epoch], deck: DeckId) {
    let cut = events
        .iter()
        .rposition(|event| matches!(event.kind, Kind::Manual { .. } | Kind::Reset));
    let after = match cut {
        Some(at) => {
            let (before, after) = events.split_at_checked(at + 1).unwrap_or((events, &[]));
            if let Some(event) = before.last() {
                apply_setting(state, day, event.kind);
            }
            after
        }
        None => events,
    };
    let mut grades = after
        .iter()
        .filter(|event| event.kind.is_counted())
        .filter_map(|event| event.grade)
        .peekable();
    if grades.peek().is_none() {
        return;
    }
    let all_right = grades.all(Grade::is_right);
    let Scheduler::Leitner(leitner) =
        epoch_in_force(epochs, deck, day).map_or_else(Scheduler::default, |epoch| epoch.scheduler);
    leitner.apply_day(state, day, all_right);
}

fn apply_setting(state: &mut CardState, day: Day, kind: Kind) {
    match kind {
        Kind::Manual { box_number, due } => {
            state.box_number = box_number;
            state.due = Some(due);
            state.retired = false;
            state.last_day = Some(day);
        }
        _ => {
            state.box_number = 1;
            state.due = None;
            state.retired = false;
            state.last_day = None;
        }
    }
}
