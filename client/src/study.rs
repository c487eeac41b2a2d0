//! One sitting: which card comes next, and what an answer does. Order and repeats are `domain::queue`'s; this file reads the
//! candidates from the index, checks that each card is still to be asked, and records every answer before the next card.

use std::collections::{BTreeMap, BTreeSet};

use domain::queue::{self, Candidate, DailyLimits, Done, Left, Session, Turn};
use domain::{CardId, Day, DeckId, EventId, UnixMs, schedule};

use crate::deck_tree::DeckTree;
use crate::index::row::DayRow;
use crate::index::{CardRow, DeckRow, ReadRows, key};
use crate::vault::{
    Answer, AnswerAs, CardShown, GradePreview, Query, Reviewed, StudyCounts, StudySummary, Undone,
    Vault, VaultError, VaultResult,
};

/// What to study.
#[derive(Debug, Clone, Default)]
pub struct StudyWish {
    /// These decks and their subdecks; none for all that are not archived.
    pub decks: Vec<DeckId>,
    /// Only cards that this query chooses.
    pub query: Option<Query>,
    /// Also the cards that are due in so many days; daily limits do not hold then, and there are no new cards.
    pub ahead_days: u16,
    /// Every card that is chosen, due or not; the answers move nothing.
    pub cram: bool,
}

/// A sitting. It borrows nothing: every call takes the vault.
#[derive(Debug)]
pub struct StudySession {
    session: Session,
    ahead_days: u16,
    cram: bool,
    /// Steps that were there to take back when the sitting began.
    steps_before: u64,
    answered: Vec<(EventId, &'static str)>,
    undone: u64,
}

impl Vault {
    /// Begins a sitting over these decks, or over all that are not archived.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn study(&self, decks: &[DeckId]) -> VaultResult<StudySession> {
        self.study_wish(&StudyWish {
            decks: decks.to_vec(),
            ..StudyWish::default()
        })
    }

    /// Begins a sitting over what is wished.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn study_wish(&self, wish: &StudyWish) -> VaultResult<StudySession> {
        let today = self.today();
        let rows = self.deck_rows()?;
        let tree = DeckTree::of(&rows);
        let chosen: BTreeSet<DeckId> = wish
            .decks
            .iter()
            .flat_map(|deck| tree.with_subdecks(*deck))
            .collect();
        let decks: Vec<&(DeckId, DeckRow)> = rows
            .iter()
            .filter(|(id, deck)| {
                deck.visible && (chosen.contains(id) || (wish.decks.is_empty() && !deck.archived))
            })
            .collect();
        let mut left = Left {
            unlimited: wish.cram || wish.ahead_days > 0,
            ..Left::default()
        };
        for (id, deck) in &rows {
            left.decks.insert(*id, self.limits_left(*id, deck, &tree)?);
            left.above.insert(*id, tree.bounding(*id, &rows));
        }
        let only = wish
            .query
            .as_ref()
            .map(|query| self.cards_matching(query))
            .transpose()?
            .map(BTreeSet::from_iter);
        let mut candidates = Vec::new();
        if left.unlimited || only.is_some() {
            let ids: BTreeSet<DeckId> = decks.iter().map(|(id, _)| *id).collect();
            self.chosen_candidates(wish, &ids, only.as_ref(), &mut candidates)?;
        } else {
            for (id, _) in decks {
                let limits = left.decks.get(id).copied().unwrap_or_default();
                self.due_candidates(*id, limits.review, &mut candidates)?;
                self.new_candidates(*id, limits.new, &mut candidates)?;
            }
        }
        Ok(StudySession {
            session: Session::new(queue::build(candidates, today, &left, 0)),
            ahead_days: wish.ahead_days,
            cram: wish.cram,
            steps_before: self.step_count()?,
            answered: Vec::new(),
            undone: 0,
        })
    }

    fn limits_left(&self, id: DeckId, deck: &DeckRow, tree: &DeckTree) -> VaultResult<DailyLimits> {
        let (new, review) = self.settings().daily_figures();
        let limits = DailyLimits {
            new: deck.new_per_day.unwrap_or(new),
            review: deck.reviews_per_day.unwrap_or(review),
        };
        let mut done = Done::default();
        // Only a figure of its own bounds a deck's subdecks.
        let counted = if has_figures(deck) {
            tree.with_subdecks(id)
        } else {
            vec![id]
        };
        for deck in counted {
            let day: DayRow = self
                .store()
                .read(&key::day(deck, self.today()))?
                .unwrap_or_default();
            done.new = done.new.saturating_add(day.new);
            done.review = done.review.saturating_add(day.reviews);
        }
        Ok(limits.less(done))
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
                into.extend(self.candidate(card, today)?);
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
        let today = self.today();
        let bound = into.len().saturating_add(bound(limit));
        for entry in self.store().scan(&key::due_of(deck, key::CLASS_NEW)) {
            if into.len() >= bound {
                break;
            }
            let (key, _) = entry?;
            if let Some((_, card)) = key::read_new(&key) {
                into.extend(self.candidate(card, today)?);
            }
        }
        Ok(())
    }

    /// A card as the queue sees it; none when it is put off for today.
    fn candidate(&self, card: CardId, today: Day) -> VaultResult<Option<Candidate>> {
        let row: Option<CardRow> = self.store().read(&key::card(card))?;
        Ok(row
            .filter(|row| !row.state.to_state().is_buried(today))
            .map(|row| candidate(card, &row)))
    }

    /// The cards of decks that the person asked for, whatever the index of due days says.
    fn chosen_candidates(
        &self,
        wish: &StudyWish,
        decks: &BTreeSet<DeckId>,
        only: Option<&BTreeSet<CardId>>,
        into: &mut Vec<Candidate>,
    ) -> VaultResult<()> {
        let today = self.today();
        for entry in self.store().scan(key::CARDS) {
            let (key, bytes) = entry?;
            let Some(card) = key::last16(&key).map(CardId::from_bytes) else {
                continue;
            };
            if only.is_some_and(|only| !only.contains(&card)) {
                continue;
            }
            let row: CardRow =
                crate::index::row::decode(&bytes).map_err(|_| crate::index::damaged(&key))?;
            if decks.contains(&row.deck) && is_asked(&row, today, wish.ahead_days, wish.cram) {
                into.push(candidate(card, &row));
            }
        }
        Ok(())
    }

    /// Whether a card of the queue is still to be asked.
    fn is_to_be_asked(&self, session: &StudySession, turn: Turn) -> VaultResult<bool> {
        let Some(row): Option<CardRow> = self.store().read(&key::card(turn.card))? else {
            return Ok(false);
        };
        let deck: Option<DeckRow> = self.store().read(&key::deck(row.deck))?;
        let shown = row.visible && deck.is_some_and(|deck| deck.visible) && !row.suspended;
        let today = self.today();
        let buried = row.state.to_state().is_buried(today) && !session.cram;
        Ok(shown
            && !buried
            && (turn.repeat || is_asked(&row, today, session.ahead_days, session.cram)))
    }
}

/// Whether a wish takes a card that its decks and its query chose.
fn is_asked(row: &CardRow, today: Day, ahead_days: u16, cram: bool) -> bool {
    let state = row.state.to_state();
    if !row.visible || row.suspended {
        return false;
    }
    if cram {
        return true;
    }
    let new_ones = ahead_days == 0 || !row.is_new();
    new_ones && !state.is_buried(today) && row.is_due(today.plus(i32::from(ahead_days)))
}

fn candidate(card: CardId, row: &CardRow) -> Candidate {
    Candidate {
        card,
        deck: row.deck,
        state: row.state.to_state(),
        created_at: UnixMs(row.created_ms),
        note: row.note.as_ref().map(|note| note.id),
    }
}

fn has_figures(deck: &DeckRow) -> bool {
    deck.new_per_day.is_some() || deck.reviews_per_day.is_some()
}

impl DeckTree {
    /// The decks above one whose own figures hold for it too.
    fn bounding(&self, deck: DeckId, rows: &[(DeckId, DeckRow)]) -> Vec<DeckId> {
        let bounds = |id: &DeckId| rows.iter().any(|(own, row)| own == id && has_figures(row));
        self.above(deck).into_iter().filter(bounds).collect()
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

    /// Where each grade would put the present card, in the order of the grades; nothing for a repeat, after which the card
    /// stays where it is, and while nothing is scheduled.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn previews(&mut self, vault: &Vault) -> VaultResult<Vec<GradePreview>> {
        match self.turn(vault)? {
            Some(turn) if !turn.repeat && !self.cram => vault.previews(turn.card),
            _ => Ok(Vec::new()),
        }
    }

    /// Records the answer to the present card. It is durable when this returns.
    ///
    /// # Errors
    /// There is no card left, or the answer cannot be recorded; then the card is still the present one.
    pub fn answer(&mut self, vault: &mut Vault, answer: Answer) -> VaultResult<Reviewed> {
        let turn = self
            .turn(vault)?
            .ok_or_else(|| VaultError::Refused("there is no card left to answer".to_owned()))?;
        let how = match (self.cram, turn.repeat) {
            (true, _) => AnswerAs::Cram,
            (false, true) => AnswerAs::Repeat,
            (false, false) => AnswerAs::Scheduled,
        };
        let reviewed = vault.answer(turn.card, answer, how)?;
        self.session.answered(turn, answer.grade, vault.now().at);
        self.answered
            .push((reviewed.event, crate::vault::grade_name(answer.grade)));
        Ok(reviewed)
    }

    /// Takes back the last thing done in this sitting: an answer, an edit, a card put off. Its card is the present one again.
    ///
    /// # Errors
    /// There is none.
    pub fn undo(&mut self, vault: &mut Vault) -> VaultResult<Undone> {
        if vault.step_count()? <= self.steps_before {
            return Err(VaultError::NothingToUndo);
        }
        let undone = vault.undo()?;
        match (self.answered.last(), undone.card) {
            (Some((event, _)), _) if undone.event == Some(*event) => {
                self.session.undo();
                self.answered.pop();
                self.undone += 1;
            }
            (_, Some(card)) => {
                let is_new = vault.card(card)?.new;
                self.session.ask_first(queue::Queued { card, is_new });
            }
            _ => {}
        }
        Ok(undone)
    }

    /// Puts the present card off until tomorrow.
    ///
    /// # Errors
    /// There is no card left, or the vault cannot be written.
    pub fn bury(&mut self, vault: &mut Vault) -> VaultResult<()> {
        let turn = self
            .turn(vault)?
            .ok_or_else(|| VaultError::Refused("there is no card left to put off".to_owned()))?;
        vault.bury(turn.card)?;
        self.session.drop_card(turn.card);
        Ok(())
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
        for (_, grade) in &self.answered {
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
            if vault.is_to_be_asked(self, turn)? {
                return Ok(Some(turn));
            }
            self.session.drop_card(turn.card);
        }
        Ok(None)
    }
}
