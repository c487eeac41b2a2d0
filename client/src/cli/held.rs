//! One vault, several processes. The process that keeps the vault open for long (`sync --watch`, `study`) serves the
//! commands of all others on a socket in the vault's folder: it carries them out with the same code, and what they print,
//! read and ask goes to the process where they were typed.
//!
//! - [`frame`]: what the two say to each other;
//! - [`socket`]: where they meet;
//! - [`serve`] and [`guest`]: the process that has the vault;
//! - [`forward`]: the process where the command was typed.
//!
//! The lock on the vault's folder stays the authority on who has it: a socket is only ever made by who holds the lock, and
//! one that nobody answers means nothing. What a command acknowledged is on the disk, whoever of the two ends how.

mod forward;
mod frame;
mod guest;
mod serve;
mod socket;

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::desk::Place;
use super::failure::Outcome;
use super::own;
use super::terminal::OwnTerminal;
use super::typed::Typed;
use forward::Forwarded;

pub(crate) use serve::Serving;

/// Commands of others that are carried out at once; the next one waits for one of them to end.
const GUESTS_MAX: usize = 32;
/// Bytes of a command line with its surroundings: what the system allows, and room.
const ASK_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Bytes of any later frame.
const FRAME_BYTES_MAX: usize = 128 * 1024;
/// Bytes of output that travel together.
const OUTPUT_BYTES_MAX: usize = 64 * 1024;
/// How long a process that has connected may take to say what it wants.
const ASK_MAX: Duration = Duration::from_secs(10);
/// How often a writer looks whether there is still time to wait for its reader.
const WRITE_POLL: Duration = Duration::from_millis(500);
/// How long a command waits for a process that is opening or closing the vault.
const SETTLE_MAX: Duration = Duration::from_secs(10);
/// How often it looks.
const SETTLE_POLL: Duration = Duration::from_millis(20);

/// Carries a command out: here, or in the process that has the vault.
pub(crate) fn carry_out(typed: &Typed, place: &Place, terminal: &Arc<OwnTerminal>) -> Outcome<u8> {
    let handed_over = typed.may_be_handed_over();
    let deadline = Instant::now() + SETTLE_MAX;
    loop {
        if handed_over {
            match forward::try_out(typed, place, terminal)? {
                Forwarded::Ended(code) => return Ok(code),
                Forwarded::Unheld => {}
            }
        }
        let ended = own(typed, place, terminal);
        match ended {
            // Held by a process that does not listen yet, or not any more.
            Err(failure)
                if failure.is_held()
                    && handed_over
                    && !terminal.is_used()
                    && Instant::now() < deadline =>
            {
                std::thread::sleep(SETTLE_POLL);
            }
            ended => return ended,
        }
    }
}
