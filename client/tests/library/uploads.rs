//! Pictures on their way into cards: the same upload is known again on every device, and what kills its reader is not tried for ever.

use client::{MediaFile, NewItem, VaultErrorKind};
use media::{Kind, Wishes};

use crate::relay::{Relay, alone, fixture, picture, texts, worker};

fn read(name: &str, alt: Option<&str>) -> MediaFile {
    MediaFile::read(&fixture(name), Kind::Image, alt.map(str::to_owned)).unwrap()
}

#[test]
fn the_same_upload_is_known_on_another_device_before_any_work() {
    let mut relay = Relay::new(2);
    let deck = relay.vaults[0].deck_add("D").unwrap();
    let mut card = texts(deck, "look", "cat");
    let first = picture(&fixture("chelsea.jpg"), Some("a cat".into()));
    card.front.push(NewItem::Media(Box::new(first.clone())));
    let id = relay.vaults[0].add_card(&card).unwrap();
    assert!(
        relay.vaults[1]
            .known_media(&read("chelsea.jpg", None))
            .unwrap()
            .is_none()
    );
    relay.settle();

    let known = relay.vaults[1]
        .known_media(&read("chelsea.jpg", Some("eine Katze")))
        .unwrap()
        .expect("it came with the card");
    assert!(known.bytes.is_none());
    assert_eq!(known.item.blob(), first.item.blob());
    assert_eq!(known.item.source(), first.item.source());
    assert_eq!(known.item.words(), Some("eine Katze"));

    // With the last card that names it, it is forgotten; the index made anew says the same.
    relay.vaults[1].card_remove(id).unwrap();
    assert!(
        relay.vaults[1]
            .known_media(&read("chelsea.jpg", None))
            .unwrap()
            .is_none()
    );
    relay.vaults[1].card_restore(id).unwrap();
    relay.vaults[1].rebuild_index().unwrap();
    assert!(
        relay.vaults[1]
            .known_media(&read("chelsea.jpg", None))
            .unwrap()
            .is_some()
    );
}

#[test]
fn a_file_that_ends_its_reader_is_refused_at_once_from_then_on() {
    let (_dir, mut vault) = alone();
    let file = read("chelsea.jpg", None);
    // A program that takes nothing and ends stands for a decoder that is killed.
    let refused = file
        .prepare(&media_worker::Worker::new("/bin/false"), Wishes::default())
        .unwrap_err();
    assert!(refused.is_harmful() && !refused.is_limit());
    assert!(refused.to_string().contains("chelsea.jpg"), "{refused}");
    vault.note_harmful(&file).unwrap();
    let error = vault.known_media(&file).unwrap_err();
    assert_eq!(error.kind(), VaultErrorKind::Usage);
    assert!(error.to_string().contains("chelsea.jpg"), "{error}");
    assert!(
        vault
            .known_media(&read("noninterleaved_420.jpg", None))
            .unwrap()
            .is_none()
    );
    assert!(file.prepare(&worker(), Wishes::default()).is_ok());
}
