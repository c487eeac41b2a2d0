//! The byte gate: agrees with Automerge on everything our own edits produce, refuses what hurts it, and never panics.

use automerge::transaction::Transactable;
use automerge::{Automerge, Change, ObjType, ROOT, ReadDoc};
use domain::document::cards::{self, NewCard};
use domain::document::conflict::Side;
use domain::document::{deck as deck_doc, events, settings};
use domain::intake::{GateError, GatedChange, gate};
use domain::test_support::{Column, RawChange, body, deflate, hostile_changes, reseal, seal};
use domain::{CardId, Grade, Item, Kind, Month, TagId, UnixMs, limit};
use proptest::prelude::*;

use crate::support::{
    card, changes, deck, device, document, edit, event, fixture, fork, merge, new_card,
};

/// Documents with every kind of edit we make: large ones, merges of several writers, deletions, resolved conflicts.
pub fn honest() -> Vec<Automerge> {
    let mut page = document(0);
    let id = |n: u64| CardId::v7(n, [0; 10]);
    edit(&mut page, |tx| {
        cards::create(tx, deck(1))?;
        cards::add(tx, &new_card(1, "q", "a"), device(0))
    })
    .unwrap();
    edit(&mut page, |tx| {
        for n in 0..200 {
            let tags = [TagId::from_name("a"), TagId::from_name("b")].into();
            let front = vec![
                Item::text(format!("question {n}")),
                Item::text("Ø".repeat(n as usize % 40)),
            ];
            cards::add(
                tx,
                &NewCard {
                    id: id(n),
                    front,
                    tags,
                    ..new_card(1, "", "answer")
                },
                device(0),
            )?;
        }
        Ok(())
    })
    .unwrap();
    let mut forks: Vec<Automerge> = (1..=5).map(|n| fork(&page, n)).collect();
    for (n, doc) in forks.iter_mut().enumerate() {
        let by = device(n as u8);
        edit(doc, |tx| {
            cards::set_side_text(tx, card(1), Side::Front, &format!("text {n}"), by)?;
            cards::tag(tx, card(1), TagId::from_bytes([n as u8; 16]), by)?;
            cards::set_flag(tx, id(n as u64), 2, by)
        })
        .unwrap();
        edit(doc, |tx| cards::remove(tx, id(n as u64 + 50))).unwrap();
    }
    for other in &forks {
        merge(&mut page, other);
    }
    let conflict = cards::read_card(&page, card(1))
        .unwrap()
        .conflicts
        .remove(0);
    edit(&mut page, |tx| {
        cards::resolve(tx, conflict.place, &conflict.values[1], device(0))?;
        cards::untag(tx, card(1), TagId::from_bytes([1; 16]), device(0))?;
        cards::remove(tx, card(1))
    })
    .unwrap();
    page.empty_commit(Default::default());
    edit(&mut page, |tx| cards::restore(tx, card(1), device(0))).unwrap();

    let mut segment = document(1);
    let many: Vec<_> = (1..=300)
        .map(|n| event(n, n as i32, Kind::Review, Some(Grade::Good)))
        .collect();
    edit(&mut segment, |tx| {
        events::create(tx, device(1), Month::new(2025, 3).unwrap())?;
        events::append(tx, &many[..1])
    })
    .unwrap();
    for session in many[1..].chunks(60) {
        edit(&mut segment, |tx| events::append(tx, session)).unwrap();
    }

    let mut vault = document(1);
    vault
        .apply_changes([Change::from_bytes(settings::genesis().to_vec()).unwrap()])
        .unwrap();
    edit(&mut vault, |tx| {
        settings::put_tag(tx, "europe", Some("#ff0000"))
    })
    .unwrap();
    edit(&mut vault, |tx| {
        settings::set_daily_limits(tx, Some(5), Some(50))
    })
    .unwrap();
    let mut deck_document = document(2);
    edit(&mut deck_document, |tx| {
        deck_doc::create(tx, "Capitals", UnixMs(7), device(2))
    })
    .unwrap();
    edit(&mut deck_document, |tx| deck_doc::remove(tx)).unwrap();
    vec![page, segment, vault, deck_document]
}

pub fn honest_changes() -> Vec<Change> {
    honest().iter().flat_map(changes).collect()
}

fn agrees(gated: &GatedChange, change: &Change) {
    assert_eq!(gated.hash().to_bytes(), change.hash().0);
    assert_eq!(
        gated
            .deps()
            .iter()
            .map(|dep| dep.to_bytes())
            .collect::<Vec<_>>(),
        change.deps().iter().map(|dep| dep.0).collect::<Vec<_>>()
    );
    assert_eq!(&gated.actor().to_bytes()[..], change.actor_id().to_bytes());
    assert_eq!(gated.seq(), change.seq());
    assert_eq!(gated.start_op(), change.start_op().get());
    assert_eq!(gated.max_op(), change.max_op());
    assert_eq!(gated.ops(), change.len() as u64);
    assert_eq!(gated.time_s(), change.timestamp());
    assert_eq!(gated.uncompressed(), change.raw_bytes());
}

#[test]
fn agrees_with_automerge() {
    let all = honest_changes();
    assert!(all.iter().any(|change| change.len() > 2_000) && all.iter().any(Change::is_empty));
    assert!(
        all.iter()
            .any(|change| change.deps().len() > 4 && change.other_actor_ids().len() > 2)
    );
    for mut change in all {
        agrees(&gate(change.raw_bytes()).unwrap(), &change);
        // As Automerge deflates it, when it is long enough, and as we do.
        let deflated = change.bytes().into_owned();
        for bytes in [deflated, deflate(change.raw_bytes())] {
            let gated = gate(&bytes).unwrap();
            agrees(&gated, &change);
            assert_eq!(gated.raw(), bytes);
            agrees(&gated, &Change::from_bytes(bytes).unwrap());
        }
    }
}

/// Also what other programs write: texts, counters, all scalar types, deep lists.
#[test]
fn agrees_on_what_we_never_write() {
    let mut doc = document(3);
    edit(&mut doc, |tx| {
        let text = tx.put_object(ROOT, "text", ObjType::Text)?;
        tx.splice_text(&text, 0, 0, "wide: 🂡")?;
        tx.put(ROOT, "f", 1.5)?;
        tx.put(ROOT, "count", automerge::ScalarValue::counter(-3))?;
        tx.put(ROOT, "then", automerge::ScalarValue::Timestamp(-1))?;
        tx.put(ROOT, "most", u64::MAX)?;
        tx.put(ROOT, "least", i64::MIN)?;
        tx.put(ROOT, "bytes", vec![0, 255])?;
        tx.put(ROOT, "null", ())?;
        let list = tx.put_object(ROOT, "list", ObjType::List)?;
        let inner = tx.insert_object(&list, 0, ObjType::Map)?;
        tx.put_object(&inner, "table", ObjType::Table)?;
        Ok(())
    })
    .unwrap();
    edit(&mut doc, |tx| {
        tx.increment(ROOT, "count", 10)?;
        tx.delete(ROOT, "text")?;
        Ok(())
    })
    .unwrap();
    for change in changes(&doc) {
        agrees(&gate(change.raw_bytes()).unwrap(), &change);
    }
}

/// Every way in which Automerge itself changes what stands in a list or a text, also where two have written.
#[test]
fn lists_and_texts_that_others_write_pass() {
    let mut doc = document(3);
    let (list, text) = edit(&mut doc, |tx| {
        let list = tx.put_object(ROOT, "list", ObjType::List)?;
        tx.splice(&list, 0, 0, [1, 2, 3, 4].map(automerge::ScalarValue::from))?;
        tx.insert(&list, 4, automerge::ScalarValue::counter(1))?;
        let text = tx.put_object(ROOT, "text", ObjType::Text)?;
        tx.splice_text(&text, 0, 0, "some words")?;
        Ok((list, text))
    })
    .unwrap();
    let mut other = fork(&doc, 4);
    for (doc, value) in [(&mut doc, 7), (&mut other, 8)] {
        edit(doc, |tx| {
            tx.put(&list, 0, value)?;
            tx.put_object(&list, 1, ObjType::Map)?;
            tx.increment(&list, 4, value)?;
            tx.put(&text, 2, "M")?;
            Ok(tx.splice_text(&text, 4, 3, "W")?)
        })
        .unwrap();
    }
    merge(&mut doc, &other);
    edit(&mut doc, |tx| {
        tx.put(&list, 0, 9)?;
        tx.put(&list, 0, 10)?;
        tx.increment(&list, 4, 2)?;
        tx.delete(&list, 1)?;
        tx.delete(&list, 1)?;
        tx.put(ROOT, "k", 1)?;
        tx.delete(ROOT, "k")?;
        tx.delete(ROOT, "not there")?;
        Ok(tx.splice_text(&text, 0, 5, "")?)
    })
    .unwrap();
    for change in changes(&doc) {
        agrees(&gate(change.raw_bytes()).unwrap(), &change);
    }
}

#[test]
fn the_genesis_of_settings_passes() {
    let genesis = gate(settings::genesis()).unwrap();
    assert_eq!(
        (genesis.seq(), genesis.start_op(), genesis.time_s()),
        (1, 1, 0)
    );
    assert_eq!(
        fixture("changes/settings_genesis.hex").trim(),
        hex::encode(settings::genesis())
    );
}

#[test]
fn hostile_changes_are_refused() {
    for (what, bytes) in hostile_changes() {
        assert!(bytes.len() < 64 * 1024, "{what} has {} bytes", bytes.len());
        let error = gate(&bytes).expect_err(what);
        assert!(
            !matches!(error, GateError::Checksum),
            "{what} must be refused for what it is: {error}"
        );
    }
    // What they are made from is harmless, so each is refused for its one fault.
    assert_eq!(gate(&RawChange::nulls(1).chunk()).unwrap().ops(), 1);
    assert_eq!(
        gate(&RawChange::nulls(50_000).chunk()).unwrap().max_op(),
        50_000
    );
    assert_eq!(gate(&RawChange::nested_maps(8).chunk()).unwrap().ops(), 8);
    assert!(matches!(
        gate(&RawChange::nested_maps(9).chunk()),
        Err(GateError::TooMuch {
            what: "levels of nesting",
            ..
        })
    ));
    let automerge = |change: &RawChange| Change::from_bytes(change.chunk()).unwrap();
    agrees(
        &gate(&RawChange::nulls(7).chunk()).unwrap(),
        &automerge(&RawChange::nulls(7)),
    );
    agrees(
        &gate(&RawChange::nested_maps(8).chunk()).unwrap(),
        &automerge(&RawChange::nested_maps(8)),
    );
}

#[test]
fn refusals_say_why() {
    let honest = RawChange::nulls(1).chunk();
    let mut damaged = honest.clone();
    *damaged.last_mut().unwrap() ^= 1;
    let mut no_magic = honest.clone();
    no_magic[0] = 0;
    let mut longer_body = body(&honest).unwrap().to_vec();
    longer_body.push(0);
    let mut deflated = deflate(&honest);
    *deflated.last_mut().unwrap() ^= 0xff;
    let many_ops = RawChange::nulls(50_001).chunk();
    let mut huge = vec![0; limit::CHANGE_BYTES_MAX + 1];
    huge[..4].copy_from_slice(&honest[..4]);
    let mut back = RawChange::nulls(1);
    back.start_op = limit::OP_MAX;
    let cases: Vec<(&[u8], &str)> = vec![
        (b"", "the change is cut off"),
        (&no_magic, "these bytes are not a change"),
        (&honest[..honest.len() - 1], "the change is cut off"),
        (&damaged, "the change is damaged: its checksum does not fit"),
        (&deflated, "the change cannot be inflated"),
        (
            &huge,
            "the change has 262145 bytes, at most 262144 are taken",
        ),
        (
            &many_ops,
            "the change has 50001 operations, at most 50000 are taken",
        ),
    ];
    for (bytes, message) in cases {
        assert_eq!(gate(bytes).unwrap_err().to_string(), message);
    }
    assert_eq!(gate(&seal(&longer_body)), Err(GateError::Trailing));
    assert!(matches!(
        gate(&back.chunk()),
        Err(GateError::OutOfRange {
            what: "next operation",
            ..
        })
    ));
    for length in 0..honest.len() {
        assert!(gate(&honest[..length]).is_err());
    }
}

#[test]
fn columns_that_contradict_each_other_are_refused() {
    let cases: [(&str, u64, Column); 9] = [
        ("an actor that is not named", 0x11, Column::new().run(1, 7)),
        ("a predecessor nobody wrote", 0x70, Column::new().run(1, 1)),
        (
            "predecessors without an operation",
            0x71,
            Column::new().run(1, 0),
        ),
        ("no value", 0x56, Column::new()),
        (
            "a value without bytes",
            0x56,
            Column::new().run(1, (5 << 4) | 6),
        ),
        ("bytes without a value", 0x57, Column::new().run(1, 0)),
        ("an unknown action", 0x42, Column::new().run(1, 8)),
        ("an unknown value type", 0x56, Column::new().run(1, 15)),
        ("an empty run", 0x15, Column::new().nulls(0)),
    ];
    for (what, number, column) in cases {
        let mut change = RawChange::nulls(1);
        change.set(number, column);
        assert!(
            matches!(
                gate(&change.chunk()),
                Err(GateError::Malformed(_) | GateError::Truncated)
            ),
            "{what}"
        );
    }
}

#[test]
fn references_are_bounded_by_what_can_exist() {
    // An operation that overwrites operation `counter` of actor number `actor`, after four others.
    let overwriting = |actor, counter| {
        let mut change = RawChange::nulls(1);
        change.start_op = 5;
        change.others = vec![vec![0x66; 16]];
        change.set(0x70, Column::new().run(1, 1));
        change.set(0x71, Column::new().run(1, actor));
        change.set(0x73, Column::new().run(1, counter));
        gate(&change.chunk()).map(|gated| gated.max_op())
    };
    for (actor, counter) in [(0, 4), (1, 4), (1, 1)] {
        assert_eq!(overwriting(actor, counter), Ok(5), "{actor} {counter}");
    }
    for (actor, counter) in [(2, 4), (0, 5), (1, 5), (1, 0), (0, 6)] {
        let refused = Err(GateError::Malformed("predecessor column"));
        assert_eq!(overwriting(actor, counter), refused, "{actor} {counter}");
    }
    let naming = |others: &[u8]| {
        let mut change = RawChange::nulls(1);
        change.others = others.iter().map(|n| vec![*n; 16]).collect();
        gate(&change.chunk()).map(|gated| gated.ops())
    };
    assert_eq!(naming(&[1, 2]), Ok(1));
    for others in [&[2, 1][..], &[1, 1], &[0x5a]] {
        assert_eq!(
            naming(others),
            Err(GateError::Malformed("list of actors")),
            "{others:?}"
        );
    }
}

/// An update of a list element that is not there has no place in a document: Automerge loses it when it comes alone.
#[test]
fn what_changes_something_names_it() {
    let mut doc = document(3);
    let list = edit(&mut doc, |tx| {
        Ok(tx.put_object(ROOT, "list", ObjType::List)?)
    })
    .unwrap();
    let made = |action: u64, insert: &[u8], predecessors| {
        let mut change = RawChange::nulls(1);
        change.deps = vec![doc.get_heads()[0].0];
        change.start_op = 2;
        change.others = vec![doc.get_actor().to_bytes().to_vec()];
        change.columns.remove(&0x15);
        for (actor, counter) in [(0x01, 0x02), (0x11, 0x13)] {
            change.set(actor, Column::new().run(1, 1));
            change.set(counter, Column::new().run(1, 1));
        }
        change.set(0x34, Column::raw(insert));
        change.set(0x42, Column::new().run(1, action));
        if predecessors == 1 {
            change.set(0x70, Column::new().run(1, 1));
            change.set(0x71, Column::new().run(1, 1));
            change.set(0x73, Column::new().run(1, 1));
        }
        change.chunk()
    };
    let (no, yes): (&[u8], &[u8]) = (&[1], &[0, 1]);
    let judged = |action, insert, predecessors| {
        gate(&made(action, insert, predecessors)).map(|gated| gated.ops())
    };
    let refused = Err(GateError::Malformed("predecessor column"));
    for action in 0..=6 {
        let changes = matches!(action, 3 | 5);
        assert_eq!(judged(action, no, 0), refused, "{action}");
        assert_eq!(judged(action, no, 1), Ok(1), "{action}");
        assert_eq!(judged(action, yes, 1), refused, "{action}");
        assert_eq!(judged(action, yes, 0).is_err(), changes, "{action}");
    }
    let change = Change::from_bytes(made(1, no, 0)).unwrap();
    let mut after = doc.clone();
    after.apply_changes([change]).unwrap();
    assert_eq!((after.length(&list), after.get_heads().len()), (0, 1));
    assert_ne!(after.get_heads(), doc.get_heads());
}

#[test]
fn no_run_is_empty() {
    let with = |number, bytes: &[u8]| {
        let mut change = RawChange::nulls(2);
        change.set(number, Column::raw(bytes));
        gate(&change.chunk()).map(|gated| gated.ops())
    };
    // No, then yes never, then no: the same as no twice, written as Automerge never does.
    assert_eq!(with(0x34, &[2]), Ok(2));
    assert_eq!(
        with(0x34, &[1, 0, 1]),
        Err(GateError::Malformed("insert column"))
    );
    assert_eq!(with(0x34, &[1]), Err(GateError::Truncated));
    assert_eq!(with(0x56, &[2, 0]), Ok(2));
    assert_eq!(with(0x56, &[0x7e, 0, 0]), Ok(2));
    assert_eq!(
        with(0x56, &[0, 2]),
        Err(GateError::Malformed("value column"))
    );
    // Numbers not in their shortest form would give one change two names.
    assert_eq!(
        with(0x56, &[2, 0x80, 0]),
        Err(GateError::Malformed("number"))
    );
    assert_eq!(
        with(0x56, &[0x82, 0, 0]),
        Err(GateError::Malformed("number"))
    );
}

#[test]
fn a_change_travels_in_its_shorter_form_and_is_kept_plain() {
    let long = RawChange::nulls(1).chunk();
    let mut automerge = automerge::Automerge::new();
    let mut tx = automerge.transaction();
    automerge::transaction::Transactable::put(
        &mut tx,
        automerge::ROOT,
        "text",
        "again and ".repeat(200),
    )
    .unwrap();
    tx.commit();
    let honest = automerge.get_last_local_change().unwrap();
    let plain = honest.raw_bytes().to_vec();
    let travels = domain::intake::travelling(plain.clone());
    assert!(travels.len() < plain.len() / 4);
    let gated = gate(&travels).unwrap();
    assert_eq!(gated.hash().to_bytes(), honest.hash().0);
    assert_eq!(gated.kept(), plain);
    // Short ones, deflated ones and what is no change stay as they are.
    for bytes in [long, travels, vec![7; 1000]] {
        assert_eq!(domain::intake::travelling(bytes.clone()), bytes);
    }
}

#[test]
fn nothing_follows_what_was_deflated() {
    let mut bytes = deflate(&RawChange::nulls(1).chunk());
    assert!(gate(&bytes).is_ok());
    // One byte more inside the chunk, which is short enough for a length of one byte.
    bytes[9] += 1;
    bytes.push(0);
    assert_eq!(gate(&bytes), Err(GateError::Trailing));
}

fn mutate(
    chunk: &[u8],
    edits: &[(prop::sample::Index, u8)],
    cut: Option<prop::sample::Index>,
) -> Vec<u8> {
    let mut bytes = body(chunk).unwrap().to_vec();
    for (at, value) in edits {
        let at = at.index(bytes.len());
        bytes[at] = *value;
    }
    if let Some(cut) = cut {
        bytes.remove(cut.index(bytes.len()));
    }
    seal(&bytes)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Bytes changed, checksum right again: never a panic, and what passes is what Automerge would also read.
    #[test]
    fn mutated_changes(
        which in any::<prop::sample::Index>(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in prop::option::weighted(0.2, any::<prop::sample::Index>()),
    ) {
        thread_local!(static SEEDS: Vec<Vec<u8>> = small_seeds());
        let bytes = SEEDS.with(|seeds| mutate(&seeds[which.index(seeds.len())], &edits, cut));
        if let (Ok(gated), Ok(change)) = (gate(&bytes), Change::from_bytes(bytes.clone())) {
            agrees(&gated, &change);
        }
        prop_assert_eq!(reseal(&bytes), bytes.clone());
        // Without mending the checksum nothing passes.
        let mut broken = bytes;
        let end = broken.len() - 1;
        broken[end] ^= 0x10;
        prop_assert!(gate(&broken).is_err());
    }

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(gate(&bytes).is_err());
        // Behind a right checksum the parser is reached.
        if gate(&seal(&bytes)).is_ok() {
            prop_assert!(Change::from_bytes(seal(&bytes)).is_ok());
        }
    }
}

/// Changes of under a kilobyte, so that a mutation is likely to hit something that matters.
pub fn small_seeds() -> Vec<Vec<u8>> {
    let all = honest_changes();
    let small = all
        .iter()
        .map(|change| change.raw_bytes().to_vec())
        .filter(|bytes| bytes.len() < 1_000);
    small.collect()
}
