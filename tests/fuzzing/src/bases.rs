//! The documents that hostile changes are tried on, small and large, with the honest changes that mutations start from.
//! Always the same bytes: only fixed actors, ids and times.

use std::collections::BTreeSet;

use automerge::transaction::{CommitOptions, Transactable, Transaction};
use automerge::{ActorId, Automerge, Change, ObjType, ROOT, ScalarValue};
use domain::document::conflict::Side;
use domain::document::{EditError, cards, deck, events, settings};
use domain::{
    CardId, Day, DeckId, DeviceId, DocId, Event, EventId, Grade, Hlc, Item, Kind, Month, OffsetMin,
    TagId, UnixMs,
};

/// A document to try changes on.
#[derive(Debug, Clone)]
pub struct Base {
    /// For the report.
    pub name: &'static str,
    /// Whether it is near the bounds of a document.
    pub is_large: bool,
    /// What it consists of, in order.
    pub changes: Vec<Vec<u8>>,
    /// Honest changes that continue it, each made apart from the others.
    pub next: Vec<Vec<u8>>,
}

/// Small documents, one of each kind and one with everything Automerge has.
pub fn small() -> Vec<Base> {
    vec![
        base("settings", false, settings_document(), |tx| {
            settings::put_tag(tx, "verbs", Some("#00ff00")).map(drop)
        }),
        base("deck", false, deck_document(), |tx| {
            deck::rename(tx, "Rivers", device(3))
        }),
        base("page", false, page(6, 3), |tx| {
            cards::set_side_text(tx, card(1), Side::Back, "another answer", device(3))
        }),
        base("segment", false, segment(20, 5), |tx| {
            events::append(tx, &[event(9_999)])
        }),
        base("zoo", false, zoo(12), |tx| {
            tx.put(ROOT, "name", "changed")?;
            Ok(())
        }),
        base("plain-page", false, plain_page(6), |tx| {
            cards::set_side_text(tx, card(1), Side::Back, "another answer", device(3))
        }),
        nothing(),
    ]
}

/// Documents as large as the bounds let honest devices make them.
pub fn large() -> Vec<Base> {
    vec![
        base("full page", true, page(1_000, 400), |tx| {
            cards::set_side_text(tx, card(700), Side::Front, "another question", device(3))
        }),
        base("full segment", true, segment(3_990, 25), |tx| {
            events::append(tx, &[event(9_999)])
        }),
        base("large zoo", true, zoo(4_000), |tx| {
            tx.put(ROOT, "name", "changed")?;
            Ok(())
        }),
    ]
}

/// The id under which a base lies in a vault.
pub fn document_id(number: usize) -> DocId {
    let mut bytes = [0xba; 16];
    bytes[8..].copy_from_slice(&(number as u64).to_be_bytes());
    DocId::from_bytes(bytes)
}

fn base(
    name: &'static str,
    is_large: bool,
    doc: Automerge,
    last: impl Fn(&mut Transaction<'_>) -> Result<(), EditError>,
) -> Base {
    let heads = doc.get_heads();
    // The edit by a device that the document knows, and by one that is new to it.
    let next = [1, 0x77].map(|actor| {
        let mut apart = doc.clone();
        edit(&mut apart, actor, &last);
        raw(&apart.get_changes(&heads))
    });
    Base {
        name,
        is_large,
        changes: raw(&doc.get_changes(&[])),
        next: next.concat(),
    }
}

/// A document that nobody has yet, and the beginnings of all the others.
fn nothing() -> Base {
    let others = [
        settings_document(),
        deck_document(),
        plain_page(1),
        segment(5, 5),
    ];
    let firsts = others.map(|doc| raw(&doc.get_changes(&[])).into_iter().take(1));
    Base {
        name: "nothing",
        is_large: false,
        changes: Vec::new(),
        next: firsts.into_iter().flatten().collect(),
    }
}

fn settings_document() -> Automerge {
    let mut doc = Automerge::new();
    let genesis =
        Change::from_bytes(settings::genesis().to_vec()).expect("the genesis is a change");
    doc.apply_changes([genesis]).expect("the genesis applies");
    edit(&mut doc, 1, |tx| {
        settings::set_device_name(tx, device(1), "phone")?;
        settings::put_tag(tx, "nouns", Some("#ff0000"))?;
        settings::put_tag(tx, "later", None).map(drop)
    });
    edit(&mut doc, 2, |tx| {
        settings::set_rollover_hour(tx, 3)?;
        settings::set_daily_limits(tx, Some(10), None)
    });
    doc
}

fn deck_document() -> Automerge {
    let mut doc = Automerge::new();
    edit(&mut doc, 1, |tx| {
        deck::create(tx, "Capitals", at(1), device(1))
    });
    edit(&mut doc, 1, |tx| {
        deck::describe(tx, "of the world", device(1))
    });
    apart(
        &mut doc,
        |tx| deck::rename(tx, "Cities", device(1)),
        |tx| {
            deck::rename(tx, "Towns", device(2))?;
            deck::set_archived(tx, true, device(2))
        },
    );
    doc
}

/// A page of so many cards, and so many edits of it, some made apart.
fn page(count: u32, edits: u32) -> Automerge {
    let mut doc = Automerge::new();
    edit(&mut doc, 1, |tx| {
        cards::create(tx, DeckId::from(document_id(77)))
    });
    for first in (0..count).step_by(100) {
        edit(&mut doc, 1, |tx| {
            (first..count.min(first + 100))
                .try_for_each(|n| cards::add(tx, &new_card(n), device(1)))
        });
    }
    for n in 0..edits {
        let id = card(n * 7 % count);
        apart(
            &mut doc,
            |tx| {
                cards::set_side_text(
                    tx,
                    id,
                    Side::Front,
                    &format!("question {n} anew"),
                    device(1),
                )
            },
            |tx| {
                cards::set_side_text(tx, id, Side::Front, "the other words", device(2))?;
                cards::tag(tx, id, TagId::from_bytes([9; 16]), device(2))?;
                cards::set_flag(tx, id, 3, device(2))
            },
        );
    }
    doc
}

/// A page of so many cards, which two devices edited in turn: as most pages are that a new device meets.
fn plain_page(count: u32) -> Automerge {
    let mut doc = page(count, 0);
    for n in 0..count {
        let by = if n % 2 == 0 { 1 } else { 2 };
        edit(&mut doc, by, |tx| {
            cards::set_side_text(tx, card(n), Side::Front, "in other words", device(by))?;
            cards::set_flag(tx, card(n), 3, device(by))
        });
    }
    doc
}

/// A segment of so many events, written a few at a time.
fn segment(count: u32, at_once: u32) -> Automerge {
    let mut doc = Automerge::new();
    let month = Month::new(2026, 3).expect("a month");
    edit(&mut doc, 1, |tx| events::create(tx, device(1), month));
    for first in (0..count).step_by(at_once as usize) {
        let some: Vec<Event> = (first..count.min(first + at_once)).map(event).collect();
        edit(&mut doc, 1, |tx| events::append(tx, &some));
    }
    doc
}

/// Everything the gate lets through that our own documents do not have: lists, text, counters, tables, nesting.
fn zoo(elements: usize) -> Automerge {
    let mut doc = deck_document();
    edit(&mut doc, 1, |tx| {
        let list = tx.put_object(ROOT, "list", ObjType::List)?;
        let numbers = (0..elements).map(|n| ScalarValue::Int(n as i64));
        tx.splice(&list, 0, 0, numbers)?;
        let text = tx.put_object(ROOT, "text", ObjType::Text)?;
        tx.splice_text(&text, 0, 0, &"abcä".repeat(elements / 4))?;
        tx.put(ROOT, "count", ScalarValue::counter(5))?;
        tx.put_object(ROOT, "table", ObjType::Table)?;
        let inner = tx.put_object(ROOT, "row", ObjType::Map)?;
        tx.put(&inner, "bytes", vec![1u8, 2, 3])?;
        tx.put(&inner, "real", 0.5)?;
        tx.put(&inner, "when", ScalarValue::Timestamp(77))?;
        Ok(())
    });
    for _ in 0..2 {
        apart(
            &mut doc,
            |tx| {
                let (_, list) = automerge::ReadDoc::get(tx, ROOT, "list")?.expect("made above");
                tx.delete(&list, 0)?;
                tx.insert(&list, 1, "one")?;
                tx.put(&list, 2, true)?;
                let inner = tx.insert_object(&list, 1, ObjType::Map)?;
                tx.put(&inner, "deep", ScalarValue::Null)?;
                tx.increment(ROOT, "count", 2)?;
                Ok(())
            },
            |tx| {
                let (_, text) = automerge::ReadDoc::get(tx, ROOT, "text")?.expect("made above");
                tx.splice_text(&text, 1, 1, "in between")?;
                tx.increment(ROOT, "count", -1)?;
                tx.delete(ROOT, "table")?;
                tx.put(ROOT, "description", "again")?;
                Ok(())
            },
        );
        edit(&mut doc, 1, |tx| {
            tx.put_object(ROOT, "table", ObjType::Table)?;
            Ok(())
        });
    }
    doc
}

/// Two devices edit without knowing of each other.
fn apart(
    doc: &mut Automerge,
    one: impl FnOnce(&mut Transaction<'_>) -> Result<(), EditError>,
    other: impl FnOnce(&mut Transaction<'_>) -> Result<(), EditError>,
) {
    let heads = doc.get_heads();
    let mut fork = doc.clone();
    edit(doc, 1, one);
    edit(&mut fork, 2, other);
    doc.apply_changes(fork.get_changes(&heads))
        .expect("honest changes apply");
}

fn edit(
    doc: &mut Automerge,
    actor: u8,
    change: impl FnOnce(&mut Transaction<'_>) -> Result<(), EditError>,
) {
    doc.set_actor(ActorId::from([actor; 16]));
    let time = |_: &()| CommitOptions::default().with_time(1_700_000_000);
    if let Err(failed) = doc.transact_with(time, change) {
        panic!("an honest edit failed: {:?}", failed.error);
    }
}

fn raw(changes: &[Change]) -> Vec<Vec<u8>> {
    changes
        .iter()
        .map(|change| change.raw_bytes().to_vec())
        .collect()
}

fn device(n: u8) -> DeviceId {
    DeviceId::from_bytes([0xd0 | n; 16])
}

fn card(n: u32) -> CardId {
    CardId::from_bytes(numbered(0xca, n))
}

fn at(n: u32) -> UnixMs {
    UnixMs(1_700_000_000_000 + i64::from(n) * 60_000)
}

fn new_card(n: u32) -> cards::NewCard {
    cards::NewCard {
        id: card(n),
        front: vec![Item::text(format!(
            "question {n}: which of these is it, and why?"
        ))],
        back: vec![
            Item::text(format!("answer {n}")),
            Item::text("with more words than are needed, as people write them"),
        ],
        tags: BTreeSet::from([TagId::from_bytes([8; 16])]),
        created_at: at(n),
        note: None,
    }
}

fn event(n: u32) -> Event {
    let day = 20_513 + (n / 200).cast_signed();
    Event {
        id: EventId::from_bytes(numbered(0xee, n)),
        card: card(n % 300),
        device: device(1),
        hlc: Hlc::from_u64(u64::from(n) << 16),
        at: UnixMs(i64::from(day) * 86_400_000 + i64::from(n)),
        offset_min: OffsetMin(60),
        day: Day(day),
        grade: Some(Grade::Good),
        difficulty: None,
        response_ms: 1_000 + n,
        kind: Kind::Review,
        prev_box: 1,
        new_box: 2,
    }
}

fn numbered(first: u8, n: u32) -> [u8; 16] {
    let mut bytes = [first; 16];
    bytes[..4].copy_from_slice(&n.to_be_bytes());
    bytes
}
