//! Any bytes as a pack, changed mostly behind the compression.
#![no_main]

use fuzzing::dice::Dice;
use libfuzzer_sys::{fuzz_mutator, fuzz_target};

fuzz_target!(|bytes: &[u8]| fuzzing::single::pack(bytes));

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let mutated = fuzzing::single::mutated_pack(&data[..size], &mut Dice::new(u64::from(seed)));
    let len = mutated.len().min(max_size);
    data[..len].copy_from_slice(&mutated[..len]);
    len
});
