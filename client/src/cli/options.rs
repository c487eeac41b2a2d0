//! `memoryvault deck options`: the scheduler, the daily limits and the leeches of a deck or of all decks; shown, changed, or
//! only tried with `--preview`.

use client::{DeckOptions, OptionsChange, OptionsPreview, SchedulerShown, Vault};
use domain::schedule::{Fsrs, Lapse, Last, Leitner, Preset, Scheduler, Weights};

use super::desk::{Desk, OpenVault};
use super::failure::{Failure, Outcome};
use super::screen::Screen;
use super::table::{clean, count, pairs};

/// A scheduler as typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum SchedulerWord {
    /// Five boxes
    Leitner,
    /// SM-2: intervals grow by each card's ease
    Sm2,
    /// FSRS-6: intervals until the chance to know the card has fallen to --retention
    Fsrs,
    /// Of a deck: as all decks without their own
    Default,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum PresetWord {
    /// 1, 2, 4, 8, 16 days
    Doubling,
    /// 1, 3, 7, 14, 30 days
    Weekly,
    /// 1, 2, 5, 8, 14 days
    Classic,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum LapseWord {
    /// To the first box
    First,
    /// One box back
    BackOne,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum LastWord {
    /// The card comes again
    Repeat,
    /// The card is not asked again
    Retire,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum LeechWord {
    /// Give it the tag `leech`
    Tag,
    /// Give it the tag and take it out of study
    Suspend,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Switch {
    /// Yes
    On,
    /// No
    Off,
}

#[derive(Debug, clap::Args)]
pub(crate) struct OptionsArgs {
    /// The deck: its name, or the first letters of its id; none for all decks without options of their own
    deck: Option<String>,
    /// How answers become due days, from today on
    #[arg(long)]
    scheduler: Option<SchedulerWord>,
    /// Leitner: days of the five boxes, by name
    #[arg(long, conflicts_with = "boxes")]
    preset: Option<PresetWord>,
    /// Leitner: days of the five boxes
    #[arg(
        long,
        value_name = "DAYS,DAYS,DAYS,DAYS,DAYS",
        value_delimiter = ',',
        num_args = 5
    )]
    boxes: Option<Vec<u16>>,
    /// Leitner: where a wrong answer sends a card
    #[arg(long)]
    lapse: Option<LapseWord>,
    /// Leitner: what a right answer in the last box does
    #[arg(long)]
    last: Option<LastWord>,
    /// FSRS: the chance to know a card on the day it is due
    #[arg(long, value_name = "0.70..0.99", value_parser = retention)]
    retention: Option<u16>,
    /// FSRS: move long intervals a little, so that cards learned together come apart
    #[arg(long)]
    fuzz: Option<Switch>,
    /// FSRS: 21 weights, by commas, or `average`
    #[arg(long, value_name = "WEIGHTS", value_parser = weights)]
    weights: Option<WeightsWord>,
    /// New cards a day
    #[arg(long, value_name = "N")]
    new_per_day: Option<u32>,
    /// Reviews a day
    #[arg(long, value_name = "N")]
    reviews_per_day: Option<u32>,
    /// Lapses after which a card is a leech; 0 for never
    #[arg(long, value_name = "N")]
    leech_lapses: Option<u32>,
    /// What is done to a leech
    #[arg(long)]
    leech_action: Option<LeechWord>,
    /// Hour at which a study day begins
    #[arg(long, value_name = "0..23", value_parser = clap::value_parser!(u8).range(0..24))]
    rollover_hour: Option<u8>,
    /// FSRS: fit the weights to your answers, and take them if they foretell the latest ones better
    #[cfg(feature = "optimizer")]
    #[arg(long, exclusive = true)]
    fit: bool,
    /// Change nothing: tell how many cards would move, and by how much
    #[arg(long)]
    preview: bool,
}

#[derive(Debug, Clone)]
struct WeightsWord(Option<Weights>);

pub(crate) fn run(mut desk: Desk<'_>, store: &OpenVault, args: OptionsArgs) -> Outcome {
    let mut vault = store.lock()?;
    #[cfg(feature = "optimizer")]
    if args.fit {
        let fitted = vault.fit_weights()?;
        drop(vault);
        return desk.show(&fitted, |screen| told_fit(screen, &fitted));
    }
    let deck = args
        .deck
        .as_deref()
        .map(|deck| vault.deck_find(deck))
        .transpose()?;
    let change = change(&vault, deck, &args)?;
    if args.preview {
        if change.scheduler.is_none() && change.weights.is_none() && !change.inherit {
            return Err(Failure::usage("nothing that moves cards was named")
                .hint("name what to try, for example: --scheduler fsrs --preview"));
        }
        let preview = vault.preview_options(deck, &change)?;
        drop(vault);
        return desk.show(&preview, |screen| told(screen, &preview));
    }
    vault.set_options(deck, &change)?;
    let options = vault.options(deck)?;
    drop(vault);
    desk.show(&options, |screen| shown(screen, &options))
}

fn change(
    vault: &Vault,
    deck: Option<domain::DeckId>,
    args: &OptionsArgs,
) -> Outcome<OptionsChange> {
    Ok(OptionsChange {
        scheduler: scheduler(vault.scheduler(deck), args)?,
        inherit: args.scheduler == Some(SchedulerWord::Default),
        weights: args.weights.as_ref().map(|word| word.0),
        rollover_hour: args.rollover_hour,
        new_per_day: args.new_per_day,
        reviews_per_day: args.reviews_per_day,
        leech_lapses: args.leech_lapses,
        leech_suspends: args.leech_action.map(|word| word == LeechWord::Suspend),
    })
}

/// The scheduler asked for: the present one with what was typed put in; none when nothing of it was typed.
fn scheduler(present: Scheduler, args: &OptionsArgs) -> Outcome<Option<Scheduler>> {
    let of_leitner = args.preset.is_some()
        || args.boxes.is_some()
        || args.lapse.is_some()
        || args.last.is_some();
    let of_fsrs = args.retention.is_some() || args.fuzz.is_some();
    if args.scheduler == Some(SchedulerWord::Default) && (of_leitner || of_fsrs) {
        return Err(Failure::usage("options of a scheduler need a scheduler")
            .hint("name it: --scheduler leitner or --scheduler fsrs"));
    }
    if matches!(args.scheduler, None | Some(SchedulerWord::Default)) && !of_leitner && !of_fsrs {
        return Ok(None);
    }
    let base = match (args.scheduler, present) {
        (Some(SchedulerWord::Leitner), Scheduler::Leitner(_))
        | (Some(SchedulerWord::Fsrs), Scheduler::Fsrs(_))
        | (None | Some(SchedulerWord::Default), _) => present,
        (Some(SchedulerWord::Leitner), _) => Scheduler::Leitner(Leitner::default()),
        (Some(SchedulerWord::Sm2), _) => Scheduler::Sm2,
        (Some(SchedulerWord::Fsrs), _) => Scheduler::Fsrs(Fsrs::default()),
    };
    let other = |what: &str, needed: &str| {
        Failure::usage(format!(
            "{what} is an option of {needed}, and the scheduler is {}",
            base.name()
        ))
        .hint(format!("add --scheduler {needed}"))
    };
    Ok(Some(match base {
        Scheduler::Leitner(_) if of_fsrs => return Err(other("--retention or --fuzz", "fsrs")),
        Scheduler::Sm2 if of_fsrs => return Err(other("--retention or --fuzz", "fsrs")),
        Scheduler::Fsrs(_) | Scheduler::Sm2 if of_leitner => {
            return Err(other("--preset, --boxes, --lapse or --last", "leitner"));
        }
        Scheduler::Leitner(leitner) => Scheduler::Leitner(boxes(leitner, args)),
        Scheduler::Sm2 => Scheduler::Sm2,
        Scheduler::Fsrs(fsrs) => Scheduler::Fsrs(Fsrs {
            retention_permille: args.retention.unwrap_or(fsrs.retention_permille),
            fuzz: args.fuzz.map_or(fsrs.fuzz, |fuzz| fuzz == Switch::On),
        }),
    }))
}

fn boxes(leitner: Leitner, args: &OptionsArgs) -> Leitner {
    let preset = args.preset.map(|word| match word {
        PresetWord::Doubling => Preset::Doubling,
        PresetWord::Weekly => Preset::Weekly,
        PresetWord::Classic => Preset::Classic,
    });
    let typed = args
        .boxes
        .as_ref()
        .and_then(|days| <[u16; 5]>::try_from(days.as_slice()).ok());
    Leitner {
        table: typed.or(preset.map(Preset::table)).unwrap_or(leitner.table),
        lapse: args.lapse.map_or(leitner.lapse, |word| match word {
            LapseWord::First => Lapse::First,
            LapseWord::BackOne => Lapse::BackOne,
        }),
        last: args.last.map_or(leitner.last, |word| match word {
            LastWord::Repeat => Last::Repeat,
            LastWord::Retire => Last::Retire,
        }),
    }
}

fn retention(typed: &str) -> Result<u16, String> {
    let range = domain::limit::RETENTION_PERMILLE;
    let permille = typed.parse::<f64>().ok().map(|share| share * 1_000.0);
    // Checked to be a small positive number before it is made whole.
    let permille = permille
        .filter(|permille| (1.0..=1_000.0).contains(permille))
        .map(|permille| permille.round() as u16);
    permille
        .filter(|permille| range.contains(permille))
        .ok_or_else(|| "type a share from 0.70 to 0.99, for example 0.9".to_owned())
}

fn weights(typed: &str) -> Result<WeightsWord, String> {
    if typed == "average" {
        return Ok(WeightsWord(None));
    }
    let figures: Result<Vec<f64>, _> = typed.split(',').map(|word| word.trim().parse()).collect();
    figures
        .ok()
        .and_then(|figures| Weights::new(&figures))
        .map(|weights| WeightsWord(Some(weights)))
        .ok_or_else(|| "type the 21 weights of FSRS-6, by commas, or `average`".to_owned())
}

fn shown(screen: &mut Screen, options: &DeckOptions) {
    let name = options.deck_name.as_ref().map_or_else(
        || "all decks without their own".to_owned(),
        |name| clean(name),
    );
    let mut rows = vec![("Options of", name)];
    rows.extend(scheduler_rows(options));
    rows.push(("New cards a day", options.new_per_day.to_string()));
    rows.push(("Reviews a day", options.reviews_per_day.to_string()));
    if options.deck.is_some() {
        let action = if options.leech_suspends {
            "tagged and taken out of study"
        } else {
            "tagged"
        };
        rows.push((
            "Leeches",
            match options.leech_lapses {
                0 => "are not looked for".to_owned(),
                lapses => format!(
                    "from {} on, {action}",
                    count(u64::from(lapses), "lapse", "lapses")
                ),
            },
        ));
    }
    rows.push((
        "A day begins at",
        format!("{:02}:00", options.rollover_hour),
    ));
    pairs(&rows).iter().for_each(|line| screen.line(line));
}

fn scheduler_rows(options: &DeckOptions) -> Vec<(&'static str, String)> {
    let whose = if options.own_scheduler || options.deck.is_none() {
        ""
    } else {
        ", as all decks without their own"
    };
    match &options.scheduler {
        SchedulerShown::Leitner {
            boxes_days,
            lapse,
            last,
        } => {
            let days = boxes_days.map(|days| days.to_string()).join(", ");
            vec![
                ("Scheduler", format!("Leitner{whose}")),
                ("Boxes", format!("{days} days")),
                (
                    "A wrong answer",
                    match lapse {
                        Lapse::First => "sends a card to the first box",
                        Lapse::BackOne => "sends a card one box back",
                    }
                    .to_owned(),
                ),
                (
                    "The last box",
                    match last {
                        Last::Repeat => "comes again",
                        Last::Retire => "is left for good by a right answer",
                    }
                    .to_owned(),
                ),
            ]
        }
        SchedulerShown::Sm2 => vec![("Scheduler", format!("SM-2{whose}"))],
        SchedulerShown::Fsrs {
            retention_permille,
            fuzz,
            weights_fitted,
            ..
        } => vec![
            ("Scheduler", format!("FSRS-6{whose}")),
            (
                "Retention",
                format!("{} %", f64::from(*retention_permille) / 10.0),
            ),
            ("Fuzz", if *fuzz { "on" } else { "off" }.to_owned()),
            (
                "Weights",
                if *weights_fitted {
                    "fitted to your answers"
                } else {
                    "of the average person"
                }
                .to_owned(),
            ),
        ],
    }
}

#[cfg(feature = "optimizer")]
fn told_fit(screen: &mut Screen, fitted: &client::Fitted) {
    screen.line(format!(
        "Fitted to {}. Log loss over the latest fifth of them: {:.4} with the present weights, {:.4} with the fitted ones.",
        count(fitted.answers, "answer", "answers"),
        fitted.loss_before,
        fitted.loss_after
    ));
    screen.line(if fitted.taken {
        "The fitted weights are better and were taken, for all decks with FSRS on all devices."
    } else {
        "The present weights are as good or better and stay."
    });
}

fn told(screen: &mut Screen, preview: &OptionsPreview) {
    screen.line(format!(
        "{} studied, {} would move at once: {} sooner, {} later.",
        count(preview.cards, "card", "cards"),
        preview.moved,
        preview.sooner,
        preview.later
    ));
    if preview.moved > 0 {
        screen.line(format!(
            "Half of them by {} or less, one by {}.",
            count(preview.moved_days_median, "day", "days"),
            preview.moved_days_most
        ));
    }
    screen.line(format!(
        "Due today: {} now, {} after.",
        preview.due_before, preview.due_after
    ));
    screen.line(format!(
        "Days until a card comes again when the next answer is good, the median: {} now, {} after.",
        preview.next_days_before, preview.next_days_after
    ));
    screen.note("Nothing was changed. Type it again without --preview to choose it; a change can be taken back at any time.");
}
