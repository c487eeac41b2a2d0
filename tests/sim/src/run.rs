//! A run: phases of trouble, each ended by a healing, until the steps are used up.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::world::World;

/// Steps of trouble before a healing, at most.
const PHASE_STEPS: u64 = 4_000;

/// A run without a difference.
#[derive(Debug, Clone, Copy)]
pub struct Report {
    pub steps: u64,
    pub simulated_ms: u64,
    pub edits: u64,
}

/// What went wrong.
#[derive(Debug)]
pub struct Failure {
    pub seed: u64,
    pub steps: u64,
    pub words: String,
    pub events: String,
}

/// Runs the world of a seed for about so many steps.
pub fn run(seed: u64, steps: u64, loud: bool) -> Result<Report, Failure> {
    let mut world = World::new(seed);
    world.trace.loud = loud;
    let ended = catch_unwind(AssertUnwindSafe(|| {
        while world.steps < steps && world.failure.is_none() {
            let phase = 200 + world.dice.roll(PHASE_STEPS);
            let until = world.steps + phase;
            while world.steps < until && world.failure.is_none() && world.step() {}
            if world.failure.is_none() {
                world.heal();
            }
        }
    }));
    if let Err(panic) = ended {
        let words = panic.downcast_ref::<String>().cloned().or_else(|| {
            panic
                .downcast_ref::<&str>()
                .map(|words| (*words).to_owned())
        });
        world.fail(format!("panic: {}", words.unwrap_or_default()));
    }
    match world.failure.take() {
        None => Ok(Report {
            steps: world.steps,
            simulated_ms: world.now_us / 1_000,
            edits: world.models.iter().map(|model| model.edits()).sum(),
        }),
        Some(words) => Err(Failure {
            seed,
            steps: world.steps,
            words,
            events: world.trace.lines(),
        }),
    }
}
