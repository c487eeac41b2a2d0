//! `memoryvault card bulk`: one change of all cards that a query chooses.

use client::{BulkEdit, Query, Replace};

use super::desk::Desk;
use super::failure::{Failure, Outcome};
use super::table::count;

#[derive(Debug, clap::Args)]
pub(crate) struct BulkArgs {
    /// Which cards: words and terms, as in `card list`; required, because all cards is a choice too (`deck:*`)
    #[arg(required = true)]
    query: Vec<String>,
    /// Text to find; upper and lower case count
    #[arg(long, requires = "replace", value_name = "TEXT")]
    find: Option<String>,
    /// Text to put in its place
    #[arg(long, requires = "find", value_name = "TEXT")]
    replace: Option<String>,
    /// A tag to add; repeat for more
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// A tag to take away; repeat for more
    #[arg(long = "untag", value_name = "TAG")]
    untag: Vec<String>,
    /// Move the cards to another deck
    #[arg(long, value_name = "DECK")]
    deck: Option<String>,
    /// Give the cards a coloured mark, 1 to 7; 0 takes it away
    #[arg(long, value_name = "0..7")]
    flag: Option<u8>,
    /// Keep the cards out of study
    #[arg(long, conflicts_with = "resume")]
    suspend: bool,
    /// Let suspended cards be studied again
    #[arg(long)]
    resume: bool,
    /// Remove the cards
    #[arg(long)]
    remove: bool,
    /// Change nothing: tell how many cards it would change
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

pub(crate) fn run(mut desk: Desk<'_>, args: BulkArgs) -> Outcome {
    let query = Query::parse(&args.query.join(" "))?;
    let store = desk.open()?;
    let mut edit = BulkEdit {
        replace: args
            .find
            .zip(args.replace)
            .map(|(find, with)| Replace { find, with }),
        tags: args.tags,
        untag: args.untag,
        suspended: if args.suspend {
            Some(true)
        } else {
            args.resume.then_some(false)
        },
        flag: args.flag,
        deck: None,
        remove: args.remove,
    };
    let named = [
        edit.replace.is_some(),
        !edit.tags.is_empty(),
        !edit.untag.is_empty(),
        edit.suspended.is_some(),
        edit.flag.is_some(),
        args.deck.is_some(),
        edit.remove,
    ];
    if !named.contains(&true) {
        return Err(
            Failure::usage("nothing to change was named").hint("memoryvault card bulk --help")
        );
    }
    let mut vault = store.lock()?;
    if let Some(deck) = &args.deck {
        edit.deck = Some(vault.deck_find(deck)?);
    }
    let mut report = vault.bulk_edit(&query, &edit, false)?;
    drop(vault);
    if !args.dry_run && report.changed > 0 {
        let question = format!("change {}?", count(report.changed, "card", "cards"));
        desk.confirm(args.yes, &question, "memoryvault card bulk ...")?;
        report = store.lock()?.bulk_edit(&query, &edit, true)?;
    }
    desk.show(&report, |screen| {
        let verb = if report.applied {
            "Changed"
        } else {
            "Would change"
        };
        screen.line(format!(
            "{verb} {} of {} chosen.",
            count(report.changed, "card", "cards"),
            report.chosen
        ));
        if report.applied && report.changed > 0 {
            screen.note("One step: memoryvault undo takes it back.");
        }
    })
}
