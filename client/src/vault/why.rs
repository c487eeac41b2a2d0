//! Why a card is due when it is due: its history told in plain words, day by day, with the rule that applied.

use std::collections::{BTreeMap, BTreeSet};

use domain::schedule::{self, Rules, Scheduler};
use domain::{CardId, CardState, Day, DeckId, Event, EventId, Kind};

use super::view::{DayTold, EventTold, Why};
use super::{Vault, VaultResult};
use crate::index::read_events;

impl Vault {
    /// Tells a card's history and how it made the present box and due day.
    ///
    /// # Errors
    /// There is no such card.
    pub fn why(&self, id: CardId) -> VaultResult<Why> {
        let card = self.card(id)?;
        let events = read_events(&self.store, id)?;
        let rules = self.settings.rules();
        let days = days(&events, &rules, card.deck);
        let undone = undone(&events);
        let mut ordered: Vec<&Event> = events.iter().collect();
        ordered.sort_unstable_by_key(|event| event.order());
        let told: Vec<EventTold> = ordered
            .iter()
            .map(|event| EventTold {
                id: event.id,
                at_ms: event.at.0,
                day: event.day.to_string(),
                device: self.settings.device_name(event.device),
                kind: event.kind.name().to_owned(),
                grade: event.grade.map(|grade| grade_name(grade).to_owned()),
                undone: undone.contains(&event.id),
            })
            .collect();
        let ignored = schedule::fold(&events, &rules, card.deck).ignored;
        let latest = rules.latest_scheduler(card.deck);
        let mut lines: Vec<String> = Vec::new();
        if days.is_empty() {
            lines.push(
                "It was never studied: new cards are in box 1 and can be asked at once.".to_owned(),
            );
        }
        for day in &days {
            lines.extend(
                told.iter()
                    .filter(|event| event.day == day.day)
                    .map(sentence),
            );
            let due = day.due_day.as_ref().map_or_else(
                || "it is not asked again".to_owned(),
                |due| format!("due {due}"),
            );
            lines.push(format!(
                "{}: {}. {}, {due}.",
                day.day, day.because, day.figures
            ));
        }
        if ignored > 0 {
            lines.push(format!(
                "{ignored} events could not be understood and were left out."
            ));
        }
        lines.push(match (&card.due_day, card.suspended) {
            (_, true) => "It is suspended and not asked until that is taken back.".to_owned(),
            (Some(due), false) if card.due_by_hand => {
                format!("So it is due on {due}, the day set by hand.")
            }
            (Some(due), false) => match latest {
                Scheduler::Leitner(_) => {
                    format!("So it is in box {} and due on {due}.", card.box_number)
                }
                Scheduler::Sm2 => format!("So it is due on {due}, by SM-2."),
                Scheduler::Fsrs(fsrs) => format!(
                    "So it is due on {due}: by FSRS the chance to know it has fallen to {} % then.",
                    f64::from(fsrs.retention_permille) / 10.0
                ),
            },
            (None, false) if card.retired => {
                "So it has left the last box and is not asked again.".to_owned()
            }
            (None, false) => format!("So it is in box {} and can be asked now.", card.box_number),
        });
        Ok(Why {
            card,
            days,
            events: told,
            ignored,
            lines,
        })
    }
}

/// The name of a grade.
pub(crate) fn grade_name(grade: domain::Grade) -> &'static str {
    match grade {
        domain::Grade::Again => "again",
        domain::Grade::Hard => "hard",
        domain::Grade::Good => "good",
        domain::Grade::Easy => "easy",
    }
}

fn sentence(event: &EventTold) -> String {
    let what = match (&event.grade, event.kind.as_str()) {
        (Some(grade), "review") => format!("answered {grade}"),
        (Some(grade), kind) => format!("answered {grade} ({kind})"),
        (None, "void") => "took an answer back".to_owned(),
        (None, "reset") => "started the card anew".to_owned(),
        (None, "manual") => "set box and due day by hand".to_owned(),
        (None, "bury") => "put the card off for the day".to_owned(),
        (None, kind) => kind.to_owned(),
    };
    let undone = if event.undone { ", taken back" } else { "" };
    format!("{}: {} {what}{undone}.", event.day, event.device)
}

fn undone(events: &BTreeSet<Event>) -> BTreeSet<EventId> {
    events
        .iter()
        .filter_map(|event| match event.kind {
            Kind::Void { target } => Some(target),
            _ => None,
        })
        .collect()
}

/// Every study day with what it made of the card: the fold of all days up to it against the fold of all days before.
fn days(events: &BTreeSet<Event>, rules: &Rules, deck: DeckId) -> Vec<DayTold> {
    let undone = undone(events);
    let mut by_day: BTreeMap<Day, Vec<&Event>> = BTreeMap::new();
    for event in events
        .iter()
        .filter(|event| !matches!(event.kind, Kind::Void { .. }))
    {
        by_day.entry(event.day).or_default().push(event);
    }
    let mut before = CardState::default();
    let mut told = Vec::new();
    for (day, of_day) in by_day {
        // An undo belongs to the answer it takes back, whenever it was made.
        let so_far = events
            .iter()
            .filter(|event| event.day <= day || matches!(event.kind, Kind::Void { .. }));
        // As it stood then: what was chosen later moved nothing yet.
        let mut then = rules.clone();
        then.epochs.retain(|epoch| epoch.day_from <= day);
        let after = schedule::fold(so_far, &then, deck);
        let scheduler = then.scheduler(deck, day);
        told.push(DayTold {
            day: day.to_string(),
            box_before: before.box_number,
            box_after: after.box_number,
            due_day: after.due.as_ref().map(Day::to_string),
            because: because(&of_day, &undone, &before, day),
            scheduler: scheduler.name().to_owned(),
            ease_factor: f64::from(after.ease_percent) / 100.0,
            interval_days: after.interval_days(),
            stability_days: after.memory.map(|memory| memory.stability),
            difficulty: after.memory.map(|memory| memory.difficulty),
            figures: figures(&scheduler, &before, &after),
        });
        before = after;
    }
    told
}

/// The figures by which the scheduler of the day moved the card.
fn figures(scheduler: &Scheduler, before: &CardState, after: &CardState) -> String {
    let ease = |state: &CardState| f64::from(state.ease_percent) / 100.0;
    match scheduler {
        Scheduler::Leitner(_) => format!("Box {} -> {}", before.box_number, after.box_number),
        Scheduler::Sm2 => format!(
            "SM-2: ease {:.2} -> {:.2}, interval {} days",
            ease(before),
            ease(after),
            after.interval_days().unwrap_or(0)
        ),
        Scheduler::Fsrs(_) => {
            let told = |state: &CardState| {
                state.memory.map_or_else(
                    || "none".to_owned(),
                    |memory| format!("{:.1} days", memory.stability),
                )
            };
            let difficulty = after.memory.map_or(0.0, |memory| memory.difficulty);
            format!(
                "FSRS: memory lasts {} -> {}, difficulty {difficulty:.1}",
                told(before),
                told(after)
            )
        }
    }
}

fn because(events: &[&Event], undone: &BTreeSet<EventId>, before: &CardState, day: Day) -> String {
    let left: Vec<&&Event> = events
        .iter()
        .filter(|event| !undone.contains(&event.id))
        .collect();
    if left.is_empty() {
        return "everything of that day was taken back".to_owned();
    }
    if left
        .iter()
        .any(|event| matches!(event.kind, Kind::Manual { .. } | Kind::Reset))
    {
        return "box and due day were set that day; answers before that do not count".to_owned();
    }
    let counted: Vec<bool> = left
        .iter()
        .filter(|event| event.kind.is_counted())
        .filter_map(|event| event.grade.map(domain::Grade::is_right))
        .collect();
    if counted.is_empty() {
        return "nothing that moves a card".to_owned();
    }
    if counted.contains(&false) {
        let all = if counted.contains(&true) {
            "one wrong answer makes the day wrong"
        } else {
            "wrong"
        };
        return format!("{all}, so it went back");
    }
    if before.is_due(day) {
        let all = if counted.len() > 1 {
            "right every time, which counts once"
        } else {
            "right"
        };
        return format!("{all}, so it moved on");
    }
    "right, but before it was due: counted in statistics, not moved".to_owned()
}
