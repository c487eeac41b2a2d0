//! Edits of the settings. The document must have begun with [`super::genesis`].

use automerge::{ObjType, ROOT, transaction::Transactable};

use super::{
    COLOR, DEVICES, EPOCHS, FSRS_WEIGHTS, NAME, NEW_PER_DAY, NOTE_TYPE, REVIEWS_PER_DAY,
    ROLLOVER_HOUR, SettingsView, TAGS, epoch, note_type_to_json, weights,
};
use crate::document::node::{Fields, maps_of};
use crate::document::{EditError, check_name};
use crate::id::{DeviceId, TagId};
use crate::limit;
use crate::note::NoteType;
use crate::schedule::{Epoch, Weights};

/// Names a tag; the id follows from the name. The spelling of the first to name it stays.
pub fn put_tag<T: Transactable>(
    tx: &mut T,
    name: &str,
    color: Option<&str>,
) -> Result<TagId, EditError> {
    let name = name.trim();
    check_name(name)?;
    if let Some(color) = color {
        check_name(color)?;
    }
    let id = TagId::from_name(name);
    let tags = Fields::read(tx, &[ROOT]).maps(TAGS);
    let key = id.to_string();
    let held = maps_of(Fields::read(tx, &tags).nodes(&key));
    let fields = Fields::read(tx, &held);
    let map = match held.into_iter().next() {
        Some(map) => map,
        None => {
            let owner = tags
                .into_iter()
                .next()
                .ok_or(EditError::Shape("map of tags"))?;
            tx.put_object(owner, key, ObjType::Map)?
        }
    };
    if fields.str(NAME).is_none() {
        tx.put(&map, NAME, name)?;
    }
    if color.is_some() && fields.str(COLOR) != color {
        tx.put(&map, COLOR, color.unwrap_or_default())?;
    }
    Ok(id)
}

/// Forgets a tag. Cards that carry it keep its id and show it again when it is named again.
pub fn remove_tag<T: Transactable>(tx: &mut T, tag: TagId) -> Result<(), EditError> {
    let key = tag.to_string();
    let mut found = false;
    for tags in Fields::read(tx, &[ROOT]).maps(TAGS) {
        if tx.get(&tags, key.as_str())?.is_some() {
            tx.delete(&tags, key.as_str())?;
            found = true;
        }
    }
    if found {
        Ok(())
    } else {
        Err(EditError::TagMissing(tag))
    }
}

/// Names a device.
pub fn set_device_name<T: Transactable>(
    tx: &mut T,
    device: DeviceId,
    name: &str,
) -> Result<(), EditError> {
    check_name(name)?;
    let maps = Fields::read(tx, &[ROOT]).maps(DEVICES);
    let key = device.to_string();
    if Fields::read(tx, &maps).str(&key) == Some(name) {
        return Ok(());
    }
    let map = maps
        .into_iter()
        .next()
        .ok_or(EditError::Shape("map of devices"))?;
    tx.put(map, key, name)?;
    Ok(())
}

/// Adds scheduler settings. They are never changed afterwards, only followed by others.
pub fn add_epoch<T: Transactable>(tx: &mut T, epoch: &Epoch) -> Result<(), EditError> {
    if !epoch.is_valid() {
        return Err(EditError::Setting("scheduler setting"));
    }
    let maps = Fields::read(tx, &[ROOT]).maps(EPOCHS);
    let (key, json) = (epoch::key(epoch), epoch::to_json(epoch));
    if Fields::read(tx, &maps).texts(&key).contains(&json.as_str()) {
        return Ok(());
    }
    // Overwriting would rewrite the past: a second choice at the same time is the caller's clock standing still.
    if !Fields::read(tx, &maps).nodes(&key).is_empty() {
        return Err(EditError::Setting("time of the scheduler setting"));
    }
    let map = maps
        .into_iter()
        .next()
        .ok_or(EditError::Shape("map of epochs"))?;
    tx.put(map, key, json)?;
    Ok(())
}

/// Sets the hour at which a study day begins.
pub fn set_rollover_hour<T: Transactable>(tx: &mut T, hour: u8) -> Result<(), EditError> {
    if hour > 23 {
        return Err(EditError::Setting("rollover hour"));
    }
    put_figure(tx, ROLLOVER_HOUR, Some(u32::from(hour)))
}

/// Sets FSRS's weights for all decks; nothing for those of the average person.
pub fn set_weights<T: Transactable>(tx: &mut T, new: Option<&Weights>) -> Result<(), EditError> {
    let json = new.map(weights::to_json);
    if Fields::read(tx, &[ROOT]).str(FSRS_WEIGHTS) == json.as_deref() {
        return Ok(());
    }
    match json {
        Some(json) => tx.put(ROOT, FSRS_WEIGHTS, json)?,
        None => tx.delete(ROOT, FSRS_WEIGHTS)?,
    }
    Ok(())
}

/// Sets what a note type of this name is.
pub fn put_note_type<T: Transactable>(tx: &mut T, kind: &NoteType) -> Result<(), EditError> {
    check_name(&kind.name)?;
    let key = format!("{NOTE_TYPE}{}", kind.name);
    let json = note_type_to_json(kind);
    let root = Fields::read(tx, &[ROOT]);
    let held = root.keys().filter(|key| key.starts_with(NOTE_TYPE)).count();
    if kind.check().is_err()
        || key.len() > limit::KEY_BYTES_MAX
        || json.len() > limit::NOTE_TYPE_BYTES_MAX
    {
        return Err(EditError::Setting("note type"));
    }
    if root.texts(&key) == [json.as_str()] {
        return Ok(());
    }
    if root.nodes(&key).is_empty() && held >= limit::NOTE_TYPES_MAX {
        return Err(EditError::Setting("number of note types"));
    }
    tx.put(ROOT, key, json)?;
    Ok(())
}

/// Forgets a note type. Notes of it show their fields as they are until a type of that name is there again.
pub fn remove_note_type<T: Transactable>(tx: &mut T, name: &str) -> Result<(), EditError> {
    let key = format!("{NOTE_TYPE}{name}");
    if tx.get(ROOT, key.as_str())?.is_some() {
        tx.delete(ROOT, key)?;
    }
    Ok(())
}

/// Sets the daily figures of all decks without their own; nothing for the built-in ones.
pub fn set_daily_limits<T: Transactable>(
    tx: &mut T,
    new_per_day: Option<u32>,
    reviews_per_day: Option<u32>,
) -> Result<(), EditError> {
    put_figure(tx, NEW_PER_DAY, new_per_day)?;
    put_figure(tx, REVIEWS_PER_DAY, reviews_per_day)
}

/// Takes over what another vault's settings hold, when a device joins an account: tags, devices and epochs are added, and
/// figures where the account has none.
pub fn absorb<T: Transactable>(tx: &mut T, other: &SettingsView) -> Result<(), EditError> {
    let own = super::read(tx);
    for tag in other.tags.values() {
        let held = own
            .tags
            .get(&TagId::from_name(&tag.name))
            .and_then(|tag| tag.color.as_ref());
        let color = if held.is_some() {
            None
        } else {
            tag.color.as_deref()
        };
        put_tag(tx, &tag.name, color)?;
    }
    for (device, name) in &other.devices {
        if !own.devices.contains_key(device) {
            set_device_name(tx, *device, name)?;
        }
    }
    for epoch in &other.epochs {
        match add_epoch(tx, epoch) {
            // The account chose something at that very time; it holds.
            Ok(()) | Err(EditError::Setting(_)) => {}
            Err(error) => return Err(error),
        }
    }
    if own.rollover_hour.is_none() {
        put_figure(tx, ROLLOVER_HOUR, other.rollover_hour.map(u32::from))?;
    }
    if own.weights.is_none() {
        set_weights(tx, other.weights.as_ref())?;
    }
    for kind in &other.note_types {
        // Of two types of one name the account's holds; the other one is kept beside it.
        let held = own.note_types.iter().find(|held| held.name == kind.name);
        let name = match held {
            Some(held) if held == kind => continue,
            Some(_) => format!("{} (version 2)", kind.name),
            None => kind.name.clone(),
        };
        put_note_type(
            tx,
            &NoteType {
                name,
                ..kind.clone()
            },
        )?;
    }
    put_figure(tx, NEW_PER_DAY, own.new_per_day.or(other.new_per_day))?;
    put_figure(
        tx,
        REVIEWS_PER_DAY,
        own.reviews_per_day.or(other.reviews_per_day),
    )
}

fn put_figure<T: Transactable>(
    tx: &mut T,
    key: &str,
    figure: Option<u32>,
) -> Result<(), EditError> {
    let figure = figure.map(i64::from);
    if Fields::read(tx, &[ROOT]).int(key) == figure {
        return Ok(());
    }
    match figure {
        Some(figure) => tx.put(ROOT, key, figure)?,
        None => tx.delete(ROOT, key)?,
    }
    Ok(())
}
