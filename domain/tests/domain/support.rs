//! Small builders the tests share.

use automerge::transaction::{CommitOptions, Transaction};
use automerge::{ActorId, Automerge, Change};
use domain::document::EditError;
use domain::document::cards::{self, NewCard};
use domain::{
    CardId, Day, DeckId, DeviceId, DocId, Event, EventId, Grade, Hlc, Item, Kind, OffsetMin, UnixMs,
};

pub fn device(n: u8) -> DeviceId {
    DeviceId::from_bytes([0xd0 | n; 16])
}

pub fn card(n: u8) -> CardId {
    CardId::from_bytes([n; 16])
}

pub fn deck(n: u8) -> DeckId {
    DeckId::from(DocId::from_bytes([
        0xde, n, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, n,
    ]))
}

pub fn event_id(n: u32) -> EventId {
    let mut bytes = [0xee; 16];
    bytes[..4].copy_from_slice(&n.to_be_bytes());
    EventId::from_bytes(bytes)
}

/// An answer to card 1 on a day; later `n` sort later.
pub fn event(n: u32, day: i32, kind: Kind, grade: Option<Grade>) -> Event {
    let at = i64::from(day) * 86_400_000 + i64::from(n);
    Event {
        id: event_id(n),
        card: card(1),
        device: device(1),
        hlc: Hlc::from_u64(u64::from(n) << 16),
        at: UnixMs(at),
        offset_min: OffsetMin(0),
        day: Day(day),
        grade,
        difficulty: None,
        response_ms: 1_000,
        kind,
        prev_box: 1,
        new_box: 1,
    }
}

pub fn new_card(n: u8, front: &str, back: &str) -> NewCard {
    NewCard {
        id: card(n),
        front: vec![Item::text(front)],
        back: vec![Item::text(back)],
        tags: Default::default(),
        created_at: UnixMs(1_700_000_000_000 + i64::from(n)),
        note: None,
    }
}

/// A page with card 1, of this front.
pub fn page_with(front: Vec<Item>) -> Automerge {
    let mut doc = document(0);
    edit(&mut doc, |tx| {
        cards::create(tx, deck(1))?;
        cards::add(
            tx,
            &NewCard {
                front,
                ..new_card(1, "", "answer")
            },
            device(0),
        )
    })
    .unwrap();
    doc
}

/// A document written by this device.
pub fn document(n: u8) -> Automerge {
    Automerge::new().with_actor(ActorId::from([0xa0 | n; 16]))
}

pub fn fork(doc: &Automerge, n: u8) -> Automerge {
    let mut fork = document(n);
    fork.apply_changes(doc.get_changes(&[])).unwrap();
    fork
}

pub fn edit<R>(
    doc: &mut Automerge,
    change: impl FnOnce(&mut Transaction<'_>) -> Result<R, EditError>,
) -> Result<R, EditError> {
    doc.transact_with(
        |_| CommitOptions::default().with_time(1_700_000_000),
        change,
    )
    .map(|done| done.result)
    .map_err(|failed| failed.error)
}

pub fn merge(into: &mut Automerge, from: &Automerge) {
    into.apply_changes(from.get_changes(&into.get_heads()))
        .unwrap();
}

pub fn changes(doc: &Automerge) -> Vec<Change> {
    doc.get_changes(&[])
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test reads its fixtures from disk"
)]
pub fn fixture(name: &str) -> String {
    let path = format!("{}/../fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}
