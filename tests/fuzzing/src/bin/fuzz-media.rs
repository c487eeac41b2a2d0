//! Tries damaged pictures and sounds: `fuzz-media PER_TYPE [SEED] [TYPE ...]`, or writes one out again:
//! `fuzz-media case TYPE SEED NUMBER FILE`.

use std::io;
use std::process::ExitCode;
use std::time::Instant;

use fuzzing::media::{Seeds, child, kind, mutation, parent};
use media::Mime;

const USAGE: &str =
    "usage: fuzz-media PER_TYPE [SEED] [TYPE ...] | fuzz-media case TYPE SEED NUMBER FILE";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match answer(&words) {
        Ok(Some(code)) => code,
        Ok(None) => {
            eprintln!("{USAGE}");
            ExitCode::from(2)
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn answer(words: &[&str]) -> io::Result<Option<ExitCode>> {
    match words {
        ["child", mime, seed, from, to] => {
            let (Some(mime), Ok(seed), Ok(from), Ok(to)) =
                (kind(mime), seed.parse(), from.parse(), to.parse())
            else {
                return Ok(None);
            };
            child::serve(mime, seed, from, to)?;
            Ok(Some(ExitCode::SUCCESS))
        }
        ["case", mime, seed, number, file] => {
            let (Some(mime), Ok(seed), Ok(number)) = (kind(mime), seed.parse(), number.parse())
            else {
                return Ok(None);
            };
            std::fs::write(
                file,
                mutation::make(mime, &Seeds::read(mime)?, seed, number),
            )?;
            Ok(Some(ExitCode::SUCCESS))
        }
        [per_kind, rest @ ..] => {
            let Ok(per_kind) = per_kind.parse() else {
                return Ok(None);
            };
            let (seed, names) = match rest {
                [seed, names @ ..] => (seed.parse().ok(), names),
                [] => (Some(1), rest),
            };
            let kinds: Option<Vec<Mime>> = names.iter().map(|name| kind(name)).collect();
            match (seed, kinds) {
                (Some(seed), Some(kinds)) if kinds.is_empty() => {
                    all(per_kind, seed, &Mime::ALL).map(Some)
                }
                (Some(seed), Some(kinds)) => all(per_kind, seed, &kinds).map(Some),
                _ => Ok(None),
            }
        }
        [] => Ok(None),
    }
}

fn all(per_kind: u64, seed: u64, kinds: &[Mime]) -> io::Result<ExitCode> {
    let mut is_good = true;
    for mime in kinds {
        let begun = Instant::now();
        let count = parent::run(*mime, seed, per_kind)?;
        println!(
            "{}: {per_kind} cases of seed {seed} in {} s: {count}",
            mime.short_name(),
            begun.elapsed().as_secs()
        );
        is_good &= count.bad.is_empty();
    }
    Ok(if is_good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
