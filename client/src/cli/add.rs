//! `memoryvault add`: makes one card of texts, pictures and sounds.

use std::io::Read;
use std::path::Path;

use client::{MediaFileError, NewCard, NewItem, NewMedia};
use media::Kind;
use serde_json::json;

use super::desk::Desk;
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
    let (mut front, mut back) = (Vec::new(), Vec::new());
    for (side, content) in args.parts.0 {
        let item = item(&desk, content)?;
        match side {
            Side::Front => front.push(item),
            Side::Back => back.push(item),
        }
    }
    let store = desk.open()?;
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

/// Reads what an option names.
fn item(desk: &Desk<'_>, content: Content) -> Outcome<NewItem> {
    let stdin = is_stdin(&content);
    Ok(match content {
        Content::Text(_) if stdin => NewItem::Text(text_from_stdin(desk)?),
        Content::Text(text) => NewItem::Text(text),
        Content::File { kind, alt, .. } if stdin => {
            NewItem::Media(Box::new(media_from_stdin(desk, kind, alt)?))
        }
        Content::File { kind, path, alt } => {
            NewItem::Media(Box::new(NewMedia::read(&desk.file(&path)?, kind, alt)?))
        }
    })
}

fn text_from_stdin(desk: &Desk<'_>) -> Outcome<String> {
    let mut text = String::new();
    Input::of(desk.terminal())
        .take(STDIN_TEXT_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(|error| Failure::failed(format!("stdin could not be read as text: {error}")))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

fn media_from_stdin(desk: &Desk<'_>, kind: Kind, alt: Option<String>) -> Outcome<NewMedia> {
    let mut bytes = Vec::new();
    Input::of(desk.terminal())
        .take(media::limit::UPLOAD_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::failed(format!("stdin could not be read: {error}")))?;
    let info = media::inspect(&bytes, "").map_err(MediaFileError::from)?;
    if info.kind() != kind {
        return Err(MediaFileError::OtherKind {
            path: "-".into(),
            found: info.kind(),
            wanted: kind,
        }
        .into());
    }
    Ok(NewMedia { bytes, info, alt })
}
