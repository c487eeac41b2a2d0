//! Tries mutated changes on small and large documents: `mutate COUNT [SEED]`, or `mutate FILE` for one case again.

use std::process::ExitCode;
use std::time::Instant;

use fuzzing::bases;
use fuzzing::case::Case;
use fuzzing::field::Field;
use fuzzing::run::run;
use fuzzing::tally::{Tally, peak_memory_kib};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let first = arguments.next().unwrap_or_default();
    let seed = arguments.next().and_then(|seed| seed.parse().ok());
    match first.parse() {
        Ok(inputs) => many(inputs, seed.unwrap_or(1)),
        Err(_) => again(&first),
    }
}

fn many(inputs: u64, seed: u64) -> ExitCode {
    let begun = Instant::now();
    println!("{inputs} inputs from seed {seed}");
    let done = run(seed, inputs, |tally| {
        if tally.inputs % 20_000 < 100 {
            eprintln!(
                "{} inputs after {} s",
                tally.inputs,
                begun.elapsed().as_secs()
            );
        }
    });
    let code = match done {
        Ok(tally) => {
            println!("{tally}");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            let path = std::env::temp_dir().join(format!("case-{}", failure.seed));
            println!(
                "FAILED in the round of seed {}: {}",
                failure.seed, failure.what
            );
            match std::fs::write(&path, failure.case.write()) {
                Ok(()) => println!("kept as {}", path.display()),
                Err(e) => println!("{} could not be written: {e}", path.display()),
            }
            ExitCode::FAILURE
        }
    };
    println!(
        "{} s, peak memory {} MiB",
        begun.elapsed().as_secs(),
        peak_memory_kib().unwrap_or(0) / 1024
    );
    code
}

fn again(path: &str) -> ExitCode {
    let Ok(bytes) = std::fs::read(path) else {
        println!("usage: mutate COUNT [SEED] | mutate FILE");
        return ExitCode::from(2);
    };
    let mut bases = bases::small();
    bases.extend(bases::large());
    let case = Case::read(&bytes);
    let mut tally = Tally::default();
    let done = Field::new(bases).run(&case, &mut tally);
    println!("{} changes: {done:?}\n{tally}", case.changes.len());
    if done.is_ok() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
