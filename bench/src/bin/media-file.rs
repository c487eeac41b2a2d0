//! What the program does with one picture or sound, without the program around it: `media-file thumbnail IN OUT SIDE...` and
//! `media-file prepare IN OUT`. With `--rounds N` it is done N times in one process, and the median is printed in milliseconds: what is left
//! without a start.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context;
use clap::{Parser, Subcommand};
use media::Wishes;

#[derive(Parser)]
#[command(version)]
struct Cli {
    /// How often
    #[arg(long, global = true, default_value_t = 1)]
    rounds: u32,
    #[command(subcommand)]
    work: Work,
}

#[derive(Subcommand)]
enum Work {
    /// Small WebP copies of a picture, OUT-SIDE.webp
    Thumbnail {
        from: PathBuf,
        to: PathBuf,
        sides: Vec<u32>,
    },
    /// What `add` stores of a file
    Prepare { from: PathBuf, to: PathBuf },
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let mut taken = Vec::new();
    for _ in 0..cli.rounds {
        let begun = Instant::now();
        work(&cli.work)?;
        taken.push(begun.elapsed().as_secs_f64() * 1_000.0);
    }
    taken.sort_by(f64::total_cmp);
    if let Some(median) = taken.get(taken.len() / 2).filter(|_| cli.rounds > 1) {
        println!("{median}");
    }
    Ok(())
}

fn work(work: &Work) -> anyhow::Result<()> {
    match work {
        Work::Thumbnail { from, to, sides } => {
            let bytes = std::fs::read(from)?;
            let made = media::thumbnails(&bytes, sides)?;
            for (side, small) in sides.iter().zip(made) {
                std::fs::write(format!("{}-{side}.webp", to.display()), small)?;
            }
        }
        Work::Prepare { from, to } => {
            let bytes = std::fs::read(from)?;
            let name = from.file_name().context("IN is no file")?;
            let done = media::prepare(&bytes, &name.to_string_lossy(), Wishes::default())?;
            std::fs::write(to, done.bytes)?;
        }
    }
    Ok(())
}
