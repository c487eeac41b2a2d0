//! Changes that were once taken or not by what arrived with them.

use std::fs;
use std::path::Path;

use fuzzing::bases;
use fuzzing::case::Case;
use fuzzing::field::Field;
use fuzzing::tally::Tally;

/// Changes that arrive together at most; the others come one by one.
const TOGETHER_MAX: usize = 4;

#[test]
fn a_change_is_taken_or_not_whatever_arrives_with_it() {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz/seeds/changes/rebuilding-a-change-panics");
    let case = Case::read(&fs::read(kept).expect("the case is kept"));
    let mut field = Field::new(bases::small());
    let mut tally = Tally::default();
    for together in 2..=TOGETHER_MAX {
        for from in 0..=case.changes.len().saturating_sub(together) {
            let mut round = field.round(usize::from(case.base), &mut tally);
            let mut rest = case.changes.as_slice();
            while !rest.is_empty() {
                let at = case.changes.len() - rest.len();
                let size = if at == from { together } else { 1 };
                let (batch, others) = rest.split_at(size.min(rest.len()));
                rest = others;
                let given = round.give(batch.to_vec());
                given.unwrap_or_else(|what| panic!("{from}, {together} together: {what}"));
            }
            let finished = round.finish();
            finished.unwrap_or_else(|what| panic!("{from}, {together} together: {what}"));
        }
    }
}
