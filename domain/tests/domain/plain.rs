//! Documents read without Automerge, held against it: what is read as plain is what Automerge shows, and it takes it, gives it
//! back byte for byte and loads what it saved of it. Honest histories, mutated ones, and changes built from arbitrary columns.

use std::panic::{AssertUnwindSafe, catch_unwind};

use automerge::transaction::Transactable;
use automerge::{Automerge, Change, ObjType, ROOT, ReadDoc};
use domain::document::{cards, deck as deck_doc, events, kind, settings};
use domain::intake::{GatedChange, Plain, Verdict, check_graph, check_schema, gate};
use domain::test_support::{Column, RawChange, body, seal, sleb};
use proptest::prelude::*;
use proptest::strategy::ValueTree;

use crate::convergence::{any_steps, run};
use crate::graph::Held;
use crate::support::{changes, deck, document, edit, merge};

fn gated(doc: &Automerge) -> Vec<GatedChange> {
    changes(doc)
        .iter()
        .map(|change| gate(change.raw_bytes()).unwrap())
        .collect()
}

/// Whether the changes are plain. If they are, Automerge agrees about all of it.
fn plain(all: &[GatedChange]) -> bool {
    let Some(plain) = Plain::read(all) else {
        return false;
    };
    let parsed: Vec<Change> = all
        .iter()
        .map(|change| Change::from_bytes(change.raw().to_vec()).unwrap())
        .collect();
    let mut doc = Automerge::new();
    doc.apply_changes(parsed.clone()).unwrap();
    for (change, mine) in parsed.iter().zip(all) {
        let kept = doc.get_change_by_hash(&change.hash()).unwrap();
        assert_eq!(kept.raw_bytes(), mine.uncompressed());
    }
    assert_eq!(check_schema(&doc, &parsed), Ok(()));
    let loaded = Automerge::load(&doc.save()).unwrap();
    assert_eq!(loaded.get_heads(), doc.get_heads());
    assert_eq!(loaded.get_changes(&[]).len(), all.len());
    for doc in [&doc, &loaded] {
        assert_eq!(kind(&plain), kind(doc));
        assert_eq!(cards::read(&plain), cards::read(doc));
        assert_eq!(
            deck_doc::read(&plain, deck(1)),
            deck_doc::read(doc, deck(1))
        );
        assert_eq!(settings::read(&plain), settings::read(doc));
        assert_eq!(events::read(&plain), events::read(doc));
    }
    true
}

#[test]
fn what_one_device_wrote_is_plain() {
    for doc in crate::gate::honest() {
        let all = gated(&doc);
        let one_writer = all
            .iter()
            .all(|change| change.deps().len() <= 1 && change.ops() > 0);
        assert!(
            plain(&all) || !one_writer || kind(&doc).is_none(),
            "{:?}",
            kind(&doc)
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_history_without_concurrency_is_plain(steps in any_steps(1)) {
        let docs = run(&steps, 1);
        prop_assert!(plain(&gated(&docs[0])));
    }

    #[test]
    fn any_history_is_read_as_automerge_reads_it(steps in any_steps(3)) {
        let mut docs = run(&steps, 3);
        for from in [1, 2] {
            let other = docs[from].clone();
            merge(&mut docs[0], &other);
        }
        plain(&gated(&docs[0]));
    }
}

/// A page whose operations have known numbers, written by two devices; 14 operations.
fn base() -> Automerge {
    let mut doc = document(0);
    edit(&mut doc, |tx| {
        tx.put(ROOT, "kind", "cards")?; // 1
        tx.put(ROOT, "v", 1_u64)?; // 2
        tx.put(ROOT, "deck", deck(1).to_string())?; // 3
        let all = tx.put_object(ROOT, "cards", ObjType::Map)?; // 4
        let card = tx.put_object(&all, CARD, ObjType::Map)?; // 5
        let front = tx.put_object(&card, "front", ObjType::List)?; // 6
        tx.insert(&front, 0, "a")?; // 7
        tx.insert(&front, 1, "b")?; // 8
        Ok(tx.put(&card, "flag", 3)?) // 9
    })
    .unwrap();
    let mut doc = doc.with_actor(automerge::ActorId::from([0xa1; 16]));
    edit(&mut doc, |tx| {
        let (_, all) = tx.get(ROOT, "cards").unwrap().unwrap();
        let (_, card) = tx.get(&all, CARD).unwrap().unwrap();
        tx.put(&card, "suspended", true)?; // 10
        let alive = tx.put_object(&card, "alive", ObjType::Map)?; // 11
        tx.put(&alive, "d", 1)?; // 12
        tx.put(&card, "flag", 4)?; // 13
        Ok(tx.put(&card, "created_at", 5)?) // 14
    })
    .unwrap();
    doc
}

const CARD: &str = "01010101-0101-0101-0101-010101010101";
const OPS: u64 = 14;

/// Object, key or element (counter), operation that stands there; actors: 1 wrote up to 9, 2 the rest.
const PLACES: [(u64, &str, u64, u64); 14] = [
    (0, "kind", 0, 1),
    (0, "v", 0, 2),
    (0, "new", 0, 0),
    (4, CARD, 0, 5),
    (4, "02020202-0202-0202-0202-020202020202", 0, 0),
    (5, "front", 0, 6),
    (5, "back", 0, 0),
    (5, "flag", 0, 13),
    (5, "suspended", 0, 10),
    (5, "created_at", 0, 14),
    (11, "d", 0, 12),
    (11, "e", 0, 0),
    (6, "", 7, 7),
    (6, "", 8, 8),
];

#[derive(Debug, Clone)]
struct AnyOp {
    place: usize,
    action: u64,
    insert: bool,
    value: usize,
    /// Which part says something else than it should, if any.
    odd: Option<(u8, u64)>,
    /// Whether it works in the object that the operation before made.
    nested: bool,
}

fn any_op() -> impl Strategy<Value = AnyOp> {
    let action =
        prop_oneof![6 => Just(1_u64), 2 => Just(0), 1 => Just(2), 2 => Just(3), 1 => 4..7_u64];
    let odd = prop::option::weighted(0.2, (0..6_u8, 0..20_u64));
    (
        0..PLACES.len(),
        action,
        any::<bool>(),
        0..9_usize,
        odd,
        any::<bool>(),
    )
        .prop_map(|(place, action, insert, value, odd, nested)| AnyOp {
            place,
            action,
            insert,
            value,
            odd,
            nested,
        })
}

/// The change by a third device upon the base that has these operations, its runs cut as `cuts` says.
fn build(doc: &Automerge, ops: &[AnyOp], cuts: &[u8], odd_head: u8) -> Vec<u8> {
    type Cells = Vec<Option<Vec<u8>>>;
    let number = |number: u64| Some(uleb(number));
    // The writer first, then those of the base.
    let actor_of = |counter: u64| match counter {
        0..=9 => 1,
        10..=OPS => 2,
        _ => 0,
    };
    let [
        mut oa,
        mut oc,
        mut ka,
        mut kt,
        mut action,
        mut meta,
        mut pc,
        mut pa,
    ]: [Cells; 8] = Default::default();
    let (mut kc, mut pctr): (Vec<Option<i64>>, Vec<Option<i64>>) = Default::default();
    let (mut insert, mut value) = (Vec::new(), Vec::new());
    let mut made = None;
    for (index, op) in ops.iter().enumerate() {
        let id = OPS + 1 + index as u64;
        let (mut object, mut key, mut element, mut pred) = PLACES[op.place];
        if let Some(inner) = made.filter(|_| op.nested) {
            (object, key, element, pred) = (inner, ["k", "l"][op.value % 2], 0, 0);
        }
        let mut inserts = op.insert && key.is_empty();
        let mut pred_actor = actor_of(pred);
        match op.odd {
            Some((0, by)) => object = by,
            Some((1, by)) => element = by,
            Some((2, by)) => pred = by,
            Some((3, by)) => pred_actor = by % 4,
            Some((4, _)) => inserts = !inserts,
            Some((5, _)) => key = if key.is_empty() { "kk" } else { "" },
            _ => {}
        }
        oa.push((object > 0).then(|| uleb(actor_of(object))));
        oc.push((object > 0).then(|| uleb(object)));
        if key.is_empty() {
            kt.push(None);
            ka.push((element > 0).then(|| uleb(actor_of(element))));
            kc.push(Some(element as i64));
        } else {
            kt.push(Some(
                [uleb(key.len() as u64), key.as_bytes().to_vec()].concat(),
            ));
            ka.push(None);
            kc.push(None);
        }
        insert.push(inserts);
        action.push(number(op.action));
        let bare = op.action % 2 == 0 || op.action == 3;
        let (kind, bytes): (u64, Vec<u8>) = match op.value {
            _ if bare && op.value != 8 => (0, Vec::new()),
            0 | 1 => (6, format!("t{}", op.value).into_bytes()),
            2 => (2, Vec::new()),
            3 => (3, vec![7]),
            4 => (4, vec![0x7f]),
            5 => (7, vec![1, 2]),
            6 => (9, vec![5]),
            7 => (5, vec![0; 8]),
            _ => (0, Vec::new()),
        };
        meta.push(number(((bytes.len() as u64) << 4) | kind));
        value.extend(bytes);
        let preds = u64::from(pred > 0 && !inserts);
        pc.push(number(preds));
        if preds > 0 {
            pa.push(number(pred_actor));
            pctr.push(Some(pred as i64));
        }
        if op.action == 0 {
            made = Some(id);
        }
    }
    let mut cuts = cuts.iter().copied().cycle();
    let mut change = RawChange::nulls(1);
    change.columns.clear();
    for (column, cells) in [
        (0x01, oa),
        (0x02, oc),
        (0x11, ka),
        (0x13, delta(&kc)),
        (0x15, kt),
        (0x42, action),
        (0x56, meta),
        (0x70, pc),
        (0x71, pa),
        (0x73, delta(&pctr)),
    ] {
        let bytes = rle(&cells, &mut || cuts.next().unwrap_or(0));
        if !bytes.is_empty() || odd_head == 1 {
            change.set(column, Column::raw(&bytes));
        }
    }
    if insert.iter().any(|yes| *yes) || odd_head != 2 {
        change.set(0x34, Column::raw(&bools(&insert)));
    }
    if !value.is_empty() {
        change.set(0x57, Column::raw(&value));
    }
    change.deps = doc.get_heads().iter().map(|head| head.0).collect();
    change.start_op = OPS + 1;
    change.others = vec![[0xa0; 16].to_vec(), [0xa1; 16].to_vec()];
    if odd_head == 3 {
        change.others.push(vec![0xa2; 16]);
    }
    change.chunk()
}

fn uleb(number: u64) -> Vec<u8> {
    if number < 0x80 {
        vec![number as u8]
    } else {
        vec![number as u8 | 0x80, (number >> 7) as u8]
    }
}

fn delta(cells: &[Option<i64>]) -> Vec<Option<Vec<u8>>> {
    let mut last = 0;
    let mut step = |value: i64| sleb(value - std::mem::replace(&mut last, value));
    cells.iter().map(|cell| cell.map(&mut step)).collect()
}

fn bools(cells: &[bool]) -> Vec<u8> {
    let mut out = Vec::new();
    let (mut value, mut rest) = (false, cells);
    while !rest.is_empty() {
        let run = rest.iter().take_while(|cell| **cell == value).count();
        out.extend(uleb(run as u64));
        (value, rest) = (!value, &rest[run..]);
    }
    out
}

/// Runs as Automerge writes them while `cut` says 0, others that mean the same otherwise.
fn rle(cells: &[Option<Vec<u8>>], cut: &mut impl FnMut() -> u8) -> Vec<u8> {
    let odd = cut() == 1;
    if cells.iter().all(Option::is_none) && !odd {
        return Vec::new();
    }
    let same = |at: usize| {
        cells[at..]
            .iter()
            .take_while(|cell| **cell == cells[at])
            .count()
    };
    let (mut out, mut at) = (Vec::new(), 0);
    while at < cells.len() {
        let Some(value) = &cells[at] else {
            let run = if odd { 1 } else { same(at) };
            out.push(0);
            out.extend(uleb(run as u64));
            at += run;
            continue;
        };
        let run = same(at);
        if run > 1 || odd {
            let run = if odd && cut() == 1 { 1 } else { run };
            out.extend(sleb(run as i64));
            out.extend(value);
            at += run;
            continue;
        }
        let mut end = at;
        while end < cells.len() && cells[end].is_some() && same(end) == 1 {
            end += 1;
        }
        out.extend(sleb(-((end - at) as i64)));
        cells[at..end]
            .iter()
            .flatten()
            .for_each(|cell| out.extend(cell));
        at = end;
    }
    out
}

/// How many of `chunk` behind the base is plain: all that pass are held against Automerge.
fn judge(doc: &Automerge, chunk: &[u8]) -> bool {
    let Ok(change) = gate(chunk) else {
        return false;
    };
    let mut all = gated(doc);
    let mut held = Held::default();
    all.iter().for_each(|change| held.take(change));
    if check_graph(&change, &held) != Ok(Verdict::Fresh) {
        return false;
    }
    all.push(change);
    plain(&all)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn any_columns(
        ops in prop::collection::vec(any_op(), 1..7),
        cuts in prop_oneof![2 => Just(vec![0]), 1 => prop::collection::vec(0..4_u8, 1..12)],
        odd_head in prop_oneof![6 => Just(0_u8), 1 => 1..4_u8],
    ) {
        thread_local!(static BASE: Automerge = base());
        BASE.with(|doc| judge(doc, &build(doc, &ops, &cuts, odd_head)));
    }

    #[test]
    fn mutated_bytes(
        which in 0..2_usize,
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..3),
    ) {
        thread_local!(static SEEDS: (Automerge, Vec<Vec<u8>>) = seeds());
        SEEDS.with(|(doc, seeds)| {
            let mut bytes = body(&seeds[which]).unwrap().to_vec();
            for (at, value) in &edits {
                let at = at.index(bytes.len());
                bytes[at] = *value;
            }
            judge(doc, &seal(&bytes));
        });
    }
}

/// Two changes upon the base, each of which is plain.
fn seeds() -> (Automerge, Vec<Vec<u8>>) {
    let doc = base();
    let op = |place, action, insert, value, nested| AnyOp {
        place,
        action,
        insert,
        value,
        odd: None,
        nested,
    };
    let some = [
        op(4, 0, false, 0, false),
        op(0, 1, false, 3, true),
        op(7, 1, false, 4, false),
        op(12, 1, true, 0, false),
        op(13, 3, false, 0, false),
    ];
    let more = [
        op(10, 3, false, 0, false),
        op(11, 1, false, 2, false),
        op(12, 1, false, 1, false),
        op(3, 1, false, 0, false),
    ];
    let seeds = vec![
        build(&doc, &some, &[0], 0),
        build(&doc, &more[..3], &[0], 0),
    ];
    (doc, seeds)
}

#[test]
fn the_seeds_are_plain_and_objects_stay() {
    let (doc, seeds) = seeds();
    assert!(plain(&gated(&doc)));
    for seed in &seeds {
        let mut all = gated(&doc);
        all.push(gate(seed).unwrap());
        assert!(judge(&doc, seed), "{:?}", Plain::read(&all));
    }
    // Automerge agrees that it is harmless; it is left to it all the same.
    let over_an_object = AnyOp {
        place: 3,
        action: 1,
        insert: false,
        value: 0,
        odd: None,
        nested: false,
    };
    assert!(!judge(&doc, &build(&doc, &[over_an_object], &[0], 0)));
}

/// More of the same, for as long as asked: `PLAIN_ROUNDS=1000000 cargo test --release -p domain plain`.
#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a test is told how long to go on"
)]
fn many_more_when_asked() {
    let rounds = std::env::var("PLAIN_ROUNDS")
        .ok()
        .and_then(|rounds| rounds.parse().ok())
        .unwrap_or(0_u64);
    let doc = base();
    let (_, seeds) = seeds();
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut passed, mut refused_by_both) = (0_u64, 0_u64);
    for round in 0..rounds {
        let chunk = if round % 2 == 0 {
            let strategy = (
                prop::collection::vec(any_op(), 1..7),
                prop::collection::vec(0..3_u8, 1..12),
            );
            let (ops, cuts) = strategy.new_tree(&mut runner).unwrap().current();
            build(&doc, &ops, if round % 4 == 0 { &[0] } else { &cuts }, 0)
        } else {
            let edits = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..3);
            let mut bytes = body(&seeds[usize::try_from(round / 2 % 2).unwrap()])
                .unwrap()
                .to_vec();
            for (at, value) in edits.new_tree(&mut runner).unwrap().current() {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
            seal(&bytes)
        };
        match catch_unwind(AssertUnwindSafe(|| judge(&doc, &chunk))) {
            Ok(true) => passed += 1,
            Ok(false) => refused_by_both += 1,
            Err(panic) => {
                println!(
                    "{}",
                    chunk
                        .iter()
                        .map(|byte| format!("{byte:02x}"))
                        .collect::<String>()
                );
                std::panic::resume_unwind(panic)
            }
        }
    }
    println!("{passed} plain and as Automerge has them, {refused_by_both} left to Automerge");
}
