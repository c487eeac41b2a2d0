//! The child: bounds itself, reads one job, does it, writes what came of it.

use std::io::{self, Read, Write};
use std::process::ExitCode;

use media::{MediaError, Prepared, PreparedContent, Wishes};
use rustix::process::{Resource, Rlimit, setrlimit};

use crate::limit::{CHILD_MEMORY_BYTES, CHILD_PROCESSOR_SECONDS, RESULT_BYTES_MAX};
use crate::wire::{self, Job, Outcome};

/// Does the one job that stands on standard input and answers on standard output. The whole life of a child.
#[must_use]
pub fn serve() -> ExitCode {
    let done = bound().and_then(|()| answer(&mut io::stdin().lock(), &mut io::stdout().lock()));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        // Nobody reads what is said here but who started the program by hand.
        Err(error) => {
            eprintln!(
                "this is the part of MemoryVault that reads pictures and sounds; it is started by the program itself: {error}"
            );
            ExitCode::FAILURE
        }
    }
}

/// Takes from this process what a decoder does not need.
fn bound() -> io::Result<()> {
    for (resource, most) in [
        (Resource::As, CHILD_MEMORY_BYTES),
        (Resource::Cpu, CHILD_PROCESSOR_SECONDS),
        (Resource::Fsize, 0),
        (Resource::Core, 0),
    ] {
        let limit = Rlimit {
            current: Some(most),
            maximum: Some(most),
        };
        setrlimit(resource, limit)?;
    }
    Ok(())
}

fn answer(from: &mut impl Read, to: &mut impl Write) -> io::Result<()> {
    let (job, bytes): (Job, Vec<u8>) = wire::read(from, RESULT_BYTES_MAX)?;
    let done = match job {
        Job::Prepare {
            name,
            keep_original,
        } => media::prepare(&bytes, &name, Wishes { keep_original }).map(told),
        Job::Thumbnail { side_px } => {
            media::thumbnail(&bytes, side_px).map(|bytes| (Outcome::Thumbnail {}, bytes))
        }
        Job::Pixels { side_px } => media::pixels(&bytes, side_px).map(|pixels| {
            let outcome = Outcome::Pixels {
                width_px: pixels.width_px,
                height_px: pixels.height_px,
            };
            (outcome, pixels.rgba)
        }),
    };
    let (outcome, bytes) = done.unwrap_or_else(|refused| {
        let outcome = Outcome::Refused {
            is_limit: matches!(refused, MediaError::TooLarge { .. }),
            message: refused.to_string(),
        };
        (outcome, Vec::new())
    });
    wire::write(to, &outcome, &bytes)
}

fn told(prepared: Prepared) -> (Outcome, Vec<u8>) {
    let (mime, name, notes) = (
        prepared.mime.as_str().to_owned(),
        prepared.name,
        prepared.notes,
    );
    let outcome = match prepared.content {
        PreparedContent::Image(image) => Outcome::Image {
            mime,
            name,
            notes,
            width_px: image.width_px,
            height_px: image.height_px,
            frames: image.frames,
            thumbhash: image.thumbhash,
        },
        PreparedContent::Audio(audio) => Outcome::Audio {
            mime,
            name,
            notes,
            duration_ms: audio.duration_ms,
            lufs: audio.lufs,
            gain_db: audio.gain_db,
            peaks: audio.peaks,
        },
    };
    (outcome, prepared.bytes)
}
