//! The row of the settings: tags, devices, scheduler epochs and daily figures, read at every open and kept in memory.

use std::collections::BTreeMap;

use domain::document::settings::{SettingsView, TagView};
use domain::schedule::{Lapse, Last, Leitner, Scheduler};
use domain::{DEFAULT_ROLLOVER_HOUR, Day, DeckId, DeviceId, Epoch, Hlc, TagId};
use minicbor::{Decode, Encode};

use super::field::id16;

/// The settings as the index keeps them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct SettingsRow {
    #[n(0)]
    tags: Vec<TagRow>,
    #[n(1)]
    devices: Vec<DeviceRow>,
    #[n(2)]
    epochs: Vec<EpochRow>,
    #[n(3)]
    rollover_hour: Option<u8>,
    #[n(4)]
    new_per_day: Option<u32>,
    #[n(5)]
    reviews_per_day: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
struct TagRow {
    #[cbor(n(0), with = "id16")]
    id: TagId,
    #[n(1)]
    name: String,
    #[n(2)]
    color: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
struct DeviceRow {
    #[cbor(n(0), with = "id16")]
    id: DeviceId,
    #[n(1)]
    name: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
struct EpochRow {
    #[n(0)]
    hlc: u64,
    /// Zeros for the default of all decks.
    #[cbor(n(1), with = "id16")]
    deck: DeckId,
    #[n(2)]
    day_from: i32,
    #[n(3)]
    table: [u16; 5],
    #[n(4)]
    back_one: bool,
    #[n(5)]
    retire: bool,
    #[n(6)]
    rollover_hour: u8,
}

/// No deck has this id; it stands for all of them.
const ALL_DECKS: DeckId = DeckId::from_bytes([0; 16]);

impl From<&SettingsView> for SettingsRow {
    fn from(view: &SettingsView) -> Self {
        let tag = |(id, tag): (&TagId, &TagView)| TagRow {
            id: *id,
            name: tag.name.clone(),
            color: tag.color.clone(),
        };
        let device = |(id, name): (&DeviceId, &String)| DeviceRow {
            id: *id,
            name: name.clone(),
        };
        Self {
            tags: view.tags.iter().map(tag).collect(),
            devices: view.devices.iter().map(device).collect(),
            epochs: view.epochs.iter().map(EpochRow::from).collect(),
            rollover_hour: view.rollover_hour,
            new_per_day: view.new_per_day,
            reviews_per_day: view.reviews_per_day,
        }
    }
}

impl From<&Epoch> for EpochRow {
    fn from(epoch: &Epoch) -> Self {
        let Scheduler::Leitner(leitner) = epoch.scheduler;
        Self {
            hlc: epoch.hlc.to_u64(),
            deck: epoch.deck.unwrap_or(ALL_DECKS),
            day_from: epoch.day_from.0,
            table: leitner.table,
            back_one: leitner.lapse == Lapse::BackOne,
            retire: leitner.last == Last::Retire,
            rollover_hour: epoch.rollover_hour,
        }
    }
}

impl EpochRow {
    fn to_epoch(&self) -> Epoch {
        Epoch {
            hlc: Hlc::from_u64(self.hlc),
            deck: (self.deck != ALL_DECKS).then_some(self.deck),
            day_from: Day(self.day_from),
            scheduler: Scheduler::Leitner(Leitner {
                table: self.table,
                lapse: if self.back_one {
                    Lapse::BackOne
                } else {
                    Lapse::First
                },
                last: if self.retire {
                    Last::Retire
                } else {
                    Last::Repeat
                },
            }),
            rollover_hour: self.rollover_hour,
        }
    }
}

impl SettingsRow {
    /// The settings as the documents' reader gives them.
    pub(crate) fn view(&self) -> SettingsView {
        let tag = |tag: &TagRow| {
            (
                tag.id,
                TagView {
                    name: tag.name.clone(),
                    color: tag.color.clone(),
                },
            )
        };
        SettingsView {
            tags: self.tags.iter().map(tag).collect::<BTreeMap<_, _>>(),
            devices: self
                .devices
                .iter()
                .map(|device| (device.id, device.name.clone()))
                .collect(),
            epochs: self.epochs(),
            rollover_hour: self.rollover_hour,
            new_per_day: self.new_per_day,
            reviews_per_day: self.reviews_per_day,
            skipped: 0,
        }
    }

    /// Scheduler settings, in the order chosen.
    pub(crate) fn epochs(&self) -> Vec<Epoch> {
        self.epochs.iter().map(EpochRow::to_epoch).collect()
    }

    /// Scheduler settings written out, each the same on every device.
    pub(crate) fn epochs_in_words(&self) -> Vec<String> {
        let words = |row: &EpochRow| {
            let [a, b, c, d, e] = row.table;
            format!(
                "{} {} from {} boxes {a} {b} {c} {d} {e} back_one {} retire {} rollover {}",
                row.hlc, row.deck, row.day_from, row.back_one, row.retire, row.rollover_hour
            )
        };
        self.epochs.iter().map(words).collect()
    }

    /// A tag's name; of a tag whose settings have not arrived, its id.
    pub(crate) fn tag_name(&self, tag: TagId) -> String {
        let found = self
            .tags
            .binary_search_by_key(&tag, |row| row.id)
            .ok()
            .and_then(|at| self.tags.get(at));
        found.map_or_else(|| tag.to_string(), |row| row.name.clone())
    }

    /// Whether a tag is known.
    pub(crate) fn has_tag(&self, tag: TagId) -> bool {
        self.tags.binary_search_by_key(&tag, |row| row.id).is_ok()
    }

    /// A device's name; of an unknown device, the beginning of its id.
    pub(crate) fn device_name(&self, device: DeviceId) -> String {
        let found = self.devices.iter().find(|row| row.id == device);
        found.map_or_else(
            || {
                format!(
                    "device {}",
                    device.to_string().chars().take(8).collect::<String>()
                )
            },
            |row| row.name.clone(),
        )
    }

    /// Hour at which a study day begins.
    pub(crate) fn rollover_hour(&self) -> u8 {
        self.rollover_hour.unwrap_or(DEFAULT_ROLLOVER_HOUR)
    }

    /// Daily figures of decks without their own.
    pub(crate) fn daily_figures(&self) -> (u32, u32) {
        (
            self.new_per_day.unwrap_or(domain::limit::NEW_PER_DAY),
            self.reviews_per_day
                .unwrap_or(domain::limit::REVIEWS_PER_DAY),
        )
    }
}
