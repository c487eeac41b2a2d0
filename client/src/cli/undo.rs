//! `memoryvault undo` and `memoryvault redo`: steps made on this device, taken back and made again.

use client::{Undone, Vault, VaultError};

use super::desk::Desk;
use super::failure::Outcome;
use super::table::{clean, count};

/// Steps that `--list` shows.
const LISTED: usize = 20;

#[derive(Debug, clap::Args)]
pub(crate) struct UndoArgs {
    /// How many steps
    #[arg(value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    steps: u32,
    /// Change nothing: list the steps, the next one first
    #[arg(long, conflicts_with = "steps")]
    list: bool,
    /// Tell what would be done and change nothing
    #[arg(long, conflicts_with = "list")]
    dry_run: bool,
}

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Undo,
    Redo,
}

pub(crate) fn run(mut desk: Desk<'_>, args: UndoArgs, way: Way) -> Outcome {
    let store = desk.open()?;
    if args.list || args.dry_run {
        let number = if args.list {
            LISTED
        } else {
            usize::try_from(args.steps).unwrap_or(usize::MAX)
        };
        let steps = match way {
            Way::Undo => store.lock()?.undo_steps(number)?,
            Way::Redo => store.lock()?.redo_steps(number)?,
        };
        let screen = desk.screen;
        if screen.is_json() {
            return screen.objects(&steps);
        }
        if steps.is_empty() {
            screen.note("There is nothing.");
        }
        for step in &steps {
            let at = super::when::minute(step.at_ms);
            screen.line(format!("{at}  {}", clean(&step.words)));
        }
        if args.dry_run && !steps.is_empty() {
            let verb = match way {
                Way::Undo => "taken back",
                Way::Redo => "made again",
            };
            let steps = count(steps.len(), "step", "steps");
            screen.note(format!("{steps} would be {verb}. Nothing was changed."));
        }
        return Ok(());
    }
    let turn: fn(&mut Vault) -> Result<Undone, VaultError> = match way {
        Way::Undo => Vault::undo,
        Way::Redo => Vault::redo,
    };
    for step in 0..args.steps {
        let turned = turn(&mut *store.lock()?);
        // Fewer steps than asked for: those that were there are turned.
        if step > 0
            && matches!(
                turned,
                Err(VaultError::NothingToUndo | VaultError::NothingToRedo)
            )
        {
            break;
        }
        let turned = turned?;
        desk.show(&turned, |screen| {
            let verb = match way {
                Way::Undo => "Took back",
                Way::Redo => "Made again",
            };
            screen.line(format!("{verb}: {}.", clean(&turned.words)));
            if let (Some(_), Some(box_number)) = (turned.event, turned.box_after) {
                let due = turned.due_day.as_deref().unwrap_or("now");
                screen.line(format!("The card is in box {box_number}, due {due}."));
            }
            if turned.left > 0 {
                screen.note(format!(
                    "{} changed again since: what is newer stays.",
                    count(turned.left, "card was", "cards were")
                ));
            }
        })?;
    }
    Ok(())
}
