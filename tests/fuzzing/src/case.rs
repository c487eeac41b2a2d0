//! One input of the fuzzer as bytes: which document, and the changes that arrive for it, one after the other.
//!
//! A byte for the document, then for each change a u32 be length and its bytes. Any bytes are a case.

use crate::chunk::take;
use crate::dice::Dice;
use crate::ledger::Ledger;
use crate::mutate::mutate;

/// What arrives for one document.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Case {
    /// Which of the documents, as far as there are.
    pub base: u8,
    /// The changes.
    pub changes: Vec<Vec<u8>>,
}

/// Changes a mutation brings a case to at most; the fuzzer would make cases longer and longer.
const CHANGES_MAX: usize = 12;

impl Case {
    /// The case these bytes are; a last change that is cut off is taken as it is.
    pub fn read(bytes: &[u8]) -> Self {
        let Some((base, mut rest)) = bytes.split_first() else {
            return Self::default();
        };
        let mut changes = Vec::new();
        while let Some(length) = take(&mut rest, 4).and_then(<[u8]>::first_chunk) {
            let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
            let length = length.min(rest.len());
            let change = take(&mut rest, length).unwrap_or_default();
            changes.push(change.to_vec());
        }
        Self {
            base: *base,
            changes,
        }
    }

    /// The case as bytes.
    pub fn write(&self) -> Vec<u8> {
        let mut bytes = vec![self.base];
        for change in &self.changes {
            let length = u32::try_from(change.len()).unwrap_or(u32::MAX);
            bytes.extend(length.to_be_bytes());
            bytes.extend(change);
        }
        bytes
    }

    /// Another case like this one, to be tried on the document of `ledger`.
    #[must_use]
    pub fn mutated(&self, ledger: &Ledger, dice: &mut Dice) -> Self {
        let mut case = self.clone();
        let at = dice.index(case.changes.len());
        let len = case.changes.len();
        let chosen = case.changes.get(at).cloned();
        match (dice.below(10), chosen) {
            (_, None) => case.changes.push(mutate(&[], ledger, dice)),
            (0, Some(_)) => drop(case.changes.remove(at)),
            (1, Some(_)) => case.changes.swap(at, dice.index(len)),
            (2, Some(chosen)) if len < CHANGES_MAX => {
                case.changes.insert(at, mutate(&chosen, ledger, dice));
            }
            (_, Some(chosen)) => {
                if let Some(place) = case.changes.get_mut(at) {
                    *place = mutate(&chosen, ledger, dice);
                }
            }
        }
        case
    }
}
