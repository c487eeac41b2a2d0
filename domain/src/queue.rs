//! What to study today, and in which order: a pure function of where the cards stand, the day, the limits and a seed. The
//! course of one sitting is `session`'s.

use std::collections::{BTreeMap, VecDeque};

use crate::event::Event;
use crate::id::{CardId, DeckId, EventId, NoteId};
use crate::limit;
use crate::schedule::CardState;
use crate::time::{Day, UnixMs};

mod session;

pub use session::{REPEAT_AFTER_CARDS, REPEAT_AFTER_MS, Session, Turn};

/// Due cards shown before each new one.
pub const DUE_PER_NEW: usize = 5;

/// A card that may be asked: visible, not suspended, of a deck being studied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The card.
    pub card: CardId,
    /// Its deck; limits are per deck.
    pub deck: DeckId,
    /// Where it stands.
    pub state: CardState,
    /// When it was made: new cards come in that order.
    pub created_at: UnixMs,
    /// Cards made from the same note share this and are kept apart.
    pub note: Option<NoteId>,
}

/// How many cards a deck serves a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DailyLimits {
    /// New cards.
    pub new: u32,
    /// Reviews.
    pub review: u32,
}

impl Default for DailyLimits {
    fn default() -> Self {
        Self {
            new: limit::NEW_PER_DAY,
            review: limit::REVIEWS_PER_DAY,
        }
    }
}

/// What was answered today already, on any device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Done {
    /// Cards that were new.
    pub new: u32,
    /// Cards that were not.
    pub review: u32,
}

impl DailyLimits {
    /// What is left of the limits.
    #[must_use]
    pub const fn less(self, done: Done) -> Self {
        Self {
            new: self.new.saturating_sub(done.new),
            review: self.review.saturating_sub(done.review),
        }
    }
}

/// What may still be served today.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Left {
    /// By deck, its subdecks' answers counted in; a deck not named serves the default.
    pub decks: BTreeMap<DeckId, DailyLimits>,
    /// The decks above a deck whose limits hold for it too.
    pub above: BTreeMap<DeckId, Vec<DeckId>>,
    /// Serve every candidate: the person asked for these cards.
    pub unlimited: bool,
}

/// A card in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Queued {
    /// The card.
    pub card: CardId,
    /// Whether it was never answered.
    pub is_new: bool,
}

/// Which of the day's limits the events of one card have used up on `day`: nothing when it was not answered on schedule.
pub fn done_by<'a>(events: impl IntoIterator<Item = &'a Event>, day: Day) -> Done {
    let events: Vec<&Event> = events.into_iter().collect();
    let voided: Vec<EventId> = events
        .iter()
        .filter_map(|event| match event.kind {
            crate::event::Kind::Void { target } => Some(target),
            _ => None,
        })
        .collect();
    let counted = || {
        events
            .iter()
            .filter(|event| event.kind.is_counted() && !voided.contains(&event.id))
    };
    if !counted().any(|event| event.day == day) {
        Done::default()
    } else if counted().any(|event| event.day < day) {
        Done { new: 0, review: 1 }
    } else {
        Done { new: 1, review: 0 }
    }
}

/// The cards to ask on `today`, in order: due ones by box, the longest overdue first; a new one after every five.
pub fn build(
    candidates: impl IntoIterator<Item = Candidate>,
    today: Day,
    left: &Left,
    seed: u64,
) -> Vec<Queued> {
    let (mut due, mut new) = (Vec::new(), Vec::new());
    for candidate in candidates {
        if candidate.state.is_new() {
            new.push(candidate);
        } else if left.unlimited || candidate.state.is_due(today) {
            due.push(candidate);
        }
    }
    due.sort_by_cached_key(|candidate| {
        let order = shuffled(candidate.card, today, seed);
        // Of one box, the earlier due day is the longer overdue.
        (
            candidate.state.box_number,
            candidate.state.due,
            order,
            candidate.card,
        )
    });
    new.sort_by_key(|candidate| (candidate.created_at, candidate.card));
    let due = keep_within(due, left, |limits| limits.review);
    let new = keep_within(new, left, |limits| limits.new);
    let mixed = part_siblings(interleave(due, new));
    mixed
        .into_iter()
        .map(|c| Queued {
            card: c.card,
            is_new: c.state.is_new(),
        })
        .collect()
}

fn shuffled(card: CardId, day: Day, seed: u64) -> [u8; 8] {
    let mut hasher = blake3::Hasher::new();
    hasher
        .update(card.as_bytes())
        .update(&day.0.to_le_bytes())
        .update(&seed.to_le_bytes());
    let mut order = [0; 8];
    hasher.finalize_xof().fill(&mut order);
    order
}

fn keep_within(
    candidates: Vec<Candidate>,
    left: &Left,
    figure: impl Fn(&DailyLimits) -> u32,
) -> Vec<Candidate> {
    if left.unlimited {
        return candidates;
    }
    let mut served: BTreeMap<DeckId, u32> = BTreeMap::new();
    let mut kept = candidates;
    kept.retain(|candidate| {
        let above = left.above.get(&candidate.deck).into_iter().flatten();
        let decks = || std::iter::once(&candidate.deck).chain(above.clone());
        let room = |deck: &DeckId| {
            let limits = left.decks.get(deck).copied().unwrap_or_default();
            figure(&limits) > served.get(deck).copied().unwrap_or(0)
        };
        let fits = decks().all(room);
        if fits {
            decks().for_each(|deck| *served.entry(*deck).or_default() += 1);
        }
        fits
    });
    kept
}

fn interleave(due: Vec<Candidate>, new: Vec<Candidate>) -> Vec<Candidate> {
    let mut mixed = Vec::with_capacity(due.len() + new.len());
    let (mut due, mut new) = (due.into_iter(), new.into_iter());
    loop {
        let before = mixed.len();
        mixed.extend(due.by_ref().take(DUE_PER_NEW));
        mixed.extend(new.next());
        if mixed.len() == before {
            return mixed;
        }
    }
}

/// Puts another card between two of the same note, where there is one left to put.
fn part_siblings(queue: Vec<Candidate>) -> Vec<Candidate> {
    let mut parted: Vec<Candidate> = Vec::with_capacity(queue.len());
    let mut waiting: VecDeque<Candidate> = VecDeque::new();
    for candidate in queue {
        waiting.push_back(candidate);
        place_fitting(&mut parted, &mut waiting);
    }
    parted.extend(waiting);
    parted
}

fn place_fitting(parted: &mut Vec<Candidate>, waiting: &mut VecDeque<Candidate>) {
    loop {
        let last_note = parted.last().and_then(|candidate| candidate.note);
        let fits = |candidate: &Candidate| candidate.note.is_none() || candidate.note != last_note;
        match waiting
            .iter()
            .position(fits)
            .and_then(|index| waiting.remove(index))
        {
            Some(candidate) => parted.push(candidate),
            None => return,
        }
    }
}
