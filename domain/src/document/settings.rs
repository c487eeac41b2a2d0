//! The settings document, one per vault: tags, scheduler epochs, devices, daily figures. Every device can make it without
//! asking the others: its id is derived from the vault's, and it begins with the same change, byte for byte, everywhere.

use std::collections::BTreeMap;

use automerge::ROOT;

use crate::document::Source;
use crate::document::node::{Fields, Node, distinct_texts, maps_of};
use crate::id::{DeviceId, TagId};
use crate::note::NoteType;
use crate::schedule::{Epoch, Weights};

mod edit;
mod epoch;
mod genesis;
mod weights;

pub use edit::{
    absorb, add_epoch, put_note_type, put_tag, remove_note_type, remove_tag, set_daily_limits,
    set_device_name, set_rollover_hour, set_weights,
};
pub use epoch::{from_json as epoch_from_json, to_json as epoch_to_json};
pub use genesis::genesis;
pub use weights::{from_json as weights_from_json, to_json as weights_to_json};

const TAGS: &str = "tags";
const EPOCHS: &str = "epochs";
const DEVICES: &str = "devices";
const ROLLOVER_HOUR: &str = "rollover_hour";
const NEW_PER_DAY: &str = "new_per_day";
const REVIEWS_PER_DAY: &str = "reviews_per_day";
const FSRS_WEIGHTS: &str = "fsrs_weights";
/// Before the name of a note type: one scalar at the root each.
const NOTE_TYPE: &str = "note_type:";
const NAME: &str = "name";
const COLOR: &str = "color";

/// A tag as the person sees it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TagView {
    /// Its name.
    pub name: String,
    /// Its colour, as `#rrggbb`.
    pub color: Option<String>,
}

/// The settings of a vault.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SettingsView {
    /// The tags.
    pub tags: BTreeMap<TagId, TagView>,
    /// The devices and what the person calls them.
    pub devices: BTreeMap<DeviceId, String>,
    /// Scheduler settings, in the order chosen.
    pub epochs: Vec<Epoch>,
    /// FSRS's weights, when fitted to this person.
    pub weights: Option<Weights>,
    /// Hour at which a study day begins, when not the default.
    pub rollover_hour: Option<u8>,
    /// New cards a day and deck, when not the default.
    pub new_per_day: Option<u32>,
    /// Reviews a day and deck, when not the default.
    pub reviews_per_day: Option<u32>,
    /// Note types, the built-in ones aside. Of one that two devices changed apart, the second version has another name.
    pub note_types: Vec<NoteType>,
    /// Entries that could not be read.
    pub skipped: u32,
}

/// Reads the settings.
pub fn read<D: Source>(doc: &D) -> SettingsView {
    let root = Fields::read(doc, &[ROOT]);
    let figure = |key| root.int(key).and_then(|number| u32::try_from(number).ok());
    let mut view = SettingsView {
        rollover_hour: root
            .int(ROLLOVER_HOUR)
            .and_then(|hour| u8::try_from(hour).ok())
            .filter(|hour| *hour < 24),
        weights: root.str(FSRS_WEIGHTS).and_then(weights::from_json),
        new_per_day: figure(NEW_PER_DAY),
        reviews_per_day: figure(REVIEWS_PER_DAY),
        ..SettingsView::default()
    };
    let mut skipped: usize = 0;
    for (key, nodes) in Fields::read(doc, &root.maps(TAGS)).entries() {
        match key.parse().ok().zip(read_tag(doc, nodes)) {
            Some((id, tag)) => {
                view.tags.insert(id, tag);
            }
            None => skipped += 1,
        }
    }
    for (key, nodes) in Fields::read(doc, &root.maps(DEVICES)).entries() {
        match key.parse().ok().zip(nodes.iter().find_map(Node::as_str)) {
            Some((id, name)) => {
                view.devices.insert(id, name.to_owned());
            }
            None => skipped += 1,
        }
    }
    for (_, nodes) in Fields::read(doc, &root.maps(EPOCHS)).entries() {
        // Two devices may have chosen at the same logical time: both count, none is overwritten.
        let (read, broken): (Vec<_>, Vec<_>) = distinct_texts(nodes)
            .into_iter()
            .map(epoch::from_json)
            .partition(Option::is_some);
        view.epochs.extend(read.into_iter().flatten());
        skipped += broken.len();
    }
    view.epochs.sort_unstable();
    for (key, nodes) in root.entries() {
        let Some(name) = key.strip_prefix(NOTE_TYPE) else {
            continue;
        };
        let versions = distinct_texts(nodes).into_iter().enumerate();
        for (number, kind) in versions.map(|(number, json)| (number, note_type_from_json(json))) {
            match kind {
                Some(kind) if number == 0 => view.note_types.push(NoteType {
                    name: name.to_owned(),
                    ..kind
                }),
                Some(kind) => view.note_types.push(NoteType {
                    name: format!("{name} (version {})", number + 1),
                    ..kind
                }),
                None => skipped += 1,
            }
        }
    }
    view.skipped = u32::try_from(skipped).unwrap_or(u32::MAX);
    view
}

/// A note type as it is stored.
pub fn note_type_to_json(kind: &NoteType) -> String {
    serde_json::to_string(kind).unwrap_or_default()
}

/// The note type that is stored so; none when it cannot be used.
pub fn note_type_from_json(json: &str) -> Option<NoteType> {
    let kind: NoteType = serde_json::from_str(json).ok()?;
    kind.check().is_ok().then_some(kind)
}

fn read_tag<D: Source>(doc: &D, nodes: &[Node]) -> Option<TagView> {
    let fields = Fields::read(doc, &maps_of(nodes));
    Some(TagView {
        name: fields.str(NAME)?.to_owned(),
        color: fields.str(COLOR).map(str::to_owned),
    })
}
