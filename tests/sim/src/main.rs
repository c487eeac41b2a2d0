//! `just sim [steps] [seed]`: worlds of one seed after another, until the steps are used up or one shows a difference.

use std::process::ExitCode;

/// Steps of one world.
const WORLD_STEPS: u64 = 10_000;

fn main() -> ExitCode {
    let number = |at| {
        std::env::args()
            .nth(at)
            .and_then(|word| word.parse::<u64>().ok())
    };
    let (budget, first) = (number(1).unwrap_or(1_000_000), number(2).unwrap_or(1));
    let only = std::env::args().nth(3).is_some();
    std::panic::set_hook(Box::new(|_| {}));
    let (mut steps, mut seed, mut edits, mut simulated_ms) = (0, first, 0, 0);
    while steps < budget {
        match sim::run(seed, WORLD_STEPS.min(budget - steps), only) {
            Ok(report) => {
                steps += report.steps;
                edits += report.edits;
                simulated_ms += report.simulated_ms;
            }
            Err(failure) => {
                println!("{}", failure.events);
                println!(
                    "seed {} after {} steps: {}",
                    failure.seed, failure.steps, failure.words
                );
                return ExitCode::FAILURE;
            }
        }
        seed += 1;
    }
    println!(
        "{steps} steps, seeds {first} to {}, {edits} edits, {} simulated hours: no difference",
        seed - 1,
        simulated_ms / 3_600_000
    );
    ExitCode::SUCCESS
}
