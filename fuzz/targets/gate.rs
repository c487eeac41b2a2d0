//! Any bytes as a change at the byte gate, their checksum mostly right.
#![no_main]

use fuzzing::dice::Dice;
use fuzzing::ledger::Ledger;
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

fuzz_target!(|bytes: &[u8]| fuzzing::single::change(bytes));

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let mut dice = Dice::new(u64::from(seed));
    if dice.one_in(8) {
        return fuzzer_mutate(data, size, max_size);
    }
    let mutated = fuzzing::mutate::mutate(&data[..size], &Ledger::default(), &mut dice);
    let len = mutated.len().min(max_size);
    data[..len].copy_from_slice(&mutated[..len]);
    len
});
