//! Where a password comes from: stdin when asked for, else a person at the terminal who types it unseen. Never from the
//! command line, where every process of the machine could read it.

use std::io::{self, BufRead, Read, Write};
use std::sync::{Mutex, PoisonError};

use rustix::termios::{self, LocalModes, OptionalActions, Termios};
use zeroize::Zeroizing;

use super::desk::is_attended;
use super::failure::{Failure, Outcome};

/// Nothing longer is read as a password; the server takes 256 bytes.
const PASSWORD_BYTES_MAX: u64 = 4_096;
const ON_STDIN: &str =
    "give it on stdin: printf %s \"$PASSWORD\" | memoryvault account ... --password-stdin";

/// Gets the password of an account.
pub(crate) fn password(from_stdin: bool) -> Outcome<Zeroizing<String>> {
    if from_stdin {
        piped()
    } else {
        typed("Password")
    }
}

/// Gets the password of a new account; one that is typed unseen is typed twice.
pub(crate) fn new_password(from_stdin: bool) -> Outcome<Zeroizing<String>> {
    if from_stdin {
        return piped();
    }
    let password = typed("New password")?;
    if *typed("The same again")? == *password {
        Ok(password)
    } else {
        Err(Failure::usage("the two passwords differ").hint("type the command again"))
    }
}

fn piped() -> Outcome<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    io::stdin()
        .lock()
        .take(PASSWORD_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    checked(&text)
}

fn typed(prompt: &str) -> Outcome<Zeroizing<String>> {
    if !is_attended() {
        return Err(
            Failure::usage("a password is needed and there is no terminal to ask at")
                .hint(ON_STDIN),
        );
    }
    let mut text = Zeroizing::new(String::new());
    let mut stderr = io::stderr().lock();
    write!(stderr, "{prompt}: ")
        .and_then(|()| stderr.flush())
        .map_err(unreadable)?;
    let unseen = Unseen::begin();
    let read = io::stdin().lock().read_line(&mut text);
    drop(unseen);
    writeln!(stderr).and(read).map_err(unreadable)?;
    checked(&text)
}

fn checked(text: &str) -> Outcome<Zeroizing<String>> {
    let password = Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned());
    if password.is_empty() {
        return Err(Failure::usage("the password is empty").hint(ON_STDIN));
    }
    Ok(password)
}

fn unreadable(error: io::Error) -> Failure {
    Failure::failed(format!("the password could not be read: {error}"))
}

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

/// Switches the terminal's echo off while it lives.
struct Unseen;

impl Unseen {
    fn begin() -> Self {
        if let Ok(before) = termios::tcgetattr(io::stdin()) {
            let mut modes = before.clone();
            modes.local_modes.remove(LocalModes::ECHO);
            *BEFORE.lock().unwrap_or_else(PoisonError::into_inner) = Some(before);
            if termios::tcsetattr(io::stdin(), OptionalActions::Flush, &modes).is_err() {
                show_typing_again();
            }
        }
        Self
    }
}

impl Drop for Unseen {
    fn drop(&mut self) {
        show_typing_again();
    }
}
