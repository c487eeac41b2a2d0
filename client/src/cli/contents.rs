//! From options on the command line to items of a card: texts, and files that are read and prepared. `add` makes cards of them, `card edit`
//! changes cards by them.

use std::io::Read as _;
use std::path::Path;

use client::{MediaFile, NewItem, NewMedia};
use media::Wishes;
use media_worker::Worker;

use super::desk::{Desk, OpenVault};
use super::failure::{Failure, Outcome};
use super::parts::{Content, Parts, Side};
use super::terminal::Input;

/// Text beyond this is refused anyway; reading stops there.
const STDIN_TEXT_BYTES_MAX: u64 = 1024 * 1024;

/// Items of a card, in the order typed.
pub(crate) struct Items {
    pub(crate) items: Vec<(Side, NewItem)>,
    /// What a person should know of how the files came out.
    pub(crate) notes: Vec<String>,
}

/// Reads what the options name, before the vault is opened. `command` is told to who needs help.
pub(crate) fn read(desk: &Desk<'_>, parts: Parts, command: &str) -> Outcome<Vec<(Side, Read)>> {
    let from_stdin = parts.0.iter().filter(|(_, content)| is_stdin(content));
    if from_stdin.count() > 1 {
        return Err(Failure::usage(
            "only one option can read `-`, because stdin can be read only once",
        )
        .hint(format!("{command} --help")));
    }
    parts
        .0
        .into_iter()
        .map(|(side, content)| Ok((side, read_one(desk, content)?)))
        .collect()
}

/// Prepares the files among what was read.
pub(crate) fn prepare(
    store: &OpenVault,
    read: Vec<(Side, Read)>,
    wishes: Wishes,
) -> Outcome<Items> {
    let (mut items, mut notes) = (Vec::new(), Vec::new());
    for (side, read) in read {
        let item = match read {
            Read::Text(text) => NewItem::Text(text),
            Read::File(file) => {
                let media = prepared(store, &file, wishes)?;
                notes.extend(media.notes.iter().cloned());
                NewItem::Media(Box::new(media))
            }
        };
        items.push((side, item));
    }
    Ok(Items { items, notes })
}

fn is_stdin(content: &Content) -> bool {
    match content {
        Content::Text(text) => text == "-",
        Content::File { path, .. } => path == Path::new("-"),
    }
}

/// What an option names, read and not yet looked into.
pub(crate) enum Read {
    Text(String),
    File(MediaFile),
}

fn read_one(desk: &Desk<'_>, content: Content) -> Outcome<Read> {
    let stdin = is_stdin(&content);
    Ok(match content {
        Content::Text(_) if stdin => Read::Text(text_from_stdin(desk)?),
        Content::Text(text) => Read::Text(text),
        Content::File { kind, alt, .. } if stdin => {
            let mut stream = Input::of(desk.terminal());
            Read::File(MediaFile::of_stream(&mut stream, kind, alt)?)
        }
        Content::File { kind, path, alt } => {
            Read::File(MediaFile::read(&desk.file(&path)?, kind, alt)?)
        }
    })
}

/// What a card will hold of a file. The vault is free for other commands while the file is worked on.
fn prepared(store: &OpenVault, file: &MediaFile, wishes: Wishes) -> Outcome<NewMedia> {
    if let Some(known) = store.lock()?.known_media(file)? {
        return Ok(known);
    }
    let worker = Worker::of_this_program()
        .map_err(|error| Failure::failed(format!("this program cannot find itself: {error}")))?;
    let done = file.prepare(&worker, wishes);
    if done.as_ref().is_err_and(|error| error.is_harmful()) {
        store.lock()?.note_harmful(file)?;
    }
    Ok(done?)
}

fn text_from_stdin(desk: &Desk<'_>) -> Outcome<String> {
    let mut text = String::new();
    Input::of(desk.terminal())
        .take(STDIN_TEXT_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(|error| Failure::failed(format!("stdin could not be read as text: {error}")))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}
