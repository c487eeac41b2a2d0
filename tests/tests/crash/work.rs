//! What the two devices do in a round, and who is killed when.

use std::collections::BTreeMap;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use tests::{Device, Output, noise_png, png, text};

use crate::dice::Dice;

use super::model::{Model, SIDES};

const GRADES: [&str; 4] = ["again", "hard", "good", "easy"];

/// Who is killed in a round. `part` of 1 000 is how far into its usual time the kill comes; a little beyond it as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Victim {
    /// The server, so far into the devices' work.
    Server { part: u32 },
    /// The first device's or the second's command of that number.
    Command {
        device: usize,
        command: usize,
        part: u32,
    },
}

impl Victim {
    pub fn roll(dice: &mut Dice) -> Self {
        let part = u32::try_from(dice.below(1_100)).expect("a part fits");
        if dice.below(3) == 0 {
            return Self::Server { part };
        }
        Self::Command {
            device: usize::try_from(dice.below(2)).expect("0 or 1"),
            command: usize::try_from(dice.below(COMMANDS)).expect("0 to 3"),
            part,
        }
    }

    /// Which command of that device is killed, and when.
    pub fn of_device(self, at: usize) -> Option<(usize, u32)> {
        match self {
            Self::Command {
                device,
                command,
                part,
            } if device == at => Some((command, part)),
            _ => None,
        }
    }
}

/// How long each kind of command usually takes here, so that kills hit all its parts on any machine.
#[derive(Debug, Default, Clone)]
pub struct Pace(BTreeMap<&'static str, Duration>);

impl Pace {
    /// The moment a kill comes.
    pub fn moment(&self, what: &'static str, part: u32) -> Duration {
        self.0.get(what).copied().unwrap_or(FIRST_GUESS) * part / 1_000
    }

    /// Takes one more measurement into account.
    pub fn learn(&mut self, what: &'static str, took: Duration) {
        let usual = self.0.entry(what).or_insert(took);
        *usual = (*usual * 3 + took) / 4;
    }
}

/// Before anything was measured.
const FIRST_GUESS: Duration = Duration::from_millis(60);

/// Rows of an import: a commit of more than one batch.
const IMPORT_ROWS: u64 = 120;

/// Commands of a device in a round.
const COMMANDS: u64 = 4;

/// One command of a plan.
#[derive(Debug, Clone)]
pub enum Deed {
    Add {
        front: String,
        back: String,
        media: Option<u64>,
    },
    Edit {
        card: String,
        side: usize,
        text: String,
    },
    Tag {
        card: String,
        tag: String,
    },
    Review {
        card: String,
        grade: &'static str,
    },
    Remove {
        card: String,
    },
    /// So many rows that their commit takes several batches of the store.
    Import {
        fronts: Vec<String>,
    },
    Sync,
}

impl Deed {
    /// What the pace calls it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Add { media: Some(_), .. } => "add with a picture",
            Self::Add { media: None, .. } => "add",
            Self::Edit { .. } | Self::Tag { .. } => "edit",
            Self::Review { .. } => "review",
            Self::Remove { .. } => "remove",
            Self::Import { .. } => "import",
            Self::Sync => "sync",
        }
    }
}

/// A command that ran: its end decides whether it is acknowledged.
#[derive(Debug)]
pub struct Step {
    pub deed: Deed,
    pub code: i32,
    /// How long it ran.
    pub took: Duration,
    /// The id that `add` printed.
    pub made: Option<String>,
}

/// Four commands for a device. Device 0 edits fronts and device 1 backs, so that "the last acknowledged edit" is one thing; only the owner of the round removes a card, and
/// nobody else touches that one.
pub fn plan(dice: &mut Dice, model: &Model, device: usize, round: u64) -> Vec<Deed> {
    let doomed = model.doomed(round);
    let cards = model.living_except(doomed.as_deref());
    let owner = u64::try_from(device) == Ok(round % 2);
    (0..COMMANDS)
        .map(|n| {
            let name = format!("{round}.{device}.{n}");
            let card = dice.pick(&cards);
            match dice.below(12) {
                0..=2 => {
                    let media = (dice.below(2) == 0).then(|| dice.roll());
                    Deed::Add {
                        front: format!("front {name}"),
                        back: format!("back {name}"),
                        media,
                    }
                }
                3..=4 => Deed::Edit {
                    card,
                    side: device,
                    text: format!("{} {name}", SIDES[device]),
                },
                5 => Deed::Tag {
                    card,
                    tag: format!("tag-{name}"),
                },
                6..=7 => Deed::Review {
                    card,
                    grade: dice.pick(&GRADES),
                },
                8 if n + 1 == COMMANDS && owner => match &doomed {
                    Some(card) => Deed::Remove { card: card.clone() },
                    None => Deed::Sync,
                },
                9 if dice.below(2) == 0 => Deed::Import {
                    fronts: (0..IMPORT_ROWS)
                        .map(|row| format!("import {name}.{row}"))
                        .collect(),
                },
                _ => Deed::Sync,
            }
        })
        .collect()
}

/// Runs a plan on a device, killing one of its commands when told.
pub fn run(
    device: &Device,
    deck: &str,
    plan: Vec<Deed>,
    kill: Option<(usize, u32)>,
    pace: &Pace,
) -> Vec<Step> {
    plan.into_iter()
        .enumerate()
        .map(|(at, deed)| {
            let arguments = arguments(device, deck, &deed);
            let start = Instant::now();
            let running = device.start(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
            let part = kill
                .filter(|(command, _)| *command == at)
                .map(|(_, part)| part);
            let output = match part {
                Some(part) => running.finish_or_kill_after(pace.moment(deed.kind(), part)),
                None => running.finish(),
            };
            let took = start.elapsed();
            check_end(&deed, &output, part.is_some());
            let added = output.code == 0 && matches!(deed, Deed::Add { .. });
            let made = added.then(|| text(&output.json(), "card").to_owned());
            Step {
                deed,
                code: output.code,
                took,
                made,
            }
        })
        .collect()
}

/// The picture of a card: one in six is large enough to be cut in the middle.
pub fn picture(seed: u64) -> Vec<u8> {
    if seed.is_multiple_of(6) {
        noise_png(seed, 1_000, 1_500)
    } else {
        png(seed)
    }
}

/// Waits until `limit` has passed or `threads` messages came: all the work is done.
pub fn wait(limit: Duration, threads: usize, done: &Receiver<()>) {
    let start = Instant::now();
    for _ in 0..threads {
        if done
            .recv_timeout(limit.saturating_sub(start.elapsed()))
            .is_err()
        {
            return;
        }
    }
}

fn check_end(deed: &Deed, output: &Output, killed: bool) {
    let allowed: &[i32] = match deed {
        // 7: the server was killed under it.
        Deed::Sync => &[0, 7],
        _ => &[0],
    };
    let by_our_hand = killed && output.code == -9;
    assert!(
        by_our_hand || allowed.contains(&output.code),
        "{deed:?} ended badly: {output:?}"
    );
    assert!(!output.stderr.contains("panicked"), "{output:?}");
}

fn arguments(device: &Device, deck: &str, deed: &Deed) -> Vec<String> {
    let owned = |words: &[&str]| {
        words
            .iter()
            .map(|word| (*word).to_owned())
            .collect::<Vec<_>>()
    };
    match deed {
        Deed::Add { front, back, media } => {
            let mut words = owned(&["add", "--deck", deck, "--front", front, "--back", back]);
            if let Some(seed) = media {
                let file = device.file(&format!("{seed}.png"), &picture(*seed));
                words.extend(owned(&[
                    "--front-image",
                    &file.to_string_lossy(),
                    // The model knows the picture by its bytes, and a large one would become a smaller copy.
                    "--keep-original",
                    "--alt",
                    "noise",
                ]));
            }
            words
        }
        Deed::Edit { card, side, text } => {
            owned(&["card", "edit", card, ["--front", "--back"][*side], text])
        }
        Deed::Tag { card, tag } => owned(&["card", "edit", card, "--tag", tag]),
        Deed::Review { card, grade } => owned(&["review", card, grade]),
        Deed::Remove { card } => owned(&["card", "remove", card, "--yes"]),
        Deed::Import { fronts } => {
            let rows: String = fronts
                .iter()
                .map(|front| format!("{front}\tback\n"))
                .collect();
            let file = device.file("import.tsv", rows.as_bytes());
            owned(&["import", &file.to_string_lossy(), "--deck", deck])
        }
        Deed::Sync => owned(&["sync"]),
    }
}
