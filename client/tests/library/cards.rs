//! Decks and cards of one vault: what is shown after each operation, and that it is still so after opening again.

use std::collections::BTreeSet;

use client::{
    CardEdit, CardShown, Hold, ItemShown, MediaFile, NewItem, Query, SideEdit, Vault, VaultError,
    VaultErrorKind,
};
use domain::CardId;

use crate::relay::{Relay, alone, fixture, noon, picture, texts};

fn list(vault: &Vault, query: &str) -> Vec<CardShown> {
    let mut found = Vec::new();
    vault
        .cards(&Query::parse(query).unwrap(), &mut |card| {
            found.push(card);
            true
        })
        .unwrap();
    found
}

fn text(items: &[ItemShown]) -> String {
    items
        .iter()
        .map(|item| match item {
            ItemShown::Text { text } => text.clone(),
            other => format!("{other:?}"),
        })
        .collect::<Vec<_>>()
        .join("|")
}

#[test]
fn a_card_is_added_shown_edited_removed_and_restored() {
    let (dir, mut vault) = alone();
    let deck = vault.deck_add("Capitals").unwrap();
    let mut new = texts(deck, "Norway", "Oslo");
    new.tags = vec!["Europe".into(), "north".into()];
    let card = vault.add_card(&new).unwrap();
    let shown = vault.card(card).unwrap();
    assert_eq!(
        (text(&shown.front), text(&shown.back)),
        ("Norway".into(), "Oslo".into())
    );
    assert_eq!(shown.tags, ["Europe", "north"]);
    assert_eq!(
        (shown.box_number, shown.due_day, shown.reviews, shown.new),
        (1, None, 0, true)
    );

    let edit = CardEdit {
        back: SideEdit::text("Oslo!"),
        tags: vec!["x".into()],
        untag: vec!["EUROPE".into()],
        ..CardEdit::default()
    };
    vault.card_edit(card, &edit).unwrap();
    let shown = vault.card(card).unwrap();
    assert_eq!(
        (text(&shown.front), text(&shown.back)),
        ("Norway".into(), "Oslo!".into())
    );
    assert_eq!(shown.tags, ["north", "x"]);

    vault.card_remove(card).unwrap();
    assert!(list(&vault, "").is_empty());
    assert!(vault.card(card).unwrap().removed);
    assert_eq!(vault.status().unwrap().cards, 0);
    vault.card_restore(card).unwrap();
    assert_eq!(list(&vault, "").len(), 1);

    let digest = vault.state_digest().unwrap();
    drop(vault);
    let mut again = Vault::open(dir.path(), "test", Hold::Short).unwrap();
    assert_eq!(again.state_digest().unwrap(), digest);
    assert_eq!(again.verify().unwrap().problems, Vec::<String>::new());
}

#[test]
fn an_edit_that_changes_nothing_writes_nothing() {
    let (_dir, mut vault) = alone();
    let deck = vault.deck_add("D").unwrap();
    let card = vault.add_card(&texts(deck, "f", "b")).unwrap();
    let before = vault.verify().unwrap().changes;
    vault
        .card_edit(
            card,
            &CardEdit {
                front: SideEdit::text("f"),
                ..CardEdit::default()
            },
        )
        .unwrap();
    assert_eq!(vault.verify().unwrap().changes, before);
}

#[test]
fn decks_are_found_by_name_and_by_the_beginning_of_their_id() {
    let (_dir, mut vault) = alone();
    let deck = vault.deck_add("Capitals of Europe").unwrap();
    assert_eq!(vault.deck_find("capitals of europe").unwrap(), deck);
    assert_eq!(vault.deck_find(&deck.to_string()).unwrap(), deck);
    assert_eq!(vault.deck_find(&deck.to_string()[..13]).unwrap(), deck);
    let missing = vault.deck_find("Rivers").unwrap_err();
    assert_eq!(missing.kind(), VaultErrorKind::NotFound);
    assert_eq!(
        vault.deck_add("CAPITALS OF EUROPE").unwrap_err().kind(),
        VaultErrorKind::Usage
    );
    vault.deck_rename(deck, "Rivers").unwrap();
    assert_eq!(vault.deck_find("Rivers").unwrap(), deck);

    let card = vault.add_card(&texts(deck, "Seine", "France")).unwrap();
    vault.deck_remove(deck).unwrap();
    assert!(vault.decks().unwrap().is_empty() && list(&vault, "").is_empty());
    assert_eq!(
        vault.add_card(&texts(deck, "x", "y")).unwrap_err().kind(),
        VaultErrorKind::Usage
    );
    assert_eq!(vault.deck_find_removed("rivers").unwrap(), deck);
    vault.deck_restore(deck).unwrap();
    assert_eq!(list(&vault, "")[0].id, card);
}

#[test]
fn cards_are_found_by_the_beginning_of_their_id() {
    let (_dir, mut vault) = alone();
    let deck = vault.deck_add("D").unwrap();
    let one = vault.add_card(&texts(deck, "1", "1")).unwrap();
    vault.set_clock(noon(1));
    let two = vault.add_card(&texts(deck, "2", "2")).unwrap();
    let common: String = one
        .to_string()
        .chars()
        .zip(two.to_string().chars())
        .take_while(|(a, b)| a == b)
        .map(|(a, _)| a)
        .collect();
    assert!(matches!(
        vault.card_find(&common),
        Err(VaultError::Ambiguous { count: 2, .. })
    ));
    assert_eq!(
        vault
            .card_find(&one.to_string()[..18].to_uppercase())
            .unwrap(),
        one
    );
    assert_eq!(vault.card_find(&one.to_string()[..17]).unwrap(), one);
    assert_eq!(
        vault.card_find("zz").unwrap_err().kind(),
        VaultErrorKind::NotFound
    );
    assert_eq!(
        vault
            .card_find(&CardId::from_bytes([9; 16]).to_string())
            .unwrap_err()
            .kind(),
        VaultErrorKind::NotFound
    );
}

#[test]
fn a_query_chooses_by_deck_tag_box_state_and_words() {
    let (_dir, mut vault) = alone();
    let (capitals, rivers) = (
        vault.deck_add("My capitals").unwrap(),
        vault.deck_add("Rivers").unwrap(),
    );
    let mut oslo = texts(capitals, "Norway", "Oslo");
    oslo.tags = vec!["north".into()];
    let oslo = vault.add_card(&oslo).unwrap();
    let rome = vault.add_card(&texts(capitals, "Italy", "Rome")).unwrap();
    let seine = vault.add_card(&texts(rivers, "France", "Seine")).unwrap();
    vault
        .review(oslo, client::Answer::now(domain::Grade::Good))
        .unwrap();
    vault
        .card_edit(
            rome,
            &CardEdit {
                suspended: Some(true),
                ..CardEdit::default()
            },
        )
        .unwrap();
    let cases: [(&str, &[CardId]); 12] = [
        ("", &[oslo, rome, seine]),
        ("deck:\"my capitals\"", &[oslo, rome]),
        ("tag:NORTH", &[oslo]),
        ("box:2", &[oslo]),
        ("is:new", &[rome, seine]),
        ("is:suspended", &[rome]),
        // As in Anki: new cards are not due.
        ("is:due", &[]),
        ("due=2", &[oslo]),
        ("-deck:rivers", &[oslo, rome]),
        ("oSL", &[oslo]),
        ("norway oslo", &[oslo]),
        ("nowhere", &[]),
    ];
    for (query, expected) in cases {
        let found: BTreeSet<CardId> = list(&vault, query).iter().map(|card| card.id).collect();
        assert_eq!(found, expected.iter().copied().collect(), "{query}");
    }
}

#[test]
fn thousands_of_cards_go_into_pages_in_the_order_given() {
    let (_dir, mut vault) = alone();
    let deck = vault.deck_add("Many").unwrap();
    let cards: Vec<_> = (0..1_300)
        .map(|number| texts(deck, &format!("front {number}"), "back"))
        .collect();
    let ids = vault.add_cards(&cards).unwrap();
    let listed: Vec<CardId> = list(&vault, "").iter().map(|card| card.id).collect();
    assert_eq!(listed, ids);
    let one = vault.add_card(&texts(deck, "last", "b")).unwrap();
    assert_eq!(vault.status().unwrap().cards, 1_301);
    assert_eq!(text(&vault.card(one).unwrap().front), "last");
    let report = vault.verify().unwrap();
    // Settings, deck, two pages.
    assert_eq!(
        (report.problems.len(), report.documents, report.cards),
        (0, 4, 1_301)
    );
}

#[test]
fn long_texts_are_cut_into_several_changes_or_refused() {
    let (_dir, mut vault) = alone();
    let deck = vault.deck_add("Long").unwrap();
    let long = "x".repeat(60_000);
    let cards: Vec<_> = (0..8).map(|_| texts(deck, &long, &long)).collect();
    vault.add_cards(&cards).unwrap();
    assert_eq!(vault.status().unwrap().cards, 8);
    let refused = vault
        .add_card(&texts(deck, &"x".repeat(70_000), "b"))
        .unwrap_err();
    assert_eq!(refused.kind(), VaultErrorKind::Limit);
    let heavy = client::NewCard {
        back: vec![
            NewItem::Text(long.clone()),
            NewItem::Text(long.clone()),
            NewItem::Text(long.clone()),
        ],
        ..texts(deck, &long, "")
    };
    assert_eq!(
        vault.add_card(&heavy).unwrap_err().kind(),
        VaultErrorKind::Limit
    );
    assert_eq!(vault.verify().unwrap().problems, Vec::<String>::new());
}

#[test]
fn media_are_stored_once_named_by_cards_and_checked_by_verify() {
    let (_dir, mut vault) = alone();
    let deck = vault.deck_add("Pictures").unwrap();
    let file = fixture("chelsea.jpg");
    let media = picture(&file, Some("a cat".into()));
    let mut card = texts(deck, "look", "cat");
    card.front.push(NewItem::Media(Box::new(media)));
    let first = vault.add_card(&card).unwrap();
    vault.add_card(&card).unwrap();
    let status = vault.status().unwrap();
    assert_eq!((status.blobs, status.blobs_missing), (1, 0));
    let shown = vault.card(first).unwrap();
    let ItemShown::Image {
        blob,
        alt,
        width_px,
        ..
    } = &shown.front[1]
    else {
        panic!("{shown:?}")
    };
    assert_eq!((alt.as_str(), *width_px), ("a cat", 451));
    assert_eq!(vault.sync_read_offers(None, 10).unwrap().items.len(), 1);

    // The text of the side is replaced, its picture stays.
    vault
        .card_edit(
            first,
            &CardEdit {
                front: SideEdit::text("see"),
                ..CardEdit::default()
            },
        )
        .unwrap();
    assert_eq!(vault.card(first).unwrap().front.len(), 2);

    let path = vault.blobs().path(blob);
    damage(&path);
    let report = vault.verify().unwrap();
    assert!(!report.ok && report.problems[0].contains(&blob.to_string()));
    assert_eq!(vault.status().unwrap().blobs_missing, 1);
    assert_eq!(vault.sync_read_wants(None, 10).unwrap().items.len(), 1);
    assert!(vault.verify().unwrap().ok);
    assert!(MediaFile::read(&file, media::Kind::Audio, None).is_err());
}

fn damage(path: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    let mut bytes = std::fs::read(path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn a_rebuilt_index_is_the_same_and_a_damaged_one_is_told() {
    let (_dir, mut vault) = alone();
    let deck = vault.deck_add("D").unwrap();
    let card = vault.add_card(&texts(deck, "f", "b")).unwrap();
    vault
        .review(card, client::Answer::now(domain::Grade::Good))
        .unwrap();
    let (digest, shown) = (vault.state_digest().unwrap(), vault.card(card).unwrap());
    vault.rebuild_index().unwrap();
    assert_eq!(
        (vault.state_digest().unwrap(), vault.card(card).unwrap()),
        (digest, shown)
    );
    assert_eq!(vault.verify().unwrap().problems, Vec::<String>::new());
}

#[test]
fn a_front_of_nothing_but_blanks_is_refused() {
    let mut relay = Relay::new(1);
    let vault = &mut relay.vaults[0];
    let deck = vault.deck_add("D").unwrap();
    let refused = |error: VaultError| assert!(error.to_string().contains("on its front"));
    refused(vault.add_card(&texts(deck, " ", "back")).unwrap_err());
    let id = vault.add_card(&texts(deck, "front", "back")).unwrap();
    let edit = CardEdit {
        front: SideEdit::text("\t"),
        ..CardEdit::default()
    };
    refused(vault.card_edit(id, &edit).unwrap_err());
    assert_eq!(vault.card(id).unwrap().reviews, 0);
}
