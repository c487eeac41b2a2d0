//! Where a password comes from: stdin when asked for, else a person at the terminal who types it unseen. Never from the
//! command line, where every process of the machine could read it.

use std::io::{self, Read};

use zeroize::Zeroizing;

use super::desk::Desk;
use super::failure::{Failure, Outcome};
use super::terminal::{Input, as_text};

/// Nothing longer is read as a password; the server takes 256 bytes.
const PASSWORD_BYTES_MAX: u64 = 4_096;
const ON_STDIN: &str =
    "give it on stdin: printf %s \"$PASSWORD\" | memoryvault account ... --password-stdin";

/// Gets the password of an account.
pub(crate) fn password(desk: &Desk<'_>, from_stdin: bool) -> Outcome<Zeroizing<String>> {
    if from_stdin {
        piped(desk)
    } else {
        typed(desk, "Password")
    }
}

/// Gets the password of a new account; one that is typed unseen is typed twice.
pub(crate) fn new_password(desk: &Desk<'_>, from_stdin: bool) -> Outcome<Zeroizing<String>> {
    if from_stdin {
        return piped(desk);
    }
    let password = typed(desk, "New password")?;
    if *typed(desk, "The same again")? == *password {
        Ok(password)
    } else {
        Err(Failure::usage("the two passwords differ").hint("type the command again"))
    }
}

fn piped(desk: &Desk<'_>) -> Outcome<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    Input::of(desk.terminal())
        .take(PASSWORD_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    checked(&text)
}

fn typed(desk: &Desk<'_>, prompt: &str) -> Outcome<Zeroizing<String>> {
    if !desk.is_attended() {
        return Err(
            Failure::usage("a password is needed and there is no terminal to ask at")
                .hint(ON_STDIN),
        );
    }
    let line = desk.terminal().read_unseen(prompt).map_err(unreadable)?;
    checked(&as_text(&line).map_err(unreadable)?)
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
