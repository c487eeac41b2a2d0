//! The table in memory says at every moment what the rows say, and what the naive reading of the query says of them.

use domain::search::naive::{self, NaiveCard};
use domain::{Grade, Item};
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::index::Rows;
use crate::vault::{Answer, CardEdit, NewCard, NewItem, SideEdit, VaultError};
use crate::{Clock, Moment};

const QUERIES: [&str; 22] = [
    "",
    "oslo",
    "nc:malmo or w:rome",
    "o_l* -rome",
    "front:oslo",
    "back:*m*",
    "\"re:^(o|r)\"",
    "deck:north",
    "-deck:north::far",
    "tag:sea",
    "tag:none is:new",
    "is:due",
    "is:learn or is:review",
    "is:suspended",
    "is:removed",
    "is:removed or oslo",
    "is:leech or is:conflict",
    "box>1 lapses=0",
    "due<3 or ivl>=2",
    "added:1 reps>0",
    "rated:1:1 or rated:2:3",
    "introduced:2 -rated:1",
];

const WORDS: [&str; 5] = ["Oslo", "Malmö by the sea", "Rome", "old mill", ""];

#[derive(Debug, Clone)]
enum Step {
    Add(usize, bool),
    Edit(usize, usize),
    Tag(usize, bool),
    Suspend(usize, bool),
    Remove(usize),
    Restore(usize),
    Review(usize, u8),
    Undo,
    RenameDeck(usize),
    RemoveDeck,
    RestoreDeck,
    Rebuild,
    /// A write that ends in an error after it touched the card.
    Fail(usize),
    /// A row of the index that goes and comes back.
    Lose(usize),
    /// The table begins anew and reads only so many rows.
    ReadFew(usize),
    NextDay,
    Ask(usize, SortBy, bool),
}

fn any_step() -> impl Strategy<Value = Step> {
    let sort = prop_oneof![
        Just(SortBy::Made),
        Just(SortBy::Due),
        Just(SortBy::Added),
        Just(SortBy::Box),
        Just(SortBy::Deck),
        Just(SortBy::Text),
    ];
    let card = || 0_usize..16;
    prop_oneof![
        4 => (0..WORDS.len(), any::<bool>()).prop_map(|(words, far)| Step::Add(words, far)),
        2 => (card(), 0..WORDS.len()).prop_map(|(card, words)| Step::Edit(card, words)),
        2 => (card(), any::<bool>()).prop_map(|(card, on)| Step::Tag(card, on)),
        1 => (card(), any::<bool>()).prop_map(|(card, on)| Step::Suspend(card, on)),
        1 => card().prop_map(Step::Remove),
        1 => card().prop_map(Step::Restore),
        4 => (card(), 1_u8..=4).prop_map(|(card, grade)| Step::Review(card, grade)),
        1 => Just(Step::Undo),
        1 => (0_usize..3).prop_map(Step::RenameDeck),
        1 => Just(Step::RemoveDeck),
        1 => Just(Step::RestoreDeck),
        1 => Just(Step::Rebuild),
        1 => card().prop_map(Step::Fail),
        1 => card().prop_map(Step::Lose),
        1 => (0_usize..4).prop_map(Step::ReadFew),
        1 => Just(Step::NextDay),
        9 => (0..QUERIES.len(), sort, any::<bool>()).prop_map(|(q, s, r)| Step::Ask(q, s, r)),
    ]
}

/// A vault with two decks, and what was made in it.
struct World {
    _dir: tempfile::TempDir,
    vault: Vault,
    decks: [DeckId; 2],
    cards: Vec<CardId>,
    now: Moment,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let mut vault = Vault::init(dir.path(), "test").expect("a vault");
        let decks = ["North", "North::Far"].map(|name| vault.deck_add(name).expect("a deck"));
        let now = vault.now();
        vault.set_clock(Clock::Still(now));
        vault.keeps_table = true;
        Self {
            _dir: dir,
            vault,
            decks,
            cards: Vec::new(),
            now,
        }
    }

    /// Does one step. What a vault refuses, as to restore what was not removed, changes nothing.
    fn step(&mut self, step: &Step) -> VaultResult<()> {
        let cards = self.cards.clone();
        let card = |number: &usize| {
            let card = cards.get(number % cards.len().max(1)).copied();
            card.ok_or(VaultError::NothingToUndo)
        };
        let vault = &mut self.vault;
        match step {
            Step::Add(words, far) => {
                let text = |at: usize| vec![NewItem::Text(WORDS[at % WORDS.len()].to_owned())];
                let added = vault.add_card(&NewCard {
                    deck: self.decks[usize::from(*far)],
                    front: text(*words),
                    back: text(words + 1),
                    tags: Vec::new(),
                })?;
                self.cards.push(added);
                Ok(())
            }
            Step::Edit(number, words) => {
                let id = card(number)?;
                let front = SideEdit::text(WORDS[*words]);
                vault.card_edit(
                    id,
                    &CardEdit {
                        front,
                        ..CardEdit::default()
                    },
                )
            }
            Step::Tag(number, on) => {
                let (id, name) = (card(number)?, vec!["Sea".to_owned()]);
                let (tags, untag) = if *on { (name, vec![]) } else { (vec![], name) };
                vault.card_edit(
                    id,
                    &CardEdit {
                        tags,
                        untag,
                        ..CardEdit::default()
                    },
                )
            }
            Step::Suspend(number, on) => {
                let id = card(number)?;
                let suspended = Some(*on);
                vault.card_edit(
                    id,
                    &CardEdit {
                        suspended,
                        ..CardEdit::default()
                    },
                )
            }
            Step::Remove(number) => vault.card_remove(card(number)?),
            Step::Restore(number) => vault.card_restore(card(number)?),
            Step::Review(number, grade) => {
                let grade = Grade::from_number(*grade).expect("a grade");
                vault.review(card(number)?, Answer::now(grade)).map(drop)
            }
            Step::Undo => vault.undo().map(drop),
            Step::RenameDeck(name) => {
                let name = ["North", "South", "north b"][*name];
                vault.deck_rename(self.decks[0], name)
            }
            Step::RemoveDeck => vault.deck_remove(self.decks[1]),
            Step::RestoreDeck => vault.deck_restore(self.decks[1]),
            Step::Rebuild => vault.rebuild_index(),
            Step::Fail(number) => {
                let key = key::card(card(number)?);
                vault.write(|tx| {
                    tx.writer.set(key, None);
                    Err(VaultError::NothingToUndo)
                })
            }
            Step::Lose(number) => {
                let key = key::card(card(number)?);
                let row = vault.store.row(&key)?;
                vault.write(|tx| {
                    tx.writer.set(key.clone(), None);
                    Ok(())
                })?;
                check(vault, QUERIES[0], Order::default());
                vault.write(|tx| {
                    tx.writer.set(key, row);
                    Ok(())
                })
            }
            Step::ReadFew(rows) => {
                vault.table.lock().expect("the table").forget();
                let search = vault.begin_search(&Query::default())?;
                vault.true_table(&search, *rows).map(drop)
            }
            Step::NextDay => {
                self.now.at.0 += 86_400_000;
                vault.set_clock(Clock::Still(self.now));
                Ok(())
            }
            Step::Ask(query, by, reverse) => {
                check(
                    vault,
                    QUERIES[*query],
                    Order {
                        by: *by,
                        reverse: *reverse,
                    },
                );
                Ok(())
            }
        }
    }
}

/// Asks the table, the rows and the naive reading, and compares.
fn check(vault: &mut Vault, text: &str, order: Order) {
    let query = Query::parse(text).expect("a query");
    let warm = vault.search(&query, order).expect("a search");
    let warm_pages = pages(vault, &query);
    vault.keeps_table = false;
    assert_eq!(
        vault.search(&query, order).expect("a search"),
        warm,
        "{text} {order:?}"
    );
    assert_eq!(pages(vault, &query), warm_pages, "{text}");
    vault.keeps_table = true;
    let mut sorted = warm;
    sorted.sort();
    assert_eq!(naive(vault, &query), sorted, "{text}");
    assert_eq!(warm_pages, sorted, "{text}");
}

fn pages(vault: &Vault, query: &Query) -> Vec<CardId> {
    let (mut found, mut next) = (Vec::new(), Some(None));
    while let Some(after) = next {
        let page = vault.cards_after(query, after, 3).expect("a page");
        found.extend(page.cards.iter().map(|card| card.id));
        next = page.next.map(Some);
    }
    found
}

fn naive(vault: &Vault, query: &Query) -> Vec<CardId> {
    let (today, today_from) = vault.today_and_its_beginning();
    let rows: Vec<_> = vault
        .store
        .scan(key::CARDS)
        .collect::<Result<_, _>>()
        .expect("rows");
    let mut found = Vec::new();
    for (key, bytes) in rows {
        let id = CardId::from_bytes(key::last16(&key).expect("a card"));
        let row: CardRow = crate::index::row::decode(&bytes).expect("a row");
        let deck: DeckRow = vault
            .store
            .read(&key::deck(row.deck))
            .expect("a row")
            .expect("a deck");
        let words = |side: &[String]| -> Vec<String> {
            let items = side.iter().map(|stored| Item::parse(stored));
            items
                .filter_map(|item| item.words().map(str::to_owned))
                .collect()
        };
        let card = NaiveCard {
            facts: row::facts(id, &row),
            deck: deck.name,
            tags: row
                .tags
                .iter()
                .map(|tag| vault.settings.tag_name(*tag))
                .collect(),
            front: words(&row.front),
            back: words(&row.back),
            image: false,
            audio: false,
            answers: row::answers(&vault.store, id).expect("events").to_vec(),
        };
        let shown = if row.visible {
            deck.visible
        } else {
            query.wants_removed()
        };
        if shown && naive::holds(query.expr(), &card, today, today_from) {
            found.push(id);
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_table_is_true_after_anything(steps in vec(any_step(), 1..60)) {
        let mut world = World::new();
        for step in &steps {
            // What is refused, or ends in an error by design, is a step too.
            drop(world.step(step));
        }
        for query in QUERIES {
            check(&mut world.vault, query, Order::default());
        }
    }
}

#[test]
fn a_table_that_missed_too_much_is_read_again() {
    let mut world = World::new();
    let text = || vec![NewItem::Text("Oslo".to_owned())];
    let card = NewCard {
        deck: world.decks[0],
        front: text(),
        back: text(),
        tags: Vec::new(),
    };
    check(&mut world.vault, "oslo", Order::default());
    world.vault.add_cards(&vec![card; 1_500]).expect("cards");
    let found = world
        .vault
        .cards_matching(&Query::parse("oslo").expect("a query"));
    assert_eq!(found.expect("a search").len(), 1_500);
}
