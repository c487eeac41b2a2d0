//! The documents one by one: what is written, what is read back, conflicts, golden changes of this schema.

use std::collections::BTreeSet;

use automerge::transaction::Transactable;
use automerge::{Automerge, Change, ObjType, ROOT, ReadDoc};
use domain::document::cards::{self, ItemPlace, NewCard};
use domain::document::conflict::Side;
use domain::document::{DocKind, EditError, deck as deck_doc, events, kind, settings, touched};
use domain::schedule::{Epoch, Leitner, Scheduler};
use domain::{
    BlobHash, CardId, Day, Grade, Hlc, ImageItem, Item, Kind, Month, TagId, UnixMs, limit,
};

use crate::support::{
    card, changes, deck, device, document, edit, event, fixture, fork, merge, new_card, page_with,
};

fn image(alt: &str) -> Item {
    Item::Image(ImageItem {
        blob: BlobHash::from_bytes([3; 32]),
        mime: "image/png".into(),
        bytes: 99,
        width_px: 4,
        height_px: 3,
        frames: 0,
        thumbhash: None,
        alt: Some(alt.into()),
        name: None,
        lang: None,
        source: None,
        extra: Default::default(),
    })
}

fn front(doc: &Automerge) -> Vec<Item> {
    cards::read_card(doc, card(1)).unwrap().front
}

#[test]
fn a_card_is_read_as_it_was_written() {
    let tags = BTreeSet::from([TagId::from_name("europe"), TagId::from_name("capitals")]);
    let new = NewCard {
        front: vec![Item::text("Oslo"), image("flag")],
        tags: tags.clone(),
        ..new_card(1, "", "Norway")
    };
    let mut doc = document(0);
    edit(&mut doc, |tx| {
        cards::create(tx, deck(1))?;
        cards::add(tx, &new, device(0))
    })
    .unwrap();
    let view = cards::read_card(&doc, card(1)).unwrap();
    assert_eq!(
        (view.front, view.back, view.tags),
        (new.front, new.back, tags)
    );
    assert_eq!(
        (view.deck, view.created_at, view.suspended, view.flag),
        (deck(1), new.created_at, false, 0)
    );
    assert!(view.visible && view.conflicts.is_empty());
    assert_eq!((kind(&doc), cards::count(&doc)), (Some(DocKind::Cards), 1));
    edit(&mut doc, |tx| {
        cards::set_suspended(tx, card(1), true, device(0))?;
        cards::set_flag(tx, card(1), 3, device(0))?;
        cards::move_to(tx, card(1), deck(2), device(0))
    })
    .unwrap();
    let view = cards::read_card(&doc, card(1)).unwrap();
    assert_eq!((view.deck, view.suspended, view.flag), (deck(2), true, 3));
}

#[test]
fn text_is_replaced_in_its_place_and_media_stay() {
    let text = Item::text;
    let cases = [
        (vec![text("a")], "b", vec![text("b")]),
        (
            vec![image("f"), text("a")],
            "b",
            vec![image("f"), text("b")],
        ),
        (
            vec![text("a"), image("f"), text("c")],
            "b",
            vec![text("b"), image("f")],
        ),
        (vec![image("f")], "b", vec![text("b"), image("f")]),
        (vec![], "b", vec![text("b")]),
        (vec![text("a"), image("f")], "", vec![image("f")]),
        (
            vec![Item::parse(r#"{"t":"text","v":"a","lang":"no"}"#)],
            "b",
            vec![Item::parse(r#"{"t":"text","v":"b","lang":"no"}"#)],
        ),
    ];
    for (before, new, after) in cases {
        let mut doc = page_with(before.clone());
        edit(&mut doc, |tx| {
            cards::set_side_text(tx, card(1), Side::Front, new, device(0))
        })
        .unwrap();
        assert_eq!(front(&doc), after, "{before:?} -> {new}");
    }
}

#[test]
fn an_edit_that_changes_nothing_writes_nothing() {
    let mut doc = page_with(vec![Item::text("a")]);
    let tag = TagId::from_name("t");
    edit(&mut doc, |tx| cards::tag(tx, card(1), tag, device(0))).unwrap();
    let by = device(0);
    let pending = edit(&mut doc, |tx| {
        cards::set_side_text(tx, card(1), Side::Front, "a", by)?;
        cards::tag(tx, card(1), tag, by)?;
        cards::untag(tx, card(1), TagId::from_name("other"), by)?;
        cards::set_suspended(tx, card(1), false, by)?;
        cards::set_flag(tx, card(1), 0, by)?;
        cards::move_to(tx, card(1), deck(1), by)?;
        cards::restore(tx, card(1), by)?;
        let at = ItemPlace {
            card: card(1),
            side: Side::Front,
            index: 0,
        };
        cards::replace_item(tx, at, &Item::text("a"), by)?;
        Ok(tx.pending_ops())
    })
    .unwrap();
    assert_eq!(pending, 0);
}

#[test]
fn edits_of_different_things_do_not_meet() {
    let begun = page_with(vec![Item::text("front")]);
    let (mut a, mut b) = (fork(&begun, 1), fork(&begun, 2));
    edit(&mut a, |tx| {
        cards::set_side_text(tx, card(1), Side::Front, "FRONT", device(1))
    })
    .unwrap();
    edit(&mut b, |tx| {
        cards::set_side_text(tx, card(1), Side::Back, "BACK", device(2))
    })
    .unwrap();
    merge(&mut a, &b);
    let view = cards::read_card(&a, card(1)).unwrap();
    assert_eq!(
        (view.front, view.back),
        (vec![Item::text("FRONT")], vec![Item::text("BACK")])
    );
    assert_eq!(view.conflicts, vec![]);
}

#[test]
fn bounds_and_refusals() {
    let mut doc = page_with(vec![Item::text("a")]);
    let by = device(0);
    let place = |index| ItemPlace {
        card: card(1),
        side: Side::Front,
        index,
    };
    let long = "x".repeat(limit::TEXT_BYTES_MAX + 1);
    let refused: Vec<EditError> = vec![
        edit(&mut doc, |tx| cards::add(tx, &new_card(1, "", ""), by)).unwrap_err(),
        edit(&mut doc, |tx| cards::remove(tx, card(9))).unwrap_err(),
        edit(&mut doc, |tx| {
            cards::set_side_text(tx, card(1), Side::Back, &long, by)
        })
        .unwrap_err(),
        edit(&mut doc, |tx| {
            cards::insert_item(tx, place(2), &Item::text(""), by)
        })
        .unwrap_err(),
        edit(&mut doc, |tx| cards::remove_item(tx, place(1), by)).unwrap_err(),
        edit(&mut doc, |tx| deck_doc::rename(tx, "  ", by)).unwrap_err(),
        edit(&mut doc, |tx| settings::set_rollover_hour(tx, 24)).unwrap_err(),
        edit(&mut doc, |tx| settings::put_tag(tx, "tag", None)).unwrap_err(),
    ];
    let messages: Vec<String> = refused.iter().map(ToString::to_string).collect();
    let expected = [
        format!("card {} is on this page already", card(1)),
        format!("card {} is not on this page", card(9)),
        "the text has 65537 bytes and one item holds 65536: split it into several items or cards"
            .into(),
        "the side has no item number 2".into(),
        "the side has no item number 1".into(),
        "a name has 1 to 512 bytes, this one has 2".into(),
        "the rollover hour is out of range".into(),
        "the document has no map of tags: it is not of the kind expected, or damaged".into(),
    ];
    assert_eq!(messages, expected);
    for index in 1..limit::SIDE_ITEMS_MAX {
        edit(&mut doc, |tx| {
            cards::insert_item(tx, place(index), &Item::text("x"), by)
        })
        .unwrap();
    }
    let full = edit(&mut doc, |tx| {
        cards::insert_item(tx, place(0), &Item::text("x"), by)
    });
    assert!(matches!(full, Err(EditError::SideFull)));
}

#[test]
fn a_page_and_a_segment_are_full_some_time() {
    let mut doc = document(0);
    let id = |n: u64| CardId::v7(n, [0; 10]);
    let full = edit(&mut doc, |tx| {
        cards::create(tx, deck(1))?;
        for n in 0..limit::PAGE_CARDS_MAX as u64 {
            cards::add(
                tx,
                &NewCard {
                    id: id(n),
                    ..new_card(1, "q", "a")
                },
                device(0),
            )?;
        }
        Ok(cards::add(
            tx,
            &NewCard {
                id: id(9_999),
                ..new_card(1, "q", "a")
            },
            device(0),
        ))
    })
    .unwrap();
    assert!(matches!(full, Err(EditError::PageFull)));
    assert_eq!(cards::read(&doc).cards.len(), limit::PAGE_CARDS_MAX);

    let mut segment = document(0);
    let many: Vec<_> = (1..=limit::SEGMENT_EVENTS_MAX as u32)
        .map(|n| event(n, 10, Kind::Review, Some(Grade::Good)))
        .collect();
    edit(&mut segment, |tx| {
        events::create(tx, device(1), Month::new(2025, 3).unwrap())?;
        events::append(tx, &many)
    })
    .unwrap();
    assert_eq!(events::room(&segment), 0);
    let more = event(99_999, 10, Kind::Review, Some(Grade::Good));
    assert!(matches!(
        edit(&mut segment, |tx| events::append(tx, &[more])),
        Err(EditError::SegmentFull)
    ));
    // What is there already needs no room.
    edit(&mut segment, |tx| events::append(tx, &many)).unwrap();
    assert_eq!(events::read(&segment).events.len(), many.len());
}

#[test]
fn events_are_read_as_appended() {
    let mut doc = document(1);
    let all = [
        event(1, 10, Kind::Review, Some(Grade::Good)),
        event(2, 10, Kind::Reset, None),
    ];
    edit(&mut doc, |tx| {
        events::create(tx, device(1), Month::new(2025, 3).unwrap())?;
        events::append(tx, &all)
    })
    .unwrap();
    let view = events::read(&doc);
    assert_eq!(
        (view.device, view.month),
        (Some(device(1)), Month::new(2025, 3))
    );
    assert_eq!(view.events, all);
    assert_eq!(events::read_one(&doc, all[1].id), Some(all[1]));
    let bad = domain::Event {
        day: Day(i32::MAX),
        ..all[0]
    };
    assert!(matches!(
        edit(&mut doc, |tx| events::append(tx, &[bad])),
        Err(EditError::Event(_))
    ));
}

#[test]
fn settings_keep_what_was_chosen() {
    let mut doc = document(1);
    doc.apply_changes([Change::from_bytes(settings::genesis().to_vec()).unwrap()])
        .unwrap();
    let epoch = Epoch {
        hlc: Hlc::from_u64(77 << 16),
        deck: Some(deck(1)),
        day_from: Day(20_000),
        scheduler: Scheduler::Leitner(Leitner {
            table: [1, 3, 7, 14, 30],
            ..Leitner::default()
        }),
        rollover_hour: 2,
        inherits: false,
    };
    let tag = edit(&mut doc, |tx| {
        settings::add_epoch(tx, &epoch)?;
        settings::set_rollover_hour(tx, 3)?;
        settings::set_daily_limits(tx, Some(10), None)?;
        settings::set_device_name(tx, device(1), "laptop")?;
        settings::put_tag(tx, "Europe", None)?;
        settings::put_tag(tx, " EUROPE ", Some("#00ff00"))
    })
    .unwrap();
    let view = settings::read(&doc);
    assert_eq!(view.epochs, [epoch]);
    assert_eq!(
        (view.rollover_hour, view.new_per_day, view.reviews_per_day),
        (Some(3), Some(10), None)
    );
    assert_eq!(
        (
            view.tags[&tag].name.as_str(),
            view.tags[&tag].color.as_deref()
        ),
        ("Europe", Some("#00ff00"))
    );
    // Another choice at the very same time would rewrite the past.
    let other = Epoch {
        day_from: Day(0),
        ..epoch
    };
    assert!(matches!(
        edit(&mut doc, |tx| settings::add_epoch(tx, &other)),
        Err(EditError::Setting(_))
    ));

    // Joining: another vault's settings are added to these.
    let mut account = document(2);
    account
        .apply_changes([Change::from_bytes(settings::genesis().to_vec()).unwrap()])
        .unwrap();
    edit(&mut account, |tx| {
        settings::put_tag(tx, "europe", Some("#0000ff"))?;
        settings::set_rollover_hour(tx, 6)?;
        settings::absorb(tx, &view)
    })
    .unwrap();
    let joined = settings::read(&account);
    assert_eq!(joined.tags[&tag].color.as_deref(), Some("#0000ff"));
    assert_eq!(
        (joined.rollover_hour, joined.new_per_day),
        (Some(6), Some(10))
    );
    assert_eq!((joined.epochs, joined.devices), (view.epochs, view.devices));
    edit(&mut account, |tx| settings::remove_tag(tx, tag)).unwrap();
    assert_eq!(settings::read(&account).tags.len(), 0);
}

/// Two devices that make the same card apart, as imports may: two maps at one key, read as one card.
#[test]
fn a_card_made_twice_is_one_card() {
    let mut begun = document(0);
    edit(&mut begun, |tx| cards::create(tx, deck(1))).unwrap();
    let (mut a, mut b) = (fork(&begun, 1), fork(&begun, 2));
    let (one, two) = (TagId::from_name("one"), TagId::from_name("two"));
    let texts = [("front of a", ""), ("", "back of b")];
    for (doc, n, tag, (front, back)) in [(&mut a, 1, one, texts[0]), (&mut b, 2, two, texts[1])] {
        let items = |text: &str| {
            if text.is_empty() {
                vec![]
            } else {
                vec![Item::text(text)]
            }
        };
        let new = NewCard {
            front: items(front),
            back: items(back),
            ..new_card(1, "", "")
        };
        edit(doc, |tx| {
            cards::add(
                tx,
                &NewCard {
                    tags: [tag].into(),
                    ..new
                },
                device(n),
            )
        })
        .unwrap();
    }
    merge(&mut a, &b);
    merge(&mut b, &a);
    let view = cards::read_card(&a, card(1)).unwrap();
    assert_eq!(cards::read_card(&b, card(1)), Some(view.clone()));
    assert_eq!(
        (view.front, view.back),
        (
            vec![Item::text("front of a")],
            vec![Item::text("back of b")]
        )
    );
    assert_eq!(view.tags, BTreeSet::from([one, two]));
    // Edits and deletion reach the whole of it.
    edit(&mut a, |tx| {
        cards::set_side_text(tx, card(1), Side::Front, "new", device(1))?;
        cards::untag(tx, card(1), one, device(1))
    })
    .unwrap();
    let view = cards::read_card(&a, card(1)).unwrap();
    assert_eq!(
        (view.front, view.tags),
        (vec![Item::text("new")], BTreeSet::from([two]))
    );
    edit(&mut a, |tx| cards::remove(tx, card(1))).unwrap();
    assert!(!cards::read_card(&a, card(1)).unwrap().visible);
}

#[test]
fn reading_skips_what_it_does_not_understand() {
    let mut doc = page_with(vec![Item::text("a")]);
    edit(&mut doc, |tx| {
        let (_, root) = tx.get(ROOT, "cards")?.unwrap();
        tx.put(&root, "not an id", 7)?;
        tx.put(&root, card(2).to_string(), "not a map")?;
        let odd = tx.put_object(&root, card(3).to_string(), ObjType::Map)?;
        tx.put(&odd, "front", true)?;
        tx.put(&odd, "created_at", "yesterday")?;
        tx.put(&odd, "alive", 3)?;
        let list = tx.put_object(&odd, "back", ObjType::List)?;
        tx.insert(&list, 0, 12)?;
        tx.insert_object(&list, 1, ObjType::Text)?;
        tx.insert(&list, 2, r#"{"t":"text","v":"kept"}"#)?;
        tx.put_object(ROOT, "later", ObjType::Table)?;
        Ok(())
    })
    .unwrap();
    let view = cards::read(&doc);
    assert_eq!((view.skipped, view.cards.len()), (2, 2));
    let odd = &view.cards[1];
    assert_eq!(
        (odd.visible, odd.front.len(), odd.created_at),
        (false, 0, UnixMs(0))
    );
    assert_eq!(odd.back[2], Item::text("kept"));
    // And every reader copes with every document.
    deck_doc::read(&doc, deck(1));
    assert!(events::read(&doc).events.is_empty());
    settings::read(&doc);
    cards::read(&Automerge::new());
    assert_eq!(kind(&Automerge::new()), None);
}

#[test]
fn what_a_vandal_removes_is_noticed() {
    let mut page = page_with(vec![Item::text("a")]);
    let before = page.get_heads();
    edit(&mut page, |tx| {
        let (_, root) = tx.get(ROOT, "cards")?.unwrap();
        Ok(tx.delete(&root, card(1).to_string())?)
    })
    .unwrap();
    assert_eq!(
        touched(&page, &page.get_changes(&before)).cards,
        BTreeSet::from([card(1)])
    );
    let mut segment = document(1);
    let all = [
        event(1, 10, Kind::Review, Some(Grade::Good)),
        event(2, 10, Kind::Reset, None),
    ];
    edit(&mut segment, |tx| {
        events::create(tx, device(1), Month::new(2025, 3).unwrap())?;
        events::append(tx, &all[..1])
    })
    .unwrap();
    let before = segment.get_heads();
    edit(&mut segment, |tx| {
        tx.delete(ROOT, all[0].id.to_string().replace('-', ""))?;
        events::append(tx, &all[1..])
    })
    .unwrap();
    let touched = touched(&segment, &segment.get_changes(&before));
    assert_eq!(
        (touched.events, touched.whole),
        (BTreeSet::from([all[0].id, all[1].id]), false)
    );
}

/// Documents written by this version of the schema, change by change. Later versions must read them just the same.
#[test]
fn golden_documents() {
    let mut page = page_with(vec![Item::text("Oslo?"), image("flag")]);
    edit(&mut page, |tx| {
        cards::tag(tx, card(1), TagId::from_name("europe"), device(0))?;
        cards::set_side_text(tx, card(1), Side::Back, "Norway", device(0))
    })
    .unwrap();
    edit(&mut page, |tx| cards::remove(tx, card(1))).unwrap();
    let mut deck_document = document(0);
    edit(&mut deck_document, |tx| {
        deck_doc::create(tx, "Capitals", UnixMs(7), device(0))?;
        deck_doc::describe(tx, "Of the world", device(0))?;
        deck_doc::add_page(tx, domain::DocId::from_bytes([9; 16]), device(0))
    })
    .unwrap();
    let mut segment = document(1);
    edit(&mut segment, |tx| {
        events::create(tx, device(1), Month::new(2025, 3).unwrap())?;
        events::append(tx, &[event(1, 10, Kind::Review, Some(Grade::Good))])
    })
    .unwrap();
    let mut vault = document(1);
    vault
        .apply_changes([Change::from_bytes(settings::genesis().to_vec()).unwrap()])
        .unwrap();
    edit(&mut vault, |tx| {
        settings::put_tag(tx, "europe", Some("#ff0000"))?;
        settings::set_device_name(tx, device(1), "laptop")?;
        let epoch = Epoch {
            hlc: Hlc::from_u64(1 << 16),
            deck: None,
            day_from: Day(20_000),
            scheduler: Scheduler::default(),
            rollover_hour: 4,
            inherits: false,
        };
        settings::add_epoch(tx, &epoch)
    })
    .unwrap();
    for (doc, name) in [
        (&page, "cards"),
        (&deck_document, "deck"),
        (&segment, "events"),
        (&vault, "settings"),
    ] {
        let written: String = changes(doc)
            .iter()
            .map(|c| hex::encode(c.raw_bytes()) + "\n")
            .collect();
        let golden = fixture(&format!("documents/{name}.v1.hex"));
        assert_eq!(written, golden, "{name}");
        let mut read = Automerge::new();
        let stored = golden
            .lines()
            .map(|line| Change::from_bytes(hex::decode(line).unwrap()).unwrap());
        read.apply_changes(stored.collect::<Vec<_>>()).unwrap();
        assert_eq!(kind(&read).map(DocKind::name), Some(name));
        assert_eq!(cards::read(&read), cards::read(doc));
        assert_eq!(deck_doc::read(&read, deck(1)), deck_doc::read(doc, deck(1)));
        assert_eq!(events::read(&read), events::read(doc));
        assert_eq!(settings::read(&read), settings::read(doc));
    }
    let card = cards::read_card(&page, card(1)).unwrap();
    assert_eq!(
        (card.visible, card.back),
        (false, vec![Item::text("Norway")])
    );
}
