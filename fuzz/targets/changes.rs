//! Changes through the whole intake of a device, beside a server's view of them: gate, graph, trial, schema.
#![no_main]

use std::cell::RefCell;

use fuzzing::bases;
use fuzzing::case::Case;
use fuzzing::dice::Dice;
use fuzzing::field::Field;
use fuzzing::tally::Tally;
use libfuzzer_sys::{fuzz_mutator, fuzz_target};

thread_local! {
    static FIELD: RefCell<Field> = RefCell::new(Field::new(bases::small()));
}

fuzz_target!(|bytes: &[u8]| {
    FIELD.with_borrow_mut(|field| {
        if let Err(what) = field.run(&Case::read(bytes), &mut Tally::default()) {
            panic!("{what}");
        }
    });
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let mut dice = Dice::new(u64::from(seed));
    let case = Case::read(&data[..size]);
    let mutated = FIELD.with_borrow(|field| case.mutated(field.ledger(case.base), &mut dice).write());
    let len = mutated.len().min(max_size);
    data[..len].copy_from_slice(&mutated[..len]);
    len
});
