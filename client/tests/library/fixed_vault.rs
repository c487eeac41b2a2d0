//! 5 000 cards and 200 000 events of four devices in two time zones, always the same: whatever the order in which a vault
//! hears of them, queue, states and statistics are equal, and equal to the golden file. `MEMORYVAULT_GOLDEN=write` renews that file.

use std::collections::BTreeMap;

use automerge::transaction::{CommitOptions, Transaction};
use automerge::{ActorId, Automerge};
use client::{OptionsChange, Query, Vault};
use domain::document::{EditError, cards, deck, events};
use domain::schedule::{Fsrs, Scheduler};
use domain::{
    CardId, Day, DeckId, DeviceId, DocId, Event, EventId, Grade, Hlc, Item, Kind, Month, OffsetMin,
    UnixMs,
};
use sync_protocol::DocChange;

use crate::relay::{DAY_MS, NOON, Relay, noon};

const DECKS: u8 = 5;
const CARDS_A_DECK: u16 = 1_000;
/// Of the cards that are not new, nine in ten: 202 500 events.
const EVENTS_A_CARD: u64 = 45;
const EVENTS_A_CHANGE: usize = 500;
/// Days over which the answers are spread, before the day of the golden figures.
const DAYS: u64 = 200;
/// Minutes that the devices' clocks are ahead of UTC: two in Berlin in winter, two in New York.
const OFFSETS: [i16; 4] = [60, 60, -300, -300];
const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/vaults/fixed.txt");

/// Numbers that look random and are the same every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

fn id(kind: u8, a: u64, b: u64) -> [u8; 16] {
    let hash = blake3::hash(format!("fixed vault {kind} {a} {b}").as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.as_bytes()[..16]);
    bytes
}

fn deck_doc(n: u8) -> DocId {
    DocId::from_bytes(id(1, u64::from(n), 0))
}

fn device(n: usize) -> DeviceId {
    DeviceId::from_bytes(id(2, n as u64, 0))
}

fn card(deck: u8, n: u16) -> CardId {
    CardId::from_bytes(id(3, u64::from(deck), u64::from(n)))
}

/// A document and its changes, each made by one edit.
struct Made(DocId, Automerge);

impl Made {
    fn new(doc: DocId, by: DeviceId) -> Self {
        Self(
            doc,
            Automerge::new().with_actor(ActorId::from(by.as_bytes())),
        )
    }

    fn edit(&mut self, change: impl FnOnce(&mut Transaction<'_>) -> Result<(), EditError>) {
        let options = |_: &()| CommitOptions::default().with_time(NOON / 1_000);
        self.1.transact_with(options, change).unwrap();
    }

    fn changes(self) -> Vec<DocChange> {
        let doc = self.0;
        let changes = self
            .1
            .get_changes(&[])
            .into_iter()
            .map(|mut change| DocChange {
                doc,
                change: change.bytes().into_owned(),
            });
        changes.collect()
    }
}

fn decks_and_cards() -> Vec<Vec<DocChange>> {
    let mut documents = Vec::new();
    for n in 0..DECKS {
        let (by, page) = (device(0), DocId::from_bytes(id(4, u64::from(n), 0)));
        let made = UnixMs(NOON - 300 * DAY_MS);
        let mut doc = Made::new(deck_doc(n), by);
        doc.edit(|tx| {
            deck::create(tx, &format!("Deck {n}"), made, by)?;
            deck::add_page(tx, page, by)
        });
        documents.push(doc.changes());
        let mut doc = Made::new(page, by);
        doc.edit(|tx| cards::create(tx, DeckId::from(deck_doc(n))));
        for some in (0..CARDS_A_DECK).collect::<Vec<_>>().chunks(250) {
            doc.edit(|tx| {
                some.iter().try_for_each(|number| {
                    let new = cards::NewCard {
                        id: card(n, *number),
                        front: vec![Item::text(format!("front {n} {number}"))],
                        back: vec![Item::text("back")],
                        tags: Default::default(),
                        created_at: UnixMs(made.0 + i64::from(*number)),
                        note: None,
                    };
                    cards::add(tx, &new, by)
                })
            });
        }
        documents.push(doc.changes());
    }
    documents
}

fn all_events() -> BTreeMap<(usize, Month), Vec<Event>> {
    let mut dice = Dice(5);
    let mut by_document: BTreeMap<(usize, Month), Vec<Event>> = BTreeMap::new();
    for n in 0..DECKS {
        for number in 0..CARDS_A_DECK {
            // A tenth of the cards is still new.
            if number % 10 == 9 {
                continue;
            }
            let mut last = None;
            for turn in 0..EVENTS_A_CARD {
                let by = dice.below(4) as usize;
                let at = NOON - (dice.below(DAYS * 24 * 60) as i64) * 60_000;
                let offset = OffsetMin(OFFSETS[by]);
                let (kind, graded) = match dice.below(60) {
                    0 => (Kind::Reset, false),
                    1 => (Kind::Bury, false),
                    2 | 3 => {
                        let due = Day::of(UnixMs(at), offset, 4).plus(dice.below(30) as i32);
                        let box_number = 1 + dice.below(5) as u8;
                        (Kind::Manual { box_number, due }, false)
                    }
                    4 | 5 => match last {
                        Some(target) => (Kind::Void { target }, false),
                        None => (Kind::Review, true),
                    },
                    6..=9 => (Kind::Learn, true),
                    10 | 11 => (Kind::Cram, true),
                    12..=20 => (Kind::Early, true),
                    _ => (Kind::Review, true),
                };
                let grade = Grade::from_number([1, 2, 3, 3, 3, 3, 4][dice.below(7) as usize]);
                let whose = u64::from(n) << 32 | u64::from(number) << 16 | turn;
                let event = Event {
                    id: EventId::from_bytes(id(5, whose, 0)),
                    card: card(n, number),
                    device: device(by),
                    hlc: Hlc::from_u64((at as u64) << 16 | dice.below(9)),
                    at: UnixMs(at),
                    offset_min: offset,
                    day: Day::of(UnixMs(at), offset, 4),
                    grade: grade.filter(|_| graded),
                    difficulty: (graded && dice.below(4) == 0).then(|| 1 + dice.below(5) as u8),
                    response_ms: dice.below(70_000) as u32,
                    kind,
                    prev_box: 1,
                    new_box: 1,
                };
                last = Some(event.id);
                let month = Day::of(event.at, OffsetMin(0), 0).month();
                by_document.entry((by, month)).or_default().push(event);
            }
        }
    }
    by_document
}

fn events_documents() -> Vec<Vec<DocChange>> {
    let mut documents = Vec::new();
    for ((by, month), mut all) in all_events() {
        all.sort_unstable_by_key(|event| event.id);
        for (segment, some) in (0..).zip(all.chunks(domain::limit::SEGMENT_EVENTS_MAX)) {
            let mut doc = Made::new(DocId::events(device(by), month, segment), device(by));
            doc.edit(|tx| events::create(tx, device(by), month));
            for sitting in some.chunks(EVENTS_A_CHANGE) {
                doc.edit(|tx| events::append(tx, sitting));
            }
            documents.push(doc.changes());
        }
    }
    documents
}

/// Every card as it stands, in the order of its making.
fn states(vault: &Vault) -> String {
    let mut text = String::new();
    vault
        .cards(&Query::default(), &mut |card| {
            text += &serde_json::to_string(&card).unwrap();
            text += "\n";
            true
        })
        .unwrap();
    text
}

/// The cards to ask today, in order.
fn queue(vault: &mut Vault) -> Vec<CardId> {
    let mut session = vault.study(&[]).unwrap();
    let mut queue = Vec::new();
    while let Some(card) = session.current(vault).unwrap() {
        queue.push(card.id);
        session.skip(card.id);
    }
    queue
}

/// What the vault shows: its figures in short, and a hash of everything.
fn told(vault: &mut Vault) -> String {
    let (states, queue) = (states(vault), queue(vault));
    let ids: String = queue.iter().map(|card| format!("{card}\n")).collect();
    let status = vault.status().unwrap();
    let mut lines = vec![
        format!("cards {}", status.cards),
        format!("events {}", status.events),
        format!("due {} new {}", status.due, status.new),
        format!(
            "statistics {}",
            blake3::hash(
                serde_json::to_string(&vault.statistics(&[], 365).unwrap())
                    .unwrap()
                    .as_bytes()
            )
        ),
        format!("states {}", blake3::hash(states.as_bytes())),
        format!("queue {} of {}", blake3::hash(ids.as_bytes()), queue.len()),
    ];
    lines.extend(queue.iter().take(20).map(|card| {
        let card = vault.card(*card).unwrap();
        format!(
            "{} box {} due {:?} ease {} stability {:?}",
            card.id, card.box_number, card.due_day, card.ease_factor, card.stability_days
        )
    }));
    lines.join("\n") + "\n"
}

#[test]
fn any_order_of_merging_shows_the_golden_vault() {
    let base = decks_and_cards();
    let logs = events_documents();
    let mut relay = Relay::new(3);
    // Deck 1 has SM-2 and deck 2 FSRS for the second half of the time, deck 3 FSRS for all of it.
    relay.vaults[0].set_clock(noon(-300));
    relay.give(0, base.concat());
    let choose = |vault: &mut Vault, n: u8, scheduler| {
        let change = OptionsChange {
            scheduler: Some(scheduler),
            ..OptionsChange::default()
        };
        vault
            .set_options(Some(DeckId::from(deck_doc(n))), &change)
            .unwrap();
    };
    choose(&mut relay.vaults[0], 3, Scheduler::Fsrs(Fsrs::default()));
    relay.vaults[0].set_clock(noon(-100));
    choose(&mut relay.vaults[0], 1, Scheduler::Sm2);
    choose(
        &mut relay.vaults[0],
        2,
        Scheduler::Fsrs(Fsrs {
            fuzz: false,
            ..Fsrs::default()
        }),
    );
    let settings: Vec<DocChange> = relay.outbox(0);
    relay.vaults[0].set_clock(noon(0));
    // One hears of everything in order, a document at a time.
    logs.iter().for_each(|log| relay.give(0, log.clone()));
    // One of the answers first, the last devices before the first, then the cards; much of it twice.
    for log in logs.iter().rev() {
        relay.give(1, log.clone());
    }
    for document in base.iter().rev() {
        relay.give(1, document.clone());
        relay.give(1, document.clone());
    }
    relay.give(1, settings.clone());
    // One in pages cut anywhere, documents mixed, every document's own order kept.
    let mut dice = Dice(9);
    let mut left: Vec<std::collections::VecDeque<DocChange>> = base
        .iter()
        .chain(&logs)
        .map(|log| log.clone().into())
        .collect();
    relay.give(2, settings);
    while !left.is_empty() {
        let mut page = Vec::new();
        for _ in 0..40 {
            if left.is_empty() {
                break;
            }
            let at = dice.below(left.len() as u64) as usize;
            page.extend(left[at].pop_front());
            if left[at].is_empty() {
                left.swap_remove(at);
            }
        }
        relay.give(2, page);
    }
    let told: Vec<String> = relay.vaults.iter_mut().map(told).collect();
    assert_eq!(told[0], told[1]);
    assert_eq!(told[0], told[2]);
    relay.vaults[1].fold_journal().unwrap();
    if std::env::var_os("MEMORYVAULT_GOLDEN").is_some() {
        std::fs::write(GOLDEN, &told[0]).unwrap();
    }
    let golden = std::fs::read_to_string(GOLDEN).unwrap_or_default();
    assert_eq!(told[0], golden, "MEMORYVAULT_GOLDEN=write renews {GOLDEN}");
}
