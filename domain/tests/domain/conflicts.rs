//! Texts that devices changed apart: listed the same everywhere, until a person settles them.

use automerge::{ROOT, ReadDoc};
use domain::document::conflict::{ConflictId, Place, Side};
use domain::document::{EditError, cards, deck as deck_doc};
use domain::{Item, UnixMs};

use crate::support::{card, deck, device, document, edit, fork, merge, page_with};

#[test]
fn conflicting_texts_are_listed_until_settled() {
    let begun = page_with(vec![
        Item::parse(r#"{"t":"video"}"#),
        Item::text("capital?"),
    ]);
    let (mut a, mut b, mut c) = (fork(&begun, 1), fork(&begun, 2), fork(&begun, 3));
    for (doc, n, text) in [
        (&mut a, 1, "Capital of Norway?"),
        (&mut b, 2, "Norway: capital?"),
        (&mut c, 3, "Norway: capital?"),
    ] {
        edit(doc, |tx| {
            cards::set_side_text(tx, card(1), Side::Front, text, device(n))
        })
        .unwrap();
    }
    // The same text twice is no conflict.
    merge(&mut b, &c);
    assert_eq!(cards::read_card(&b, card(1)).unwrap().conflicts, vec![]);
    merge(&mut a, &b);
    merge(&mut b, &a);
    let view = cards::read_card(&a, card(1)).unwrap();
    assert_eq!(view, cards::read_card(&b, card(1)).unwrap());
    let place = Place::Item {
        card: card(1),
        side: Side::Front,
        index: 1,
    };
    let conflict = &view.conflicts[0];
    assert_eq!(
        (view.conflicts.len(), conflict.place, conflict.id),
        (1, place, ConflictId::of(place))
    );
    assert_eq!(conflict.id.to_string().parse(), Ok(conflict.id));
    assert_eq!(conflict.values[0], view.front[1]);
    let mut texts: Vec<_> = conflict.values.iter().filter_map(Item::as_text).collect();
    texts.sort_unstable();
    assert_eq!(texts, ["Capital of Norway?", "Norway: capital?"]);
    // Saying again what is shown settles nothing; an edit of the other side neither.
    let shown = view.front[1].as_text().unwrap().to_owned();
    edit(&mut a, |tx| {
        cards::set_side_text(tx, card(1), Side::Front, &shown, device(1))?;
        cards::set_side_text(tx, card(1), Side::Back, "Oslo", device(1))
    })
    .unwrap();
    assert_eq!(
        cards::read_card(&a, card(1)).unwrap().conflicts,
        view.conflicts
    );
    // The person keeps the winner itself: that too ends it, on every device.
    edit(&mut a, |tx| {
        cards::resolve(tx, place, &conflict.values[0], device(1))
    })
    .unwrap();
    merge(&mut b, &a);
    for doc in [&a, &b] {
        let view = cards::read_card(doc, card(1)).unwrap();
        assert_eq!(
            (view.conflicts, view.front[1].as_text()),
            (vec![], Some(shown.as_str()))
        );
    }
    let again = edit(&mut b, |tx| {
        cards::resolve(tx, place, &conflict.values[1], device(2))
    });
    assert!(matches!(again, Err(EditError::NoSuchConflict)));
}

#[test]
fn a_joined_text_settles_a_deck_name() {
    let mut begun = document(0);
    edit(&mut begun, |tx| {
        deck_doc::create(tx, "Capitals", UnixMs(7), device(0))
    })
    .unwrap();
    let (mut a, mut b) = (fork(&begun, 1), fork(&begun, 2));
    edit(&mut a, |tx| {
        deck_doc::rename(tx, "Capitals of Europe", device(1))
    })
    .unwrap();
    edit(&mut b, |tx| {
        deck_doc::rename(tx, "World capitals", device(2))
    })
    .unwrap();
    merge(&mut a, &b);
    let view = deck_doc::read(&a, deck(1));
    let place = Place::DeckName(deck(1));
    assert_eq!(
        view.conflicts.iter().map(|c| c.place).collect::<Vec<_>>(),
        [place]
    );
    assert_eq!(
        view.conflicts[0].values[0].as_text(),
        Some(view.name.as_str())
    );
    // What is shown is what Automerge itself calls the winner.
    let (winner, _) = a.get(ROOT, "name").unwrap().unwrap();
    assert_eq!(winner.as_str(), Some(view.name.as_str()));
    // Giving it the name it shows changes nothing, and so settles nothing.
    let shown = view.name.clone();
    edit(&mut a, |tx| deck_doc::rename(tx, &shown, device(1))).unwrap();
    assert_eq!(deck_doc::read(&a, deck(1)), view);
    let joined = Item::text("Capitals of Europe and the world");
    edit(&mut a, |tx| {
        deck_doc::resolve(tx, place, &joined, device(1))
    })
    .unwrap();
    let view = deck_doc::read(&a, deck(1));
    assert_eq!(
        (view.name.as_str(), view.conflicts),
        ("Capitals of Europe and the world", vec![])
    );
    let wrong = edit(&mut a, |tx| {
        deck_doc::resolve(tx, place, &joined, device(1))
    });
    assert!(matches!(wrong, Err(EditError::NoSuchConflict)));
}
