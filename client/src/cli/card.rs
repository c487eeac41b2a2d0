//! `memoryvault card`: list, show, edit, remove and restore cards, and tell why one is due.

use client::{CardEdit, CardShown, NewItem, Order, Query, SortBy, Vault};
use media::Wishes;
use serde_json::json;

use super::bulk;
use super::consent::Consent;
use super::contents::{self, Items};
use super::desk::Desk;
use super::face;
use super::failure::{Failure, Outcome};
use super::parts::{Parts, Side};
use super::screen::Screen;
use super::table::{Align, count, lines};

/// Cards that are read in one turn and set in columns together.
const CARDS_TOGETHER: usize = 500;

/// What `card list` can search by, in short.
const SEARCH_HELP: &str = "\
Terms:
  dog \"a dog\" d_g d*g    in the text; _ is any letter, * any letters
  w:dog nc:cafe re:d.g    as a whole word, accents aside, a regular expression
  front:dog back:*dog*    the whole text of a side, or a part of it
  deck:NAME tag:NAME      and what lies below it; tag:none for cards without a tag
  is:due new learn review suspended buried conflict leech removed
  has:image has:audio flag:0..7 box:1..5
  due<7 ivl>=30 reps=0 lapses>3 box>=3 ease<2.1
  added:N rated:N rated:N:1 introduced:N    in the last N days, 1 for today
  cid:ID nid:ID did:ID    the first letters of a card's, a note's or a deck's id
Joined by: a b (both), a or b, -a or not a, (a or b) c
Quote the whole for the shell: memoryvault card list 'deck:\"My deck\" (is:due or due<7)'
All of it: docs/search.md";

/// What cards can be sorted by.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum Sort {
    /// The day they are due; those without one last
    Due,
    /// The time they were made at
    Added,
    /// The box, then the due day
    Box,
    /// The name of the deck
    Deck,
    /// The text
    Text,
}

impl From<Sort> for SortBy {
    fn from(sort: Sort) -> Self {
        match sort {
            Sort::Due => Self::Due,
            Sort::Added => Self::Added,
            Sort::Box => Self::Box,
            Sort::Deck => Self::Deck,
            Sort::Text => Self::Text,
        }
    }
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum CardCommand {
    /// List cards, all or those that a search chooses
    #[command(after_long_help = SEARCH_HELP, after_help = SEARCH_HELP)]
    List {
        /// Words in the text, and terms; several must all hold. docs/search.md tells them all
        query: Vec<String>,
        /// The order of the cards; without it, the order they were made in
        #[arg(long, value_enum, value_name = "BY")]
        sort: Option<Sort>,
        /// The last first
        #[arg(long)]
        reverse: bool,
    },
    /// Show a card in full
    Show {
        /// The card: its id, or the first letters of it
        card: String,
        /// Draw its pictures and play its sounds
        #[arg(long)]
        open: bool,
    },
    /// Remove a card; `card restore` brings it back
    Remove {
        /// The card: its id, or the first letters of it
        card: String,
        #[command(flatten)]
        consent: Consent,
    },
    /// Bring a removed card back
    Restore {
        /// The card: its id, or the first letters of it
        card: String,
    },
    /// Tell why a card is due when it is
    Why {
        /// The card: its id, or the first letters of it
        card: String,
    },
    /// Put a card off until tomorrow
    Bury {
        /// The card: its id, or the first letters of it
        card: String,
    },
    /// Make a card due on a day, in its box
    Due {
        /// The card: its id, or the first letters of it
        card: String,
        /// The day, like 2026-03-01, or +3 for three days from today
        day: String,
    },
    /// Start a card anew: it waits among the new cards; its history stays
    Reset {
        /// The card: its id, or the first letters of it
        card: String,
    },
    /// Change a card: a text takes the place of the side's text, a picture or sound is added to it; what is not named stays as it is
    Edit(EditArgs),
    /// List cards that ask the same as another one
    Duplicates,
    /// Change all cards that a query chooses: find and replace, tag, move, flag, suspend, remove
    Bulk(bulk::BulkArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct EditArgs {
    /// The card: its id, or the first letters of it
    card: String,
    #[command(flatten)]
    parts: Parts,
    /// A picture or sound to take off the card: its hash, or the first letters of it; repeat for more
    #[arg(long = "remove-media", value_name = "BLOB")]
    remove_media: Vec<String>,
    /// Keep added pictures and sounds as large and as loud as they are
    #[arg(long)]
    keep_original: bool,
    /// A tag to add; repeat for more
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// A tag to take away; repeat for more
    #[arg(long = "untag", value_name = "TAG")]
    untag: Vec<String>,
    /// Keep the card out of study
    #[arg(long, conflicts_with = "resume")]
    suspend: bool,
    /// Let a suspended card be studied again
    #[arg(long)]
    resume: bool,
    /// Give the card a coloured mark, 1 to 7; 0 takes it away
    #[arg(long, value_name = "0..7")]
    flag: Option<u8>,
    /// Move the card to another deck
    #[arg(long, value_name = "DECK")]
    deck: Option<String>,
}

pub(crate) fn run(mut desk: Desk<'_>, command: CardCommand) -> Outcome {
    match command {
        CardCommand::List {
            query,
            sort,
            reverse,
        } => list(desk, &query.join(" "), sort, reverse),
        CardCommand::Show { card, open } => {
            let store = desk.open()?;
            let mut vault = store.lock()?;
            let card = find(&vault, &card)?;
            let missing = vault.note_viewed(card.id)?;
            let files = [&card.front, &card.back].map(|side| face::files(&vault, side));
            drop(vault);
            desk.show(&card, |screen| face::card(screen, &card))?;
            if missing > 0 {
                let media = count(missing, "picture or sound", "pictures and sounds");
                desk.screen.note(format!(
                    "{media} not here yet; the next sync brings them first."
                ));
            }
            if open && !desk.screen.is_json() {
                let terminal = desk.terminal();
                for (path, kind) in files.iter().flatten() {
                    terminal.present(path, *kind);
                }
                terminal.hear_out();
            }
            Ok(())
        }
        CardCommand::Remove { card, consent } => remove(desk, &card, consent),
        CardCommand::Restore { card } => {
            let store = desk.open()?;
            let mut vault = store.lock()?;
            let id = vault.card_find(&card)?;
            vault.card_restore(id)?;
            drop(vault);
            desk.show(&json!({ "card": id, "restored": true }), |screen| {
                screen.line("The card is back.")
            })
        }
        CardCommand::Why { card } => {
            let store = desk.open()?;
            let vault = store.lock()?;
            let why = vault.why(vault.card_find(&card)?)?;
            drop(vault);
            desk.show(&why, |screen| {
                why.lines.iter().for_each(|line| screen.line(line))
            })
        }
        CardCommand::Bury { card } => place(desk, &card, "put off until tomorrow", |vault, id| {
            vault.bury(id)
        }),
        CardCommand::Reset { card } => {
            place(desk, &card, "started anew", |vault, id| vault.reset(id))
        }
        CardCommand::Due { card, day } => place(desk, &card, "given a due day", |vault, id| {
            let due = due_day(&day, vault.today()).ok_or_else(|| {
                client::VaultError::Refused(format!(
                    "`{day}` is no day; type one like 2026-03-01, or +3"
                ))
            })?;
            vault.set_due(id, due)
        }),
        CardCommand::Edit(args) => edit(desk, args),
        CardCommand::Duplicates => duplicates(desk),
        CardCommand::Bulk(args) => bulk::run(desk, args),
    }
}

fn duplicates(desk: Desk<'_>) -> Outcome {
    let store = desk.open()?;
    let found = store.lock()?.duplicates()?;
    for cards in &found {
        if desk.screen.is_json() {
            desk.screen.object(&json!({ "cards": cards }))?;
        } else {
            print_page(desk.screen, cards)?;
            desk.screen.line("");
        }
    }
    desk.screen.note(match found.len() {
        0 => "No two cards ask the same.".to_owned(),
        some => format!(
            "{} asked more than once.",
            count(some, "question is", "questions are")
        ),
    });
    Ok(())
}

/// Places a card by hand, and shows where it stands then.
fn place(
    mut desk: Desk<'_>,
    card: &str,
    done: &str,
    job: impl FnOnce(&mut Vault, domain::CardId) -> Result<(), client::VaultError>,
) -> Outcome {
    let store = desk.open()?;
    let mut vault = store.lock()?;
    let id = find(&vault, card)?.id;
    job(&mut vault, id)?;
    let card = vault.card(id)?;
    drop(vault);
    desk.show(&card, |screen| {
        let front = face::side_short(&card.front, 60);
        screen.line(format!("The card \"{front}\" was {done}."));
        screen.line(match face::due(&card).as_str() {
            "new" => "It waits among the new cards.".to_owned(),
            due => format!("It is in box {}, due {due}.", card.box_number),
        });
    })
}

fn due_day(typed: &str, today: domain::Day) -> Option<domain::Day> {
    match typed.strip_prefix('+') {
        Some(days) => Some(today.plus(days.parse::<u16>().ok()?.into())),
        None => typed.parse().ok(),
    }
}

/// Finds a card that is not removed, by its id or the first letters of it.
pub(crate) fn find(vault: &Vault, wanted: &str) -> Outcome<CardShown> {
    let card = vault.card(vault.card_find(wanted)?)?;
    if card.removed {
        let id = card.id;
        return Err(Failure::not_found(format!("the card {id} was removed"))
            .hint(format!("memoryvault card restore {id}")));
    }
    Ok(card)
}

fn list(desk: Desk<'_>, query: &str, sort: Option<Sort>, reverse: bool) -> Outcome {
    // Read before the vault is opened: a mistyped query should not wait for another process.
    let query = Query::parse(query)?;
    let store = desk.open()?;
    let screen = desk.screen;
    let (mut next, mut listed) = (Some(None), 0_u64);
    if sort.is_some() || reverse {
        let by = sort.map_or(SortBy::Made, SortBy::from);
        let found = store.lock()?.search(&query, Order { by, reverse })?;
        for some in found.chunks(CARDS_TOGETHER) {
            if !screen.is_open() {
                break;
            }
            let cards = store.lock()?.cards_of(some)?;
            listed += u64::try_from(cards.len()).unwrap_or(u64::MAX);
            print_page(screen, &cards)?;
        }
        next = None;
    }
    // Page by page: whoever else waits for the vault gets a turn between two of them.
    while let Some(after) = next.filter(|_| screen.is_open()) {
        let page = store.lock()?.cards_after(&query, after, CARDS_TOGETHER)?;
        listed += u64::try_from(page.cards.len()).unwrap_or(u64::MAX);
        print_page(screen, &page.cards)?;
        next = page.next.map(Some);
    }
    if listed == 0 {
        screen.note("No card fits.");
    } else {
        screen.note(count(listed, "card", "cards"));
    }
    Ok(())
}

/// Prints cards that fit, as objects or in columns.
fn print_page(screen: &mut Screen, cards: &[CardShown]) -> Outcome {
    if screen.is_json() {
        return screen.objects(cards);
    }
    let rows: Vec<Vec<String>> = cards.iter().map(row).collect();
    lines(&[Align::Left; 5], &rows)
        .iter()
        .for_each(|line| screen.line(line));
    Ok(())
}

fn row(card: &CardShown) -> Vec<String> {
    let mark = if card.conflicts.is_empty() { "" } else { "!" };
    vec![
        card.id.to_string(),
        format!("box {}", card.box_number),
        face::due(card),
        mark.to_owned(),
        format!(
            "{} | {}",
            face::side_short(&card.front, 40),
            face::side_short(&card.back, 40)
        ),
    ]
}

fn remove(mut desk: Desk<'_>, card: &str, consent: Consent) -> Outcome {
    let store = desk.open()?;
    let shown = find(&*store.lock()?, card)?;
    let (id, front) = (shown.id, face::side_short(&shown.front, 60));
    let question = format!("remove the card \"{front}\"?");
    if !consent.given(
        &mut desk,
        &question,
        &format!("memoryvault card remove {id}"),
    )? {
        return Ok(());
    }
    store.lock()?.card_remove(id)?;
    desk.show(&json!({ "card": id, "removed": true }), |screen| {
        screen.line(format!("Removed the card \"{front}\"."));
        screen.note(format!("It can come back: memoryvault card restore {id}"));
    })
}

fn edit(mut desk: Desk<'_>, args: EditArgs) -> Outcome {
    let suspended = if args.suspend {
        Some(true)
    } else {
        args.resume.then_some(false)
    };
    let named = [
        !args.parts.0.is_empty(),
        !args.remove_media.is_empty(),
        !args.tags.is_empty(),
        !args.untag.is_empty(),
        suspended.is_some(),
        args.flag.is_some(),
        args.deck.is_some(),
    ];
    if !named.contains(&true) {
        return Err(
            Failure::usage("nothing to change was named").hint("memoryvault card edit --help")
        );
    }
    let read = contents::read(&desk, args.parts, "memoryvault card edit")?;
    let store = desk.open()?;
    let wishes = Wishes {
        keep_original: args.keep_original,
    };
    let Items { items, notes } = contents::prepare(&store, read, wishes)?;
    let mut edit = CardEdit {
        tags: args.tags,
        untag: args.untag,
        suspended,
        flag: args.flag,
        ..CardEdit::default()
    };
    for (side, item) in items {
        let of = match side {
            Side::Front => &mut edit.front,
            Side::Back => &mut edit.back,
        };
        match item {
            NewItem::Media(media) => of.add.push(*media),
            NewItem::Text(_) if of.text.is_some() => {
                return Err(Failure::usage("a side has one text")
                    .hint("put both into one, with an empty line between them"));
            }
            NewItem::Text(text) => of.text = Some(text),
        }
    }
    let mut vault = store.lock()?;
    let id = find(&vault, &args.card)?.id;
    edit.deck = args
        .deck
        .as_deref()
        .map(|deck| vault.deck_find(deck))
        .transpose()?;
    for blob in args.remove_media {
        edit.remove_media.push(vault.media_find(&blob)?.blob.blob);
    }
    vault.card_edit(id, &edit)?;
    let card = vault.card(id)?;
    drop(vault);
    notes.iter().for_each(|note| desk.screen.note(note));
    desk.show(&card, |screen| face::card(screen, &card))
}
