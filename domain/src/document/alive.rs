//! Deletion as an observed-remove. A thing is shown while any device's entry is left in its `alive` map: every edit raises
//! the editing device's entry, a deletion removes the entries it has seen. So an edit made without knowledge of the
//! deletion keeps the thing, and a deletion made after seeing the edit deletes it.

use automerge::{ObjId, ObjType, transaction::Transactable};

use crate::document::EditError;
use crate::document::Source;
use crate::document::node::{Fields, int};
use crate::id::DeviceId;

pub(crate) const ALIVE: &str = "alive";
/// A device's number when it makes a thing.
pub(crate) const FIRST: i64 = 1;

/// Whether anything keeps the thing alive whose fields these are.
pub(crate) fn is_alive<D: Source>(doc: &D, fields: &Fields) -> bool {
    fields.maps(ALIVE).iter().any(|map| doc.size(map) > 0)
}

/// Marks the thing in `maps` as wanted by this device; call it with every edit.
pub(crate) fn touch<T: Transactable>(
    tx: &mut T,
    maps: &[ObjId],
    device: DeviceId,
) -> Result<(), EditError> {
    let alive = Fields::read(tx, maps).maps(ALIVE);
    let key = device.to_string();
    // A new number each time: Automerge drops a put that changes nothing, and then a deletion would not see it.
    let last = Fields::read(tx, &alive)
        .nodes(&key)
        .iter()
        .filter_map(int)
        .max();
    let next = last.and_then(|n| n.checked_add(1)).unwrap_or(FIRST);
    let target = match alive.into_iter().next() {
        Some(map) => map,
        None => {
            let owner = maps.first().ok_or(EditError::Shape("map to keep alive"))?;
            tx.put_object(owner, ALIVE, ObjType::Map)?
        }
    };
    tx.put(target, key, next)?;
    Ok(())
}

/// Removes every entry seen here; entries that another device makes at the same time stay.
pub(crate) fn remove<T: Transactable>(tx: &mut T, maps: &[ObjId]) -> Result<(), EditError> {
    for map in Fields::read(tx, maps).maps(ALIVE) {
        let keys: Vec<String> = tx.keys(&map).collect();
        for key in keys {
            tx.delete(&map, key)?;
        }
    }
    Ok(())
}
