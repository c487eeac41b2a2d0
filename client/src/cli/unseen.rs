//! Typing that is not shown: the terminal's echo, switched off while a password is asked for.

use std::io;
use std::sync::{Mutex, PoisonError};

use rustix::termios::{self, LocalModes, OptionalActions, Termios};

/// The terminal's modes from before a password was asked for; none when nothing is to be restored.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// Gives the terminal its echo back, also when the process is about to end in the middle of a password.
pub(crate) fn show_typing_again() {
    let before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(modes) = before {
        // A terminal that took the change before and does not now is gone; nothing is left to restore.
        termios::tcsetattr(io::stdin(), OptionalActions::Flush, &modes).ok();
    }
}

/// The terminal's echo is off while this lives.
pub(crate) struct Unseen;

/// Switches the echo off.
pub(crate) fn begin() -> Unseen {
    if let Ok(before) = termios::tcgetattr(io::stdin()) {
        let mut modes = before.clone();
        modes.local_modes.remove(LocalModes::ECHO);
        *BEFORE.lock().unwrap_or_else(PoisonError::into_inner) = Some(before);
        if termios::tcsetattr(io::stdin(), OptionalActions::Flush, &modes).is_err() {
            show_typing_again();
        }
    }
    Unseen
}

impl Drop for Unseen {
    fn drop(&mut self) {
        show_typing_again();
    }
}
