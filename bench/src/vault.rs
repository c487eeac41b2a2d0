//! A vault of any size: decks of 1 000 cards, a history of answers by two devices. Cards go through the library; answers are
//! written as the changes that a sitting makes, past the journal, because a million commits would take an hour. The index is then
//! made of the documents by the vault's own rebuild.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use automerge::transaction::Transaction;
use client::{Clock, Hold, Moment, NewCard, NewItem, Vault};
use domain::document::{EditError, events};
use domain::{
    ActorId, CardId, Day, DeviceId, DocId, Event, EventId, Grade, Hlc, Kind, Month, OffsetMin,
    UnixMs,
};
use storage::{LockKind, StoreError, StoreOptions, VaultStore};

/// Cards of a deck.
const DECK_CARDS: u32 = 1_000;
/// Answers that share a change: a sitting.
const SITTING_EVENTS: usize = 50;
/// Days until a card comes again, by box.
const BOX_DAYS: [i32; 5] = [1, 2, 4, 8, 16];
/// Days that the most overdue cards are late.
const LATE_DAYS_MAX: u64 = 3;
const DAY_MS: i64 = 86_400_000;

/// What to make.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Cards.
    pub cards: u32,
    /// Answers.
    pub events: u32,
}

/// What was made.
#[derive(Debug, Clone, Copy)]
pub struct Made {
    /// Cards.
    pub cards: usize,
    /// Decks.
    pub decks: usize,
    /// Answers.
    pub events: usize,
    /// Answers of the other device among them.
    pub events_elsewhere: usize,
}

/// Makes a vault in a folder that holds none.
///
/// # Errors
/// The folder holds a vault, or the disk refuses.
pub fn make(dir: &Path, plan: Plan) -> anyhow::Result<Made> {
    let mut vault = Vault::init(dir, "bench")?;
    let today = vault.today();
    let (cards, decks) = add_cards(&mut vault, plan.cards, today)?;
    let (device, mut dice) = (vault.device_id(), Dice::new(b"events"));
    drop(vault);
    let elsewhere = DeviceId::v7(1, [7; 10]);
    let answers = history(&cards, plan.events, today, [device, elsewhere], &mut dice);
    let count = |device| {
        answers
            .iter()
            .filter(|event: &&Event| event.device == device)
            .count()
    };
    let made = Made {
        cards: cards.len(),
        decks,
        events: answers.len(),
        events_elsewhere: count(elsewhere),
    };
    if !answers.is_empty() {
        write_answers(dir, answers, device)?;
        Vault::open(dir, "make-vault", Hold::Short)?.rebuild_index()?;
    }
    Ok(made)
}

fn add_cards(vault: &mut Vault, count: u32, today: Day) -> anyhow::Result<(Vec<CardId>, usize)> {
    // Made before the first answer.
    let at = UnixMs(i64::from(today.0 - 400) * DAY_MS + DAY_MS / 2);
    vault.set_clock(Clock::Still(Moment {
        at,
        offset: OffsetMin(0),
    }));
    let mut dice = Dice::new(b"cards");
    let (mut cards, mut decks) = (Vec::new(), 0);
    let mut left = count;
    while left > 0 {
        let size = left.min(DECK_CARDS);
        left -= size;
        let deck = vault.deck_add(&format!("Deck {decks}"))?;
        decks += 1;
        let new: Vec<NewCard> = (0..size)
            .map(|_| NewCard {
                deck,
                front: vec![NewItem::Text(dice.words(8))],
                back: vec![NewItem::Text(dice.words(17))],
                tags: vec![
                    format!("tag{}", dice.below(40)),
                    format!("topic{}", dice.below(60)),
                ],
            })
            .collect();
        cards.extend(vault.add_cards(&new)?);
    }
    Ok((cards, decks))
}

/// Answers of all cards, in order of time: right in six of seven, on the day they are due, up to a due day that is mostly still
/// to come.
fn history(
    cards: &[CardId],
    count: u32,
    today: Day,
    [own, elsewhere]: [DeviceId; 2],
    dice: &mut Dice,
) -> Vec<Event> {
    let studied = cards.get(..cards.len() - cards.len() / 20).unwrap_or(cards);
    let Ok(cards_studied) = u32::try_from(studied.len()) else {
        return Vec::new();
    };
    let mut events = Vec::new();
    for (number, card) in (0_u32..).zip(studied) {
        let share = count / cards_studied + u32::from(number < count % cards_studied);
        events.extend(answers(*card, share, today, [own, elsewhere], dice));
    }
    events.sort_unstable_by_key(Event::order);
    events
}

fn answers(
    card: CardId,
    count: u32,
    today: Day,
    [own, elsewhere]: [DeviceId; 2],
    dice: &mut Dice,
) -> Vec<Event> {
    let mut box_number: u8 = 1;
    let mut day = 0;
    let mut steps = Vec::new();
    for _ in 0..count {
        let right = dice.below(7) > 0;
        let before = box_number;
        box_number = if right { (box_number + 1).min(5) } else { 1 };
        steps.push((day, right, before, box_number));
        day += BOX_DAYS
            .get(usize::from(box_number) - 1)
            .copied()
            .unwrap_or(1);
    }
    // `day` is now the due day; put it between a little late and one interval from now.
    let interval = BOX_DAYS
        .get(usize::from(box_number) - 1)
        .copied()
        .unwrap_or(1);
    let ahead = dice.below(u64::from(interval.unsigned_abs()) + LATE_DAYS_MAX);
    let due = today.0 - 2 + i32::try_from(ahead).unwrap_or(0);
    steps
        .into_iter()
        .map(|(step, right, prev_box, new_box)| {
            let day = Day((due - day + step).min(today.0 - 1));
            let at = UnixMs(i64::from(day.0) * DAY_MS + DAY_MS / 3 + dice.signed_below(DAY_MS / 3));
            let at_ms = at.0.unsigned_abs();
            Event {
                id: EventId::v7(at_ms, dice.bytes()),
                card,
                device: if dice.below(4) == 0 { elsewhere } else { own },
                hlc: Hlc::from_u64(at_ms << 16),
                at,
                offset_min: OffsetMin(0),
                day,
                grade: Some(if right { Grade::Good } else { Grade::Again }),
                difficulty: None,
                response_ms: 1_500 + u32::try_from(dice.below(9_000)).unwrap_or(0),
                kind: Kind::Review,
                prev_box,
                new_box,
            }
        })
        .collect()
}

/// An edit that failed: in the store, or in the document.
#[derive(Debug)]
enum Failed {
    Store(StoreError),
    Edit(EditError),
}

impl From<StoreError> for Failed {
    fn from(source: StoreError) -> Self {
        Self::Store(source)
    }
}

/// Writes the answers into segments, a document a commit, in changes of a sitting each.
fn write_answers(dir: &Path, answers: Vec<Event>, own: DeviceId) -> anyhow::Result<()> {
    let mut by_month: BTreeMap<(DeviceId, Month), Vec<Event>> = BTreeMap::new();
    for event in answers {
        let month = Day::of(event.at, OffsetMin(0), 0).month();
        by_month
            .entry((event.device, month))
            .or_default()
            .push(event);
    }
    let options = StoreOptions {
        who: "make-vault".to_owned(),
        kind: LockKind::Short,
        wait: Duration::ZERO,
        schema: |_, _| Ok(()),
        runtime_dir: None,
    };
    let mut store = VaultStore::open(dir, &options)?;
    let other = ActorId::from_bytes([9; 16]);
    for ((device, month), events) in by_month {
        let segments = events.chunks(domain::limit::SEGMENT_EVENTS_MAX);
        for (segment, events) in (0_u16..).zip(segments) {
            let document = DocId::events(device, month, segment);
            let mut writer = store.begin();
            for (number, sitting) in events.chunks(SITTING_EVENTS).enumerate() {
                let time_s = sitting.first().map_or(0, |event| event.at.0 / 1_000);
                let edit = |doc: &mut Transaction<'_>| {
                    if number == 0 {
                        events::create(doc, device, month).map_err(Failed::Edit)?;
                    }
                    events::append(doc, sitting).map_err(Failed::Edit)
                };
                let done = if device == own {
                    writer.edit(document, time_s, edit)
                } else {
                    writer.edit_as(document, other, time_s, edit)
                };
                done.map_err(|failed| match failed {
                    Failed::Store(why) => anyhow::Error::from(why),
                    Failed::Edit(why) => anyhow::Error::from(why),
                })
                .with_context(|| format!("write the segment {document}"))?;
            }
            writer.commit()?;
        }
    }
    Ok(())
}

/// Numbers that look random and are always the same.
struct Dice(blake3::OutputReader);

impl Dice {
    fn new(seed: &[u8]) -> Self {
        Self(blake3::Hasher::new().update(seed).finalize_xof())
    }

    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill(&mut bytes);
        bytes
    }

    fn below(&mut self, bound: u64) -> u64 {
        u64::from_le_bytes(self.bytes()) % bound.max(1)
    }

    fn signed_below(&mut self, bound: i64) -> i64 {
        i64::try_from(self.below(bound.unsigned_abs())).unwrap_or(0)
    }

    fn words(&mut self, about: u64) -> String {
        const SYLLABLES: [&str; 16] = [
            "ka", "lo", "mi", "ne", "ru", "sa", "to", "ve", "an", "el", "is", "or", "un", "ta",
            "ri", "do",
        ];
        let count = about / 2 + self.below(about + 1);
        let word = |dice: &mut Self| -> String {
            let syllables = 1 + dice.below(3);
            (0..syllables)
                .filter_map(|_| SYLLABLES.get(usize::try_from(dice.below(16)).unwrap_or(0)))
                .copied()
                .collect()
        };
        let words: Vec<String> = (0..count.max(1)).map(|_| word(self)).collect();
        words.join(" ")
    }
}
