//! The events document: a segment of what one device recorded in one month. A single writer, events as root keys, so
//! nothing in it can conflict. What the events mean is `schedule`'s.

use automerge::{ROOT, ReadDoc, ScalarValue, transaction::Transactable};

use crate::document::Source;
use crate::document::node::{Fields, Node};
use crate::document::{DocKind, EditError, KIND, VERSION, begin};
use crate::event::Event;
use crate::id::{DeviceId, EventId};
use crate::limit;
use crate::time::Month;

const DEVICE: &str = "device";
const MONTH: &str = "month";
const OWN_KEYS: [&str; 4] = [KIND, VERSION, DEVICE, MONTH];

/// A segment of events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventsView {
    /// Who recorded them.
    pub device: Option<DeviceId>,
    /// When.
    pub month: Option<Month>,
    /// The events, by id.
    pub events: Vec<Event>,
    /// Entries that are no valid events.
    pub skipped: u32,
}

/// Begins a segment in an empty document.
pub fn create<T: Transactable>(
    tx: &mut T,
    device: DeviceId,
    month: Month,
) -> Result<(), EditError> {
    begin(tx, DocKind::Events)?;
    tx.put(ROOT, DEVICE, device.to_string())?;
    tx.put(ROOT, MONTH, month.to_string())?;
    Ok(())
}

/// How many more events the segment takes.
pub fn room<D: Source>(doc: &D) -> usize {
    let held = doc.size(&ROOT).saturating_sub(OWN_KEYS.len());
    limit::SEGMENT_EVENTS_MAX.saturating_sub(held)
}

/// Appends events; those already there are left as they are.
pub fn append<T: Transactable>(tx: &mut T, events: &[Event]) -> Result<(), EditError> {
    let mut room = room(tx);
    for event in events {
        event.check()?;
        let key = key(event.id);
        if tx.get(ROOT, key.as_str())?.is_some() {
            continue;
        }
        room = room.checked_sub(1).ok_or(EditError::SegmentFull)?;
        tx.put(ROOT, key, ScalarValue::Bytes(event.pack()))?;
    }
    Ok(())
}

/// Reads a segment.
pub fn read<D: Source>(doc: &D) -> EventsView {
    let fields = Fields::read(doc, &[ROOT]);
    let mut view = EventsView {
        device: fields.str(DEVICE).and_then(|text| text.parse().ok()),
        month: fields.str(MONTH).and_then(|text| text.parse().ok()),
        events: Vec::new(),
        skipped: 0,
    };
    for (key, nodes) in fields.entries().filter(|(key, _)| !OWN_KEYS.contains(key)) {
        match nodes.first().and_then(|node| parse(key, node)) {
            Some(event) => view.events.push(event),
            None => view.skipped = view.skipped.saturating_add(1),
        }
    }
    view
}

/// Reads one event of a segment.
pub fn read_one<D: ReadDoc>(doc: &D, id: EventId) -> Option<Event> {
    let (value, _) = doc.get(ROOT, key(id)).ok().flatten()?;
    Event::unpack(id, value.as_bytes()?).ok()
}

fn parse(key: &str, node: &Node) -> Option<Event> {
    let id = parse_key(key)?;
    match node {
        Node::Scalar(ScalarValue::Bytes(packed)) => Event::unpack(id, packed).ok(),
        _ => None,
    }
}

pub(crate) fn parse_key(key: &str) -> Option<EventId> {
    // One spelling per id, or one event could stand under two keys.
    key.parse().ok().filter(|id| self::key(*id) == key)
}

fn key(id: EventId) -> String {
    id.to_string().replace('-', "")
}
