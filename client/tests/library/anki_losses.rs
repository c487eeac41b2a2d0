//! What other programs lose without a message when two devices meet, each with the opposite outcome.

use client::{Answer, CardEdit, CardShown, Clock, ItemShown, NewItem, Query, SideEdit, Vault};
use domain::{CardId, Grade};

use crate::relay::{Relay, fixture, moment, noon, picture, texts};

fn card(vault: &Vault, card: CardId) -> CardShown {
    vault.card(card).unwrap()
}

fn first_text(items: &[ItemShown]) -> &str {
    match &items[0] {
        ItemShown::Text { text } => text,
        other => panic!("{other:?}"),
    }
}

fn edit(front: Option<&str>, back: Option<&str>, tag: &str) -> CardEdit {
    CardEdit {
        front: front.map(SideEdit::text).unwrap_or_default(),
        back: back.map(SideEdit::text).unwrap_or_default(),
        tags: vec![tag.to_owned()],
        ..CardEdit::default()
    }
}

#[test]
fn different_fields_and_tags_of_one_card_are_all_kept() {
    let mut relay = Relay::new(2);
    let (_, id) = relay.shared_card();
    relay.vaults[0]
        .card_edit(id, &edit(Some("Norway!"), None, "from-a"))
        .unwrap();
    relay.vaults[1]
        .card_edit(id, &edit(None, Some("Oslo!"), "from-b"))
        .unwrap();
    relay.settle();
    relay.assert_equal();
    for vault in &relay.vaults {
        let card = card(vault, id);
        assert_eq!(
            (first_text(&card.front), first_text(&card.back)),
            ("Norway!", "Oslo!")
        );
        assert_eq!(card.tags, ["from-a", "from-b"]);
        assert!(card.conflicts.is_empty());
    }
}

#[test]
fn reviews_of_one_card_on_two_devices_all_count() {
    let mut relay = Relay::new(2);
    let (_, id) = relay.shared_card();
    relay.vaults[0]
        .review(id, Answer::now(Grade::Good))
        .unwrap();
    relay.vaults[1]
        .review(id, Answer::now(Grade::Again))
        .unwrap();
    relay.settle();
    relay.assert_equal();
    for vault in &relay.vaults {
        let card = card(vault, id);
        assert_eq!(
            (card.reviews, card.box_number, card.due_day.as_deref()),
            (2, 1, Some("2026-03-03"))
        );
    }
    // Right on both is one promotion, not two.
    for day in 1..3 {
        relay
            .vaults
            .iter_mut()
            .for_each(|vault| vault.set_clock(noon(day)));
        for vault in &mut relay.vaults {
            vault.review(id, Answer::now(Grade::Good)).unwrap();
        }
        relay.settle();
    }
    relay.assert_equal();
    assert_eq!(
        (
            card(&relay.vaults[0], id).reviews,
            card(&relay.vaults[0], id).box_number
        ),
        (6, 2)
    );
}

#[test]
fn the_same_text_changed_twice_within_a_second_is_kept_twice_and_settled_by_a_person() {
    let mut relay = Relay::new(3);
    let (_, id) = relay.shared_card();
    relay.vaults[0]
        .card_edit(id, &edit(None, Some("Oslo (A)"), "t"))
        .unwrap();
    relay.vaults[1]
        .card_edit(id, &edit(None, Some("Oslo (B)"), "t"))
        .unwrap();
    relay.settle();
    relay.assert_equal();
    for vault in &relay.vaults {
        let conflicts = vault.conflicts().unwrap();
        assert_eq!((conflicts.len(), vault.status().unwrap().conflicts), (1, 1));
        assert_eq!(conflicts[0].place, "back item 1");
        let mut values = conflicts[0].values.clone();
        assert_eq!(values[0], first_text(&card(vault, id).back));
        values.sort();
        assert_eq!(values, ["Oslo (A)", "Oslo (B)"]);
    }
    let conflict = relay.vaults[2].conflicts().unwrap().remove(0);
    let keep = conflict
        .values
        .iter()
        .position(|value| value == "Oslo (A)")
        .unwrap();
    assert!(relay.vaults[2].conflict_pick(&conflict.id, 2).is_err());
    relay.vaults[2].conflict_pick(&conflict.id, keep).unwrap();
    assert!(relay.vaults[2].conflict_pick(&conflict.id, keep).is_err());
    relay.settle();
    relay.assert_equal();
    for vault in &relay.vaults {
        assert!(vault.conflicts().unwrap().is_empty());
        assert_eq!(first_text(&card(vault, id).back), "Oslo (A)");
    }
}

#[test]
fn a_third_text_joins_an_open_conflict_on_every_device() {
    let mut relay = Relay::new(3);
    let (_, id) = relay.shared_card();
    for vault in 0..3 {
        relay.vaults[vault]
            .card_edit(id, &edit(Some(&format!("front {vault}")), None, "t"))
            .unwrap();
    }
    // They learn of each other one after another, so that the conflict grows under their eyes.
    relay.sync(0);
    relay.sync(1);
    relay.sync(0);
    relay.sync(2);
    relay.settle();
    relay.assert_equal();
    let conflict = relay.vaults[1].conflicts().unwrap().remove(0);
    assert_eq!(conflict.values.len(), 3);
    relay.vaults[1]
        .conflict_join(&conflict.id, "all of it")
        .unwrap();
    relay.settle();
    relay.assert_equal();
    assert_eq!(first_text(&card(&relay.vaults[0], id).front), "all of it");
    assert_eq!(relay.vaults[0].status().unwrap().conflicts, 0);
}

#[test]
fn tags_put_on_apart_and_built_upon_apart_are_all_kept() {
    let mut relay = Relay::new(4);
    let (_, id) = relay.shared_card();
    let tag = |relay: &mut Relay, vault: usize| {
        relay.vaults[vault]
            .card_edit(id, &edit(None, None, &format!("tag {vault}")))
            .unwrap();
    };
    // 0 and 1 each make the card's first tag; 2 has seen only the one, 3 only the other, and each builds on that.
    tag(&mut relay, 0);
    relay.push(0);
    relay.pull(2, 40, false);
    tag(&mut relay, 1);
    let from_one = relay.outbox(1);
    relay.give(3, from_one);
    relay.sync(1);
    relay.sync(0);
    assert_eq!(card(&relay.vaults[0], id).tags, ["tag 0", "tag 1"]);
    tag(&mut relay, 2);
    tag(&mut relay, 3);
    relay.settle();
    relay.assert_equal();
    for vault in &relay.vaults {
        assert_eq!(card(vault, id).tags, ["tag 0", "tag 1", "tag 2", "tag 3"]);
    }
}

#[test]
fn an_edit_made_without_knowing_of_a_deletion_keeps_the_card() {
    let mut relay = Relay::new(2);
    let (deck, id) = relay.shared_card();
    relay.vaults[0].card_remove(id).unwrap();
    relay.vaults[1]
        .card_edit(id, &edit(None, Some("Oslo, of course"), "t"))
        .unwrap();
    relay.settle();
    relay.assert_equal();
    assert!(!card(&relay.vaults[0], id).removed);
    // A deletion made after seeing the edit deletes.
    relay.vaults[0].card_remove(id).unwrap();
    relay.settle();
    relay.assert_equal();
    assert!(card(&relay.vaults[1], id).removed);

    relay.vaults[0].deck_remove(deck).unwrap();
    let added = relay.vaults[1]
        .add_card(&texts(deck, "Sweden", "Stockholm"))
        .unwrap();
    relay.settle();
    relay.assert_equal();
    assert_eq!(relay.vaults[0].decks().unwrap().len(), 1);
    assert!(!card(&relay.vaults[0], added).removed);
}

#[test]
fn suspending_and_reviewing_are_both_kept() {
    let mut relay = Relay::new(2);
    let (_, id) = relay.shared_card();
    relay.vaults[0]
        .card_edit(
            id,
            &CardEdit {
                suspended: Some(true),
                ..CardEdit::default()
            },
        )
        .unwrap();
    relay.vaults[1]
        .review(id, Answer::now(Grade::Good))
        .unwrap();
    relay.settle();
    relay.assert_equal();
    let card = card(&relay.vaults[1], id);
    assert_eq!(
        (card.suspended, card.box_number, card.reviews),
        (true, 2, 1)
    );
    assert_eq!(relay.vaults[0].status().unwrap().due, 0);
}

#[test]
fn a_fast_clock_wins_nothing() {
    let mut relay = Relay::new(2);
    let (_, id) = relay.shared_card();
    let mut ahead = moment(0);
    ahead.at.0 += 4 * 60_000;
    relay.vaults[0].set_clock(Clock::Still(ahead));
    relay.vaults[0]
        .card_edit(id, &edit(None, Some("older"), "t"))
        .unwrap();
    let early = relay.vaults[0]
        .review(id, Answer::now(Grade::Again))
        .unwrap();
    relay.settle();
    relay.vaults[1]
        .card_edit(id, &edit(None, Some("newer"), "t"))
        .unwrap();
    let late = relay.vaults[1]
        .review(id, Answer::now(Grade::Good))
        .unwrap();
    relay.settle();
    relay.assert_equal();
    for vault in &relay.vaults {
        assert_eq!(first_text(&card(vault, id).back), "newer");
        assert!(vault.conflicts().unwrap().is_empty());
        // A review made after seeing another never sorts before it, whatever the clocks say.
        let order: Vec<_> = vault
            .why(id)
            .unwrap()
            .events
            .iter()
            .map(|event| event.id)
            .collect();
        assert_eq!(order, [early.event, late.event]);
    }
}

#[test]
fn a_bulk_add_and_a_few_typed_cards_are_all_there() {
    let mut relay = Relay::new(2);
    let (deck, _) = relay.shared_card();
    let many: Vec<_> = (0..1_500)
        .map(|number| texts(deck, &format!("a{number}"), "x"))
        .collect();
    let few: Vec<_> = (0..10)
        .map(|number| texts(deck, &format!("b{number}"), "x"))
        .collect();
    relay.vaults[0].add_cards(&many).unwrap();
    for card in &few {
        relay.vaults[1].add_card(card).unwrap();
    }
    relay.settle();
    relay.assert_equal();
    assert_eq!(relay.vaults[1].status().unwrap().cards, 1_511);
}

#[test]
fn one_file_name_with_two_contents_is_two_pictures() {
    let mut relay = Relay::new(2);
    let (deck, _) = relay.shared_card();
    for (vault, name) in [(0, "chelsea.jpg"), (1, "noninterleaved_420.jpg")] {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("map.jpg");
        std::fs::copy(fixture(name), &file).unwrap();
        let mut card = texts(deck, &format!("map {vault}"), "x");
        card.front
            .push(NewItem::Media(Box::new(picture(&file, None))));
        relay.vaults[vault].add_card(&card).unwrap();
    }
    relay.settle();
    for vault in 0..2 {
        assert_eq!(relay.vaults[vault].status().unwrap().blobs_missing, 1);
        assert_eq!(relay.copy_blobs(vault).len(), 1);
        let status = relay.vaults[vault].status().unwrap();
        assert_eq!((status.blobs, status.blobs_missing), (2, 0));
    }
    relay.assert_equal();
}

#[test]
fn a_device_that_had_decks_before_it_logged_in_keeps_them() {
    let mut relay = Relay::apart(2);
    let mut decks = Vec::new();
    for (number, vault) in relay.vaults.iter_mut().enumerate() {
        let deck = vault.deck_add(&format!("Deck {number}")).unwrap();
        let mut card = texts(deck, "f", "b");
        card.tags = vec!["shared".into(), format!("own {number}")];
        let card = vault.add_card(&card).unwrap();
        vault.review(card, Answer::now(Grade::Good)).unwrap();
        decks.push((deck, card));
    }
    let before: Vec<CardShown> = decks
        .iter()
        .zip(&relay.vaults)
        .map(|((_, id), vault)| card(vault, *id))
        .collect();
    relay.join(0);
    relay.settle();
    relay.join(1);
    relay.settle();
    relay.assert_equal();
    for vault in &relay.vaults {
        assert_eq!(vault.decks().unwrap().len(), 2);
        for ((_, id), before) in decks.iter().zip(&before) {
            assert_eq!(card(vault, *id), *before);
        }
        let devices: Vec<String> = decks
            .iter()
            .map(|(_, id)| vault.why(*id).unwrap().events[0].device.clone())
            .collect();
        assert_eq!(devices, ["device 0", "device 1"]);
    }
    // Logging in again sends nothing twice; logging out keeps what waits.
    relay.vaults[0].leave().unwrap();
    relay.vaults[0]
        .card_edit(decks[0].1, &edit(Some("f!"), None, "t"))
        .unwrap();
    assert!(relay.vaults[0].status().unwrap().server.is_none());
    relay.join(0);
    assert_eq!(relay.vaults[0].status().unwrap().pending_changes, 3);
    relay.settle();
    relay.assert_equal();
}

#[test]
fn a_copied_vault_goes_on_beside_its_original() {
    let mut relay = Relay::new(2);
    let (deck, id) = relay.shared_card();
    relay.vaults[0]
        .review(id, Answer::now(Grade::Good))
        .unwrap();
    // The second vault's folder becomes a copy of the first's.
    let (from, to) = (relay.path(0), relay.path(1));
    drop(relay.vaults.drain(..).collect::<Vec<_>>());
    std::fs::remove_dir_all(&to).unwrap();
    let copied = std::process::Command::new("cp")
        .arg("-a")
        .args([&from, &to])
        .status()
        .unwrap();
    assert!(copied.success());
    for path in [&from, &to] {
        let mut vault = Vault::open(path, "test", client::Hold::Short).unwrap();
        vault.set_clock(noon(1));
        relay.vaults.push(vault);
    }
    for (number, vault) in relay.vaults.iter_mut().enumerate() {
        vault
            .add_card(&texts(deck, &format!("copy {number}"), "x"))
            .unwrap();
        vault
            .card_edit(id, &edit(None, None, &format!("copy {number}")))
            .unwrap();
        vault.review(id, Answer::now(Grade::Good)).unwrap();
    }
    relay.settle();
    relay.assert_equal();
    let mut found = 0;
    relay.vaults[0]
        .cards(&Query::parse("copy").unwrap(), &mut |_| {
            found += 1;
            true
        })
        .unwrap();
    let card = card(&relay.vaults[1], id);
    assert_eq!((found, card.reviews, card.tags.len()), (2, 3, 2));
}
