//! `memoryvault add`: makes one card of texts, pictures and sounds.

use std::io::Read as _;
use std::path::Path;

use client::{MediaFile, NewCard, NewItem, NewMedia};
use media::Wishes;
use media_worker::Worker;
use serde_json::json;

use super::desk::{Desk, OpenVault};
use super::failure::{Failure, Outcome};
use super::parts::{Content, Parts, Side};
use super::terminal::Input;

/// Text beyond this is refused anyway; reading stops there.
const STDIN_TEXT_BYTES_MAX: u64 = 1024 * 1024;

#[derive(Debug, clap::Args)]
pub(crate) struct AddArgs {
    /// The deck: its name, or the first letters of its id
    #[arg(long, value_name = "DECK")]
    deck: String,

    #[command(flatten)]
    parts: Parts,

    /// A tag; repeat for more
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,

    /// Keep pictures and sounds as large and as loud as they are; what they say of you is stripped all the same
    #[arg(long)]
    keep_original: bool,
}

pub(crate) fn run(mut desk: Desk<'_>, args: AddArgs) -> Outcome {
    let from_stdin = args
        .parts
        .0
        .iter()
        .filter(|(_, content)| is_stdin(content))
        .count();
    if from_stdin > 1 {
        return Err(Failure::usage(
            "only one option can read `-`, because stdin can be read only once",
        )
        .hint("memoryvault add --help"));
    }
    if !args.parts.0.iter().any(|(side, _)| *side == Side::Front) {
        return Err(Failure::usage("a card needs something on its front")
            .hint("memoryvault add --deck DECK --front TEXT --back TEXT"));
    }
    let read = args
        .parts
        .0
        .into_iter()
        .map(|(side, content)| Ok((side, read(&desk, content)?)))
        .collect::<Outcome<Vec<_>>>()?;
    let store = desk.open()?;
    let wishes = Wishes {
        keep_original: args.keep_original,
    };
    let (mut front, mut back) = (Vec::new(), Vec::new());
    let mut notes = Vec::new();
    for (side, read) in read {
        let item = match read {
            Read::Text(text) => NewItem::Text(text),
            Read::File(file) => {
                let media = prepared(&store, &file, wishes)?;
                notes.extend(media.notes.iter().cloned());
                NewItem::Media(Box::new(media))
            }
        };
        match side {
            Side::Front => front.push(item),
            Side::Back => back.push(item),
        }
    }
    let mut vault = store.lock()?;
    let deck = vault.deck_find(&args.deck)?;
    let card = vault.add_card(&NewCard {
        deck,
        front,
        back,
        tags: args.tags,
    })?;
    drop(vault);
    desk.show(&json!({ "card": card }), |screen| {
        notes.iter().for_each(|note| screen.note(note));
        screen.note("Added a card.");
        screen.line(card.to_string());
    })
}

fn is_stdin(content: &Content) -> bool {
    match content {
        Content::Text(text) => text == "-",
        Content::File { path, .. } => path == Path::new("-"),
    }
}

/// What an option names, read and not yet looked into.
enum Read {
    Text(String),
    File(MediaFile),
}

fn read(desk: &Desk<'_>, content: Content) -> Outcome<Read> {
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
