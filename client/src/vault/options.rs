//! A deck's options: its scheduler, its daily limits, its leeches; and what a change of the scheduler would do, before it is
//! made. Options of the scheduler are epochs: nothing is overwritten, and the way back is always open.

use domain::document::{deck as deck_document, settings};
use domain::schedule::{self, Epoch, Rules, Scheduler, Weights};
use domain::{CardId, Day, DeckId, Event, Grade, Hlc, Kind};
use serde::Serialize;

use super::write::Tx;
use super::{Vault, VaultError, VaultResult, lookup};
use crate::index::row::decode;
use crate::index::{CardRow, DeckRow, ReadRows, damaged, key, read_events};

/// The options of a deck, or of all decks without their own.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DeckOptions {
    /// The deck; none for the default of all decks.
    pub deck: Option<DeckId>,
    /// Its name.
    pub deck_name: Option<String>,
    /// The scheduler in force.
    #[serde(flatten)]
    pub scheduler: SchedulerShown,
    /// Whether the deck has a scheduler of its own, not the default's.
    pub own_scheduler: bool,
    /// Hour at which a study day begins.
    pub rollover_hour: u8,
    /// New cards a day.
    pub new_per_day: u32,
    /// Reviews a day.
    pub reviews_per_day: u32,
    /// Lapses after which a card is a leech; 0 for never.
    pub leech_lapses: u32,
    /// Whether a leech is taken out of study.
    pub leech_suspends: bool,
}

/// A scheduler and its options.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "scheduler", rename_all = "lowercase")]
pub enum SchedulerShown {
    /// Five boxes.
    Leitner {
        /// Days of each box.
        boxes_days: [u16; 5],
        /// Where a wrong answer sends a card: `first` or `back_one`.
        lapse: schedule::Lapse,
        /// What a right answer in the last box does: `repeat` or `retire`.
        last: schedule::Last,
    },
    /// SM-2, which has no options.
    Sm2,
    /// FSRS-6.
    Fsrs {
        /// The chance to know a card on the day it is due, in thousandths.
        retention_permille: u16,
        /// Whether long intervals are moved a little.
        fuzz: bool,
        /// The weights.
        weights: Vec<f64>,
        /// Whether the weights were fitted to this person's answers.
        weights_fitted: bool,
    },
}

/// What to change of options. What is none stays as it is.
#[derive(Debug, Clone, Default)]
pub struct OptionsChange {
    /// The scheduler with its options.
    pub scheduler: Option<Scheduler>,
    /// Of a deck: let it follow the default of all decks again.
    pub inherit: bool,
    /// FSRS's weights, of all decks; the inner none for the average person's.
    pub weights: Option<Option<Weights>>,
    /// Hour at which a study day begins, of all decks.
    pub rollover_hour: Option<u8>,
    /// New cards a day.
    pub new_per_day: Option<u32>,
    /// Reviews a day.
    pub reviews_per_day: Option<u32>,
    /// Lapses after which a card is a leech; 0 for never.
    pub leech_lapses: Option<u32>,
    /// Whether a leech is taken out of study.
    pub leech_suspends: Option<bool>,
}

/// What a change of the scheduler would do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct OptionsPreview {
    /// Cards that were studied and follow these options.
    pub cards: u64,
    /// Of those, cards whose due day moves at once.
    pub moved: u64,
    /// Of those, cards that come sooner.
    pub sooner: u64,
    /// Of those, cards that come later.
    pub later: u64,
    /// Median of the days by which they move.
    pub moved_days_median: u64,
    /// The most days by which one moves.
    pub moved_days_most: u64,
    /// Studied cards due today, as it is.
    pub due_before: u64,
    /// Studied cards due today, after the change.
    pub due_after: u64,
    /// Median days to the next answer when the next one is good, as it is.
    pub next_days_before: u64,
    /// The same after the change.
    pub next_days_after: u64,
}

impl Vault {
    /// The options of a deck, or the default of all decks.
    ///
    /// # Errors
    /// There is no such deck.
    pub fn options(&self, deck: Option<DeckId>) -> VaultResult<DeckOptions> {
        let row = deck
            .map(|deck| {
                let row: Option<DeckRow> = self.store.read(&key::deck(deck))?;
                row.ok_or_else(|| lookup::no_deck(&deck.to_string()))
            })
            .transpose()?;
        let rules = self.settings.rules();
        let (new, reviews) = self.settings.daily_figures();
        let of_row = |figure: fn(&DeckRow) -> Option<u32>| row.as_ref().and_then(figure);
        Ok(DeckOptions {
            deck,
            deck_name: row.as_ref().map(|row| row.name.clone()),
            scheduler: shown(
                rules.latest_scheduler(deck.unwrap_or(NO_DECK)),
                self.settings.weights(),
            ),
            own_scheduler: deck.is_some_and(|deck| rules.is_own(deck)),
            rollover_hour: self.settings.rollover_hour(),
            new_per_day: of_row(|row| row.new_per_day).unwrap_or(new),
            reviews_per_day: of_row(|row| row.reviews_per_day).unwrap_or(reviews),
            leech_lapses: of_row(|row| row.leech_lapses).unwrap_or(domain::limit::LEECH_LAPSES),
            leech_suspends: !row.as_ref().is_some_and(|row| row.leech_stays),
        })
    }

    /// The scheduler in force for a deck, or for all decks without their own.
    pub fn scheduler(&self, deck: Option<DeckId>) -> Scheduler {
        self.settings
            .rules()
            .latest_scheduler(deck.unwrap_or(NO_DECK))
    }

    /// Changes the options of a deck, or the default of all decks.
    ///
    /// # Errors
    /// There is no such deck, a figure is out of range, or an option is not a deck's own.
    pub fn set_options(&mut self, deck: Option<DeckId>, change: &OptionsChange) -> VaultResult<()> {
        if deck.is_some() && (change.rollover_hour.is_some() || change.weights.is_some()) {
            return Err(VaultError::Refused(
                "the rollover hour and FSRS's weights hold for all decks; change them without naming a deck"
                    .to_owned(),
            ));
        }
        if deck.is_none() && change.inherit {
            return Err(VaultError::Refused(
                "the default of all decks has none to follow; name the deck".to_owned(),
            ));
        }
        if deck.is_none() && (change.leech_lapses.is_some() || change.leech_suspends.is_some()) {
            return Err(VaultError::Refused(
                "what a leech is, each deck says for itself; name the deck".to_owned(),
            ));
        }
        let words = match deck {
            Some(deck) => format!("changed the options of the deck {}", self.deck_name(deck)?),
            None => "changed the options of all decks".to_owned(),
        };
        self.step(&words, |tx| tx.set_options(deck, change))
    }

    /// What a change of options would do to the cards that follow them.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn preview_options(
        &self,
        deck: Option<DeckId>,
        change: &OptionsChange,
    ) -> VaultResult<OptionsPreview> {
        let today = self.today();
        let before = self.settings.rules();
        let mut after = before.clone();
        if let Some(weights) = change.weights {
            after.weights = weights.unwrap_or_default();
        }
        let default = before.latest_scheduler(NO_DECK);
        let chosen = change.scheduler.or(change.inherit.then_some(default));
        if let Some(scheduler) = chosen {
            after.epochs.push(Epoch {
                hlc: Hlc::from_u64(domain::limit::HLC_MS_MAX << 16),
                deck,
                day_from: today,
                scheduler,
                inherits: change.inherit,
                rollover_hour: self.settings.rollover_hour(),
            });
        }
        let mut preview = Preview::default();
        for entry in self.store.scan(key::CARDS) {
            let (key, bytes) = entry?;
            let row: CardRow = decode(&bytes).map_err(|_| damaged(&key))?;
            let card = key::last16(&key)
                .map(CardId::from_bytes)
                .ok_or_else(|| damaged(&key))?;
            let own = || before.is_own(row.deck);
            let follows = match deck {
                Some(deck) => row.deck == deck,
                None => change.weights.is_some() || !own(),
            };
            if !follows || !row.visible || row.is_new() {
                continue;
            }
            let events: Vec<Event> = read_events(&self.store, card)?.into_iter().collect();
            preview.add(&events, row.deck, [&before, &after], today);
        }
        Ok(preview.finish())
    }
}

/// Stands for every deck without a scheduler of its own.
const NO_DECK: DeckId = DeckId::from_bytes([0; 16]);

fn shown(scheduler: Scheduler, weights: Option<Weights>) -> SchedulerShown {
    match scheduler {
        Scheduler::Leitner(leitner) => SchedulerShown::Leitner {
            boxes_days: leitner.table,
            lapse: leitner.lapse,
            last: leitner.last,
        },
        Scheduler::Sm2 => SchedulerShown::Sm2,
        Scheduler::Fsrs(fsrs) => SchedulerShown::Fsrs {
            retention_permille: fsrs.retention_permille,
            fuzz: fsrs.fuzz,
            weights: weights.unwrap_or_default().figures().to_vec(),
            weights_fitted: weights.is_some(),
        },
    }
}

#[derive(Default)]
struct Preview {
    told: OptionsPreview,
    moves: Vec<u64>,
    next: [Vec<u64>; 2],
}

impl Preview {
    fn add(&mut self, events: &[Event], deck: DeckId, rules: [&Rules; 2], today: Day) {
        let [before, after] = rules.map(|rules| schedule::fold(events, rules, deck));
        let told = &mut self.told;
        told.cards += 1;
        told.due_before += u64::from(before.is_due(today));
        told.due_after += u64::from(after.is_due(today));
        if let (Some(from), Some(to)) = (before.due, after.due) {
            let days = to.since(from);
            told.sooner += u64::from(days < 0);
            told.later += u64::from(days > 0);
            if days != 0 {
                self.moves.push(u64::from(days.unsigned_abs()));
            }
        }
        for (rules, (state, into)) in rules
            .into_iter()
            .zip([before, after].iter().zip(&mut self.next))
        {
            let day = state.due.unwrap_or(today).max(today);
            let Some(last) = events.iter().max_by_key(|event| event.order()) else {
                continue;
            };
            let good = Event {
                id: domain::EventId::from_bytes([0xff; 16]),
                day,
                grade: Some(Grade::Good),
                kind: Kind::Review,
                difficulty: None,
                ..*last
            };
            let next = schedule::next_state(events, &good, rules, deck);
            let days = next.due.map_or(0, |due| due.since(day).max(0));
            into.push(u64::from(days.unsigned_abs()));
        }
    }

    fn finish(mut self) -> OptionsPreview {
        self.told.moved = self.told.sooner + self.told.later;
        self.told.moved_days_most = self.moves.iter().copied().max().unwrap_or(0);
        self.told.moved_days_median = median(&mut self.moves);
        let [before, after] = &mut self.next;
        self.told.next_days_before = median(before);
        self.told.next_days_after = median(after);
        self.told
    }
}

fn median(days: &mut [u64]) -> u64 {
    days.sort_unstable();
    days.get(days.len() / 2).copied().unwrap_or(0)
}

impl Tx<'_> {
    fn set_options(&mut self, deck: Option<DeckId>, change: &OptionsChange) -> VaultResult<()> {
        if let Some(scheduler) = change.scheduler {
            let hour = self.settings.rollover_hour();
            self.add_epoch(deck, scheduler, hour, false)?;
        } else if change.inherit {
            self.add_epoch(
                deck,
                Scheduler::default(),
                self.settings.rollover_hour(),
                true,
            )?;
        }
        if let Some(weights) = &change.weights {
            self.edit_settings(|doc| settings::set_weights(doc, weights.as_ref()))?;
        }
        if let Some(hour) = change.rollover_hour {
            self.set_rollover(hour)?;
        }
        let Some(deck) = deck else {
            let view = self.settings.view();
            let new = change.new_per_day.or(view.new_per_day);
            let reviews = change.reviews_per_day.or(view.reviews_per_day);
            return self.edit_settings(|doc| settings::set_daily_limits(doc, new, reviews));
        };
        let row: DeckRow = self
            .writer
            .read(&key::deck(deck))?
            .ok_or_else(|| lookup::no_deck(&deck.to_string()))?;
        let new = change.new_per_day.or(row.new_per_day);
        let reviews = change.reviews_per_day.or(row.reviews_per_day);
        let lapses = change.leech_lapses.or(row.leech_lapses);
        let stays = change
            .leech_suspends
            .map_or(row.leech_stays, |suspends| !suspends);
        self.edit_deck(deck, |doc, device| {
            deck_document::set_daily_limits(doc, new, reviews, device)?;
            deck_document::set_leech(doc, lapses, stays, device)
        })
    }

    /// Settings of the scheduler from today on.
    fn add_epoch(
        &mut self,
        deck: Option<DeckId>,
        scheduler: Scheduler,
        hour: u8,
        inherits: bool,
    ) -> VaultResult<()> {
        let epoch = Epoch {
            hlc: self.tick(),
            deck,
            day_from: self.day_of(self.now, deck.unwrap_or(NO_DECK)),
            scheduler,
            inherits,
            rollover_hour: hour,
        };
        self.edit_settings(|doc| settings::add_epoch(doc, &epoch))
    }

    /// A new hour holds for the default and for every deck with a scheduler of its own.
    fn set_rollover(&mut self, hour: u8) -> VaultResult<()> {
        self.edit_settings(|doc| settings::set_rollover_hour(doc, hour))?;
        let rules = self.settings.rules();
        let mut owners: Vec<Option<DeckId>> = rules.epochs.iter().map(|epoch| epoch.deck).collect();
        owners.sort_unstable();
        owners.dedup();
        for deck in owners {
            let scheduler = rules.latest_scheduler(deck.unwrap_or(NO_DECK));
            self.add_epoch(
                deck,
                scheduler,
                hour,
                deck.is_some_and(|deck| !rules.is_own(deck)),
            )?;
        }
        Ok(())
    }
}
