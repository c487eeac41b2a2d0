//! One sitting: which card comes next, and what an answer does. Order and repeats are `domain::queue`'s; this file reads the
//! candidates from the index, checks that each card is still to be asked, and records every answer before the next card.

use std::collections::BTreeMap;

use domain::queue::{self, Candidate, DailyLimits, Done, Session, Turn};
use domain::{CardId, CardState, DeckId, UnixMs, schedule};

use crate::index::row::DayRow;
use crate::index::{CardRow, DeckRow, ReadRows, key};
use crate::vault::{
    Answer, CardShown, Reviewed, StudyCounts, StudySummary, Undone, Vault, VaultError, VaultResult,
};

/// A sitting. It borrows nothing: every call takes the vault.
#[derive(Debug)]
pub struct StudySession {
    session: Session,
    answered: Vec<&'static str>,
    undone: u64,
}

impl Vault {
    /// Begins a sitting over these decks, or over all that are not archived.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn study(&self, decks: &[DeckId]) -> VaultResult<StudySession> {
        let today = self.today();
        let mut candidates = Vec::new();
        let mut left = BTreeMap::new();
        for (id, deck) in self.deck_rows()? {
            let chosen = if decks.is_empty() {
                !deck.archived
            } else {
                decks.contains(&id)
            };
            if !chosen || !deck.visible {
                continue;
            }
            let limits = self.limits_left(id, &deck)?;
            self.due_candidates(id, limits.review, &mut candidates)?;
            self.new_candidates(id, limits.new, &mut candidates)?;
            left.insert(id, limits);
        }
        let queue = queue::build(candidates, today, &left, 0);
        Ok(StudySession {
            session: Session::new(queue),
            answered: Vec::new(),
            undone: 0,
        })
    }

    fn limits_left(&self, id: DeckId, deck: &DeckRow) -> VaultResult<DailyLimits> {
        let (new, review) = self.settings().daily_figures();
        let limits = DailyLimits {
            new: deck.new_per_day.unwrap_or(new),
            review: deck.reviews_per_day.unwrap_or(review),
        };
        let day: DayRow = self
            .store()
            .read(&key::day(id, self.today()))?
            .unwrap_or_default();
        Ok(limits.less(Done {
            new: day.new,
            review: day.reviews,
        }))
    }

    /// The due cards of a deck that the queue may choose: box by box the longest overdue, until there are as many as the day has room
    /// for and the last due day is complete, because the queue shuffles the cards of one day.
    fn due_candidates(
        &self,
        deck: DeckId,
        limit: u32,
        into: &mut Vec<Candidate>,
    ) -> VaultResult<()> {
        let today = self.today();
        let bound = into.len().saturating_add(bound(limit));
        for box_number in 1..=schedule::BOX_COUNT {
            let mut last = None;
            for entry in self.store().scan(&key::due_in_box(deck, box_number)) {
                let (key, _) = entry?;
                let Some((due, card)) = key::read_due(&key) else {
                    continue;
                };
                if due > today || (into.len() >= bound && last != Some(due)) {
                    break;
                }
                last = Some(due);
                let state = CardState {
                    box_number,
                    due: Some(due),
                    ..CardState::default()
                };
                into.push(Candidate {
                    card,
                    deck,
                    state,
                    created_at: UnixMs(0),
                    note: None,
                });
            }
        }
        Ok(())
    }

    fn new_candidates(
        &self,
        deck: DeckId,
        limit: u32,
        into: &mut Vec<Candidate>,
    ) -> VaultResult<()> {
        for entry in self
            .store()
            .scan(&key::due_of(deck, key::CLASS_NEW))
            .take(bound(limit))
        {
            let (key, _) = entry?;
            let Some((created_ms, card)) = key::read_new(&key) else {
                continue;
            };
            into.push(Candidate {
                card,
                deck,
                state: CardState::default(),
                created_at: UnixMs(created_ms),
                note: None,
            });
        }
        Ok(())
    }

    /// Whether a card of the queue is still to be asked.
    fn is_to_be_asked(&self, turn: Turn) -> VaultResult<bool> {
        let Some(row): Option<CardRow> = self.store().read(&key::card(turn.card))? else {
            return Ok(false);
        };
        let deck: Option<DeckRow> = self.store().read(&key::deck(row.deck))?;
        let shown = row.visible && deck.is_some_and(|deck| deck.visible);
        Ok(shown && !row.suspended && (turn.repeat || row.is_due(self.today())))
    }
}

fn bound(limit: u32) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

impl StudySession {
    /// The card to ask now; none when all are done. Cards that were removed, suspended or answered elsewhere meanwhile are
    /// left out.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn current(&mut self, vault: &Vault) -> VaultResult<Option<CardShown>> {
        self.turn(vault)?
            .map(|turn| vault.card(turn.card))
            .transpose()
    }

    /// Records the answer to the present card. It is durable when this returns.
    ///
    /// # Errors
    /// There is no card left, or the answer cannot be recorded; then the card is still the present one.
    pub fn answer(&mut self, vault: &mut Vault, answer: Answer) -> VaultResult<Reviewed> {
        let turn = self
            .turn(vault)?
            .ok_or_else(|| VaultError::Refused("there is no card left to answer".to_owned()))?;
        let reviewed = vault.answer(turn.card, answer, turn.repeat)?;
        self.session.answered(turn, answer.grade, vault.now().at);
        self.answered.push(crate::vault::grade_name(answer.grade));
        Ok(reviewed)
    }

    /// Takes back the last answer of this sitting; its card is the present one again.
    ///
    /// # Errors
    /// There is none.
    pub fn undo(&mut self, vault: &mut Vault) -> VaultResult<Undone> {
        if self.answered.is_empty() {
            return Err(VaultError::NothingToUndo);
        }
        let undone = vault.undo()?;
        self.session.undo();
        self.answered.pop();
        self.undone += 1;
        Ok(undone)
    }

    /// What is left.
    pub fn counts(&self) -> StudyCounts {
        let (new, learning, due) = self.session.left();
        let count = |len: usize| u64::try_from(len).unwrap_or(u64::MAX);
        StudyCounts {
            new: count(new),
            learning: count(learning),
            due: count(due),
        }
    }

    /// Whether the present card was wrong before in this sitting.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn is_repeat(&mut self, vault: &Vault) -> VaultResult<bool> {
        Ok(self.turn(vault)?.is_some_and(|turn| turn.repeat))
    }

    /// Ends the sitting: its answers become one change, ready to be sent.
    ///
    /// # Errors
    /// The journal cannot be folded; the answers are durable all the same.
    pub fn finish(self, vault: &mut Vault) -> VaultResult<StudySummary> {
        vault.fold_journal()?;
        let mut by_grade: BTreeMap<String, u64> = BTreeMap::new();
        for grade in &self.answered {
            *by_grade.entry((*grade).to_owned()).or_default() += 1;
        }
        let answered = u64::try_from(self.answered.len()).unwrap_or(u64::MAX);
        Ok(StudySummary {
            answered,
            by_grade,
            undone: self.undone,
        })
    }

    /// Leaves a card out of this sitting.
    pub fn skip(&mut self, card: CardId) {
        self.session.drop_card(card);
    }

    fn turn(&mut self, vault: &Vault) -> VaultResult<Option<Turn>> {
        while let Some(turn) = self.session.front(vault.now().at) {
            if vault.is_to_be_asked(turn)? {
                return Ok(Some(turn));
            }
            self.session.drop_card(turn.card);
        }
        Ok(None)
    }
}
