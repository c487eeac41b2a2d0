//! `memoryvault note`: shows and changes notes, of which several cards are made, and their types.

use std::collections::BTreeMap;
use std::io::Read as _;

use client::{NoteShown, Vault};
use domain::NoteId;
use domain::note::NoteType;
use serde_json::json;

use super::consent::Consent;
use super::desk::Desk;
use super::face;
use super::failure::{Failure, Outcome};
use super::screen::Screen;
use super::table::{Align, clean, count, lines};
use super::terminal::Input;

/// A longer file is no note type.
const TYPE_FILE_BYTES_MAX: u64 = 1024 * 1024;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum NoteCommand {
    /// Show a note: its fields and its cards
    Show {
        /// One of its cards: its id, or the first letters of it
        card: String,
    },
    /// Change fields of a note; all its cards follow
    Edit {
        /// One of its cards: its id, or the first letters of it
        card: String,
        /// A field and its new text; repeat for more
        #[arg(long = "field", value_name = "NAME=TEXT", required = true, value_parser = field)]
        fields: Vec<(String, String)>,
    },
    /// Remove all cards of a note
    Remove {
        /// One of its cards: its id, or the first letters of it
        card: String,
        #[command(flatten)]
        consent: Consent,
    },
    /// List the types of notes
    Types,
    /// Print a type of notes as JSON, as `type-set` reads it
    TypeShow {
        /// Its name
        name: String,
    },
    /// Make a type of notes, or change one: its fields, and the templates that make cards of them
    #[command(after_help = TYPE_HELP)]
    TypeSet {
        /// The file with the type as JSON; `-` reads stdin
        file: String,
    },
    /// Forget a type that no note has
    TypeRemove {
        /// Its name
        name: String,
    },
}

const TYPE_HELP: &str = r#"Like this:
{"name":"country","fields":["Country","Capital","Map"],"templates":[
  {"name":"Capital","front":"Capital of {{Country}}?","back":"{{Capital}}{{#Map}} ({{Map}}){{/Map}}"},
  {"name":"Country","front":"Whose capital is {{Capital}}?","back":"{{Country}}"}]}
{{Field}} puts a field in, {{FrontSide}} the question, {{type:Field}} asks to type it, {{cloze:Field}} hides its gaps (with "cloze":true),
{{#Field}}...{{/Field}} shows what stands between only when the field is filled in, {{^Field}}...{{/Field}} only when it is empty."#;

/// Reads `NAME=TEXT`.
pub(crate) fn field(typed: &str) -> Result<(String, String), String> {
    let (name, text) = typed
        .split_once('=')
        .ok_or("write it like Front=text, with the name of the field before the sign")?;
    Ok((name.trim().to_owned(), text.to_owned()))
}

pub(crate) fn run(mut desk: Desk<'_>, command: NoteCommand) -> Outcome {
    match command {
        NoteCommand::Show { card } => {
            let store = desk.open()?;
            let vault = store.lock()?;
            let note = vault.note(vault.note_find(&card)?)?;
            drop(vault);
            show(&mut desk, &note)
        }
        NoteCommand::Edit { card, fields } => edit(desk, &card, fields),
        NoteCommand::Remove { card, consent } => remove(desk, &card, consent),
        NoteCommand::Types => types(desk),
        NoteCommand::TypeShow { name } => {
            let store = desk.open()?;
            let kind = find_type(&*store.lock()?, &name)?;
            desk.screen.object(&kind)
        }
        NoteCommand::TypeSet { file } => type_set(desk, &file),
        NoteCommand::TypeRemove { name } => {
            let store = desk.open()?;
            store.lock()?.note_type_remove(&name)?;
            desk.show(&json!({ "type": name, "removed": true }), |screen| {
                screen.line(format!("Forgot the note type {}.", clean(&name)));
            })
        }
    }
}

fn show(desk: &mut Desk<'_>, note: &NoteShown) -> Outcome {
    desk.show(note, |screen| {
        print_fields(screen, note);
        screen.line("");
        let row = |card: &client::CardShown| {
            let front = face::side_short(&card.front, 60);
            vec![card.id.to_string(), face::due(card), front]
        };
        let rows: Vec<Vec<String>> = note.cards.iter().map(row).collect();
        lines(&[Align::Left; 3], &rows)
            .iter()
            .for_each(|line| screen.line(line));
        screen.note(format!(
            "A note of the type {} with {}.",
            clean(&note.kind),
            count(note.cards.len(), "card", "cards")
        ));
    })
}

fn print_fields(screen: &mut Screen, note: &NoteShown) {
    for field in &note.fields {
        let name = screen.bold(&clean(&field.name));
        screen.line(name);
        for line in clean(&field.text).lines() {
            screen.line(format!("  {line}"));
        }
    }
}

fn edit(mut desk: Desk<'_>, card: &str, fields: Vec<(String, String)>) -> Outcome {
    let mut changed = BTreeMap::new();
    for (name, text) in fields {
        if changed.insert(name.clone(), text).is_some() {
            return Err(Failure::usage(format!("the field {name} is named twice")));
        }
    }
    let store = desk.open()?;
    let mut vault = store.lock()?;
    let id: NoteId = vault.note_find(card)?;
    vault.note_edit(id, &changed)?;
    let note = vault.note(id)?;
    drop(vault);
    show(&mut desk, &note)
}

fn remove(mut desk: Desk<'_>, card: &str, consent: Consent) -> Outcome {
    let store = desk.open()?;
    let vault = store.lock()?;
    let note = vault.note(vault.note_find(card)?)?;
    drop(vault);
    let cards = count(note.cards.len(), "card", "cards");
    let question = format!("remove the note with {cards}?");
    if !consent.given(
        &mut desk,
        &question,
        &format!("memoryvault note remove {card}"),
    )? {
        return Ok(());
    }
    let removed = store.lock()?.note_remove(note.id)?;
    let value = json!({ "note": note.id, "cards": removed, "removed": true });
    desk.show(&value, |screen| {
        screen.line(format!("Removed the note with {cards}."));
        screen.note("It can be taken back: memoryvault undo");
    })
}

fn types(desk: Desk<'_>) -> Outcome {
    let store = desk.open()?;
    let types = store.lock()?.note_types();
    if desk.screen.is_json() {
        return desk.screen.objects(&types.iter().collect::<Vec<_>>());
    }
    let row = |kind: &NoteType| {
        let cards = if kind.cloze {
            "a card for each gap".to_owned()
        } else {
            count(kind.templates.len(), "card", "cards")
        };
        vec![clean(&kind.name), cards, clean(&kind.fields.join(", "))]
    };
    let rows: Vec<Vec<String>> = types.iter().map(row).collect();
    lines(&[Align::Left; 3], &rows)
        .iter()
        .for_each(|line| desk.screen.line(line));
    Ok(())
}

fn type_set(mut desk: Desk<'_>, file: &str) -> Outcome {
    let unreadable = |why: &dyn std::fmt::Display| {
        Failure::usage(format!(
            "the note type could not be read from {file}: {why}"
        ))
        .hint("memoryvault note type-set --help shows one")
    };
    let mut text = String::new();
    let read = if file == "-" {
        Input::of(desk.terminal())
            .take(TYPE_FILE_BYTES_MAX)
            .read_to_string(&mut text)
    } else {
        std::fs::File::open(desk.file(std::path::Path::new(file))?)
            .and_then(|file| file.take(TYPE_FILE_BYTES_MAX).read_to_string(&mut text))
    };
    read.map_err(|why| unreadable(&why))?;
    let kind: NoteType = serde_json::from_str(&text).map_err(|why| unreadable(&why))?;
    let store = desk.open()?;
    store.lock()?.note_type_put(&kind)?;
    desk.show(&kind, |screen| {
        screen.line(format!("The note type {} is set.", clean(&kind.name)));
        screen.note(format!(
            "Add notes of it: memoryvault add --deck DECK --type {} --field NAME=TEXT",
            clean(&kind.name)
        ));
    })
}

fn find_type(vault: &Vault, name: &str) -> Outcome<NoteType> {
    vault.note_types().get(name).cloned().ok_or_else(|| {
        Failure::not_found(format!("there is no note type {}", clean(name)))
            .hint("memoryvault note types")
    })
}
