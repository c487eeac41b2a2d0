//! The row of the settings: tags, devices, scheduler epochs and daily figures, read at every open and kept in memory.

use std::collections::BTreeMap;

use domain::document::settings::{self, SettingsView, TagView};
use domain::note::{NoteType, NoteTypes};
use domain::schedule::{Rules, Weights};
use domain::{DEFAULT_ROLLOVER_HOUR, DeviceId, Epoch, TagId};
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
    /// As the settings document has them.
    epochs: Vec<String>,
    #[n(3)]
    rollover_hour: Option<u8>,
    #[n(4)]
    new_per_day: Option<u32>,
    #[n(5)]
    reviews_per_day: Option<u32>,
    /// FSRS's weights, as the settings document has them.
    #[n(6)]
    weights: Option<String>,
    /// Note types, as the settings document has them.
    #[n(7)]
    note_types: Vec<String>,
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
            epochs: view.epochs.iter().map(settings::epoch_to_json).collect(),
            weights: view.weights.as_ref().map(settings::weights_to_json),
            note_types: view
                .note_types
                .iter()
                .map(settings::note_type_to_json)
                .collect(),
            rollover_hour: view.rollover_hour,
            new_per_day: view.new_per_day,
            reviews_per_day: view.reviews_per_day,
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
            weights: self.weights(),
            rollover_hour: self.rollover_hour,
            new_per_day: self.new_per_day,
            reviews_per_day: self.reviews_per_day,
            note_types: self.own_note_types(),
            skipped: 0,
        }
    }

    /// Scheduler settings, in the order chosen.
    fn epochs(&self) -> Vec<Epoch> {
        self.epochs
            .iter()
            .filter_map(|stored| settings::epoch_from_json(stored))
            .collect()
    }

    fn own_note_types(&self) -> Vec<NoteType> {
        self.note_types
            .iter()
            .filter_map(|stored| settings::note_type_from_json(stored))
            .collect()
    }

    /// The types of notes, the built-in ones too.
    pub(crate) fn note_types(&self) -> NoteTypes {
        NoteTypes::with(self.own_note_types())
    }

    /// Whether other settings make the same cards of notes.
    pub(crate) fn renders_alike(&self, other: &Self) -> bool {
        self.note_types == other.note_types
    }

    /// FSRS's weights, where they were fitted to this person.
    pub(crate) fn weights(&self) -> Option<Weights> {
        settings::weights_from_json(self.weights.as_ref()?)
    }

    /// Everything that decides where a card stands, its events aside.
    pub(crate) fn rules(&self) -> Rules {
        Rules {
            epochs: self.epochs(),
            weights: self.weights().unwrap_or_default(),
        }
    }

    /// Whether other settings fold events to the same states.
    pub(crate) fn folds_alike(&self, other: &Self) -> bool {
        (&self.epochs, &self.weights) == (&other.epochs, &other.weights)
    }

    /// Scheduler settings written out, each the same on every device.
    pub(crate) fn rules_in_words(&self) -> String {
        let weights = self.weights.as_deref().unwrap_or("average");
        format!("{} weights {weights}", self.epochs.join(" "))
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
