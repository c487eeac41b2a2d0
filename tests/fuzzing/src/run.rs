//! A seeded run on stable: mutated changes arrive for small and large documents, a hundred for each before it is looked at,
//! so that what was accepted is what the next ones are tried on.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::bases::{self, Base};
use crate::case::Case;
use crate::dice::Dice;
use crate::field::{Field, Round};
use crate::mutate::mutate;
use crate::tally::Tally;

/// Inputs for one document before it is looked at.
const ROUND_INPUTS: u64 = 100;
/// The same for a large document, of which each look costs much more.
const LARGE_ROUND_INPUTS: u64 = 40;
/// One round in so many is tried on a large document.
const LARGE_ONCE_IN: u64 = 12;
/// One round in so many is stored, reopened and verified.
const KEPT_ONCE_IN: u64 = 15;
/// In one round in so many only what a new device takes without Automerge is tried: one in twenty inputs is, and none any
/// more after the first that was made apart from another.
const WHOLE_ONCE_IN: u64 = 8;
/// Inputs made in such a round at most.
const WHOLE_ROUND_TRIES: u64 = 3_000;

/// What does not hold, and how to see it again.
#[derive(Debug)]
pub struct Failure {
    /// Seed of the round.
    pub seed: u64,
    /// What does not hold.
    pub what: String,
    /// What was accepted and what came last, as a case.
    pub case: Case,
}

/// Tries so many inputs; tells the tally now and then.
///
/// # Errors
/// The first thing that does not hold.
pub fn run(seed: u64, inputs: u64, mut told: impl FnMut(&Tally)) -> Result<Tally, Box<Failure>> {
    let small = bases::small();
    let mut bases = small.clone();
    bases.extend(bases::large());
    let mut field = Field::new(bases.clone());
    let mut tally = Tally::default();
    let mut rounds = 0;
    while tally.inputs < inputs {
        let seed = seed.wrapping_add(rounds);
        let mut dice = Dice::new(seed);
        let number = if dice.one_in(LARGE_ONCE_IN) {
            small.len() + dice.index(bases.len() - small.len())
        } else {
            dice.index(small.len())
        };
        let is_kept = dice.one_in(KEPT_ONCE_IN);
        one_round(&mut field, number, is_kept, (seed, &mut dice), &mut tally)?;
        rounds += 1;
        if rounds.is_multiple_of(100) {
            told(&tally);
        }
    }
    Ok(tally)
}

fn one_round(
    field: &mut Field,
    number: usize,
    is_kept: bool,
    (seed, dice): (u64, &mut Dice),
    tally: &mut Tally,
) -> Result<(), Box<Failure>> {
    let mut last = Case::default();
    let bases = field.bases().to_vec();
    // What Automerge or a reader of ours panics over outside the intake is a failure like any other.
    let what = catch_unwind(AssertUnwindSafe(|| {
        if is_kept {
            let only: Vec<Base> = bases.get(number).cloned().into_iter().collect();
            let mut own = Field::new(only);
            let mut round = own.round(0, tally);
            fill(&mut round, &bases, number, dice, &mut last)?;
            let kept = round.keep()?;
            own.reopen(&kept)
        } else {
            let mut round = field.round(number, tally);
            fill(&mut round, &bases, number, dice, &mut last)?;
            round.finish()
        }
    }));
    let what = match what {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(what)) => what,
        Err(_) => "a panic, told above".to_owned(),
    };
    last.base = u8::try_from(number).unwrap_or(0);
    Err(Box::new(Failure {
        seed,
        what,
        case: last,
    }))
}

/// Lets mutated changes arrive, mostly one by one.
fn fill(
    round: &mut Round<'_>,
    bases: &[Base],
    number: usize,
    dice: &mut Dice,
    last: &mut Case,
) -> Result<(), String> {
    let own = bases.get(number).ok_or("no such document")?;
    let inputs = if own.is_large {
        LARGE_ROUND_INPUTS
    } else {
        ROUND_INPUTS
    };
    let is_whole = dice.one_in(WHOLE_ONCE_IN) && !own.is_large;
    let mut tries = 0;
    let mut given = 0;
    while given < inputs && tries < WHOLE_ROUND_TRIES {
        tries += 1;
        let size = if dice.one_in(8) { 1 + dice.index(5) } else { 1 };
        let mut ledger = None;
        let mut batch = Vec::new();
        for _ in 0..size {
            let from = if dice.one_in(4) {
                dice.pick(bases).unwrap_or(own)
            } else {
                own
            };
            let honest = if dice.one_in(3) {
                dice.pick(&from.next)
            } else {
                dice.pick(&from.changes)
            };
            let upon = ledger.as_ref().unwrap_or(round.ledger());
            let change = mutate(honest.map(Vec::as_slice).unwrap_or_default(), upon, dice);
            // The next of the batch is made upon this one.
            if size > 1
                && !own.is_large
                && let Ok(gated) = domain::intake::gate(&change)
                && upon.judge(&gated).is_ok()
            {
                ledger
                    .get_or_insert_with(|| round.ledger().clone())
                    .add(&gated);
            }
            batch.push(change);
        }
        if size > 1 && dice.one_in(3) {
            batch.reverse();
        }
        if is_whole && !round.takes_whole(&batch) {
            continue;
        }
        given += size as u64;
        last.changes = round.accepted().to_vec();
        last.changes.extend(batch.clone());
        round.give(batch)?;
    }
    last.changes = round.accepted().to_vec();
    Ok(())
}
