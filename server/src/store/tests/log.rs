//! The change log: dense, chained, deduplicated, checked, repaired.

use std::collections::BTreeSet;

use domain::ChangeHash;
use sync_protocol::server::{LogBody, LogRow};
use sync_protocol::{Chain, DocChange, DocHeads, Reason};

use super::{Fixture, Writer, add_account, doc};
use crate::limit;
use crate::store::compare::DocRange;

const ALL: DocRange = DocRange {
    after: None,
    through: None,
};

fn hash_of(item: &DocChange) -> ChangeHash {
    domain::intake::gate(&item.change).unwrap().hash()
}

fn inline(rows: &[LogRow]) -> Vec<DocChange> {
    let body = |row: &LogRow| match &row.body {
        LogBody::Inline(item) => item.clone(),
        LogBody::Packed(pack) => panic!("{pack:?}"),
    };
    rows.iter().map(body).collect()
}

#[test]
fn entries_are_dense_and_chained_and_survive_a_restart() {
    let mut fixture = Fixture::new(0);
    let items = Writer::new(doc(1), 1).many(5);
    let first = fixture.push(&items[..2]);
    assert_eq!((first.first_seq, first.head.seq), (Some(1), 2));
    let second = fixture.push(&items[2..]);
    assert_eq!((second.first_seq, second.head.seq), (Some(3), 5));
    let mut chain = Chain::START;
    for item in &items {
        chain = chain.then(&item.doc, &hash_of(item));
    }
    assert_eq!(second.head.chain, chain);
    fixture.restart(0);
    let account = fixture.account;
    let store = fixture.store();
    assert_eq!(store.head_cursor(account).unwrap(), second.head);
    let page = store.read_log(account, 0, usize::MAX, 100).unwrap();
    assert_eq!(inline(&page.rows), items);
    assert_eq!((page.cursor, page.head_seq), (second.head, 5));
    let tail = store.read_log(account, 2, 1, 100).unwrap();
    assert_eq!(inline(&tail.rows), items[2..3]);
    assert_eq!(tail.cursor.seq, 3);
    assert_eq!(store.read_log(account, 5, 1, 100).unwrap().rows, []);
    assert_eq!(
        store
            .read_log(account, 0, usize::MAX, 2)
            .unwrap()
            .rows
            .len(),
        2
    );
    assert_eq!(store.document_totals(account).unwrap().0, 1);
}

#[test]
fn the_same_change_twice_is_once() {
    let fixture = Fixture::new(0);
    let items = Writer::new(doc(1), 1).many(3);
    fixture.push(&items);
    let again = fixture.push(&items);
    assert_eq!((again.first_seq, again.head.seq), (None, 3));
    assert_eq!(again.refused, []);
    let doubled = [items.clone(), Writer::new(doc(2), 1).many(1)].concat();
    let mixed = fixture.push(&[doubled.as_slice(), doubled.as_slice()].concat());
    assert_eq!((mixed.first_seq, mixed.head.seq), (Some(4), 4));
}

#[test]
fn the_same_bytes_in_two_documents_are_two_entries() {
    let fixture = Fixture::new(0);
    let one = Writer::new(doc(1), 1).many(1);
    let two = Writer::new(doc(2), 1).many(1);
    assert_eq!(one[0].change, two[0].change);
    let both = fixture.push(&[one, two].concat());
    assert_eq!((both.first_seq, both.head.seq), (Some(1), 2));
}

#[test]
fn a_gap_is_named_and_told_with_the_servers_heads() {
    let fixture = Fixture::new(0);
    let items = Writer::new(doc(1), 1).many(4);
    fixture.push(&items[..1]);
    let gap = fixture.push(&[items[2].clone(), items[3].clone()]);
    assert_eq!(gap.first_seq, None);
    assert_eq!(gap.refused.len(), 1);
    assert_eq!(gap.refused[0].items, [0, 1]);
    assert_eq!(gap.refused[0].reason, Reason::UnknownDependency);
    let heads = vec![hash_of(&items[0])];
    assert_eq!(gap.missing, [DocHeads { doc: doc(1), heads }]);
    let healed = fixture.push(&items);
    assert_eq!((healed.first_seq, healed.head.seq), (Some(2), 4));
}

#[test]
fn two_changes_of_one_number_are_a_fork() {
    let fixture = Fixture::new(0);
    let mut writer = Writer::new(doc(1), 1);
    let base = writer.write("base");
    let mut copy = writer.fork(1);
    let (honest, forked) = (writer.write("one"), copy.write("two"));
    fixture.push(&[base, honest]);
    let after = copy.write("three");
    let refused = fixture.push(&[forked, after]);
    assert_eq!(refused.head.seq, 2);
    assert_eq!(refused.refused[0].reason, Reason::Forked);
    assert_eq!(refused.refused[0].items, [0, 1]);
}

#[test]
fn what_one_slice_of_a_batch_leaves_out_the_next_ones_do_too() {
    let fixture = Fixture::new(0);
    let mut writer = Writer::new(doc(1), 1);
    let base = writer.write("base");
    let mut copy = writer.fork(1);
    fixture.push(&[base, writer.write("one")]);
    let forked = copy.many(90);
    let honest = Writer::new(doc(2), 2).many(90);
    let pairs = forked.iter().zip(&honest);
    let batch: Vec<_> = pairs.flat_map(|(a, b)| [a.clone(), b.clone()]).collect();
    let answer = fixture.push(&batch);
    assert_eq!((answer.first_seq, answer.head.seq), (Some(3), 92));
    assert_eq!(answer.refused.len(), 1);
    assert_eq!(answer.refused[0].reason, Reason::Forked);
    let even: Vec<u32> = (0..90).map(|n| 2 * n).collect();
    assert_eq!(answer.refused[0].items, even);
    let again = fixture.push(&batch);
    assert_eq!((again.first_seq, again.head.seq), (None, 92));
    assert_eq!(again.refused, answer.refused);
}

#[test]
fn large_batches_at_once_are_each_answered_with_their_own_entries() {
    let fixture = Fixture::new(0);
    let (store, account) = (fixture.store(), fixture.account);
    let named: Vec<_> = std::thread::scope(|scope| {
        let pushers: Vec<_> = (1..=4)
            .map(|n| {
                scope.spawn(move || {
                    let mut writer = Writer::new(doc(n), n);
                    let answers = (0..4).map(|_| {
                        let answer = store.append(account, 1, &writer.many(70), None).unwrap();
                        assert_eq!(answer.refused, []);
                        (doc(n), answer.first_seq.unwrap(), answer.head.seq)
                    });
                    answers.collect::<Vec<_>>()
                })
            })
            .collect();
        let answers = pushers
            .into_iter()
            .flat_map(|pusher| pusher.join().unwrap());
        answers.collect()
    });
    let page = store.read_log(account, 0, usize::MAX, usize::MAX).unwrap();
    let seqs: Vec<u64> = page.rows.iter().map(|row| row.seq).collect();
    assert_eq!(seqs, (1..=4 * 4 * 70).collect::<Vec<_>>());
    for (doc, first, last) in named {
        let own = page
            .rows
            .iter()
            .filter(|row| (first..=last).contains(&row.seq));
        assert!(
            inline(&own.cloned().collect::<Vec<_>>())
                .iter()
                .all(|item| item.doc == doc)
        );
    }
}

#[test]
fn hostile_bytes_are_refused_and_honest_ones_beside_them_pass() {
    let fixture = Fixture::new(0);
    let honest = Writer::new(doc(1), 1).many(3);
    let mut flipped = honest[1].clone();
    *flipped.change.last_mut().unwrap() ^= 1;
    let hostile = [
        Vec::new(),
        b"not a change".to_vec(),
        honest[0].change[..20].to_vec(),
        flipped.change,
        [honest[0].change.as_slice(), b"x"].concat(),
    ];
    let mut items = Vec::new();
    for change in hostile {
        items.push(DocChange {
            doc: doc(1),
            change,
        });
    }
    items.extend(honest.clone());
    let appended = fixture.push(&items);
    assert_eq!((appended.first_seq, appended.head.seq), (Some(1), 3));
    let refused: BTreeSet<u32> = appended
        .refused
        .iter()
        .inspect(|group| assert_eq!(group.reason, Reason::Malformed))
        .flat_map(|group| group.items.clone())
        .collect();
    assert_eq!(refused, (0..5).collect());
    let page = fixture.store().read_log(fixture.account, 0, usize::MAX, 9);
    assert_eq!(inline(&page.unwrap().rows), honest);
}

#[test]
fn a_document_stays_under_its_bound_and_says_so() {
    let fixture = Fixture::new(0);
    let mut writer = Writer::new(doc(1), 1);
    let mut seed = 1_u64;
    let mut noise = || -> String {
        let mut step = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            char::from(b'0' + ((seed >> 33) % 75) as u8)
        };
        (0..200_000).map(|_| step()).collect()
    };
    let mut taken = 0;
    let refused = loop {
        let appended = fixture.push(&[writer.write(&noise())]);
        if let Some(refused) = appended.refused.first() {
            break refused.clone();
        }
        taken += 1;
        assert!(taken < 60);
    };
    assert_eq!(refused.reason, Reason::TooLarge);
    assert!(refused.message.contains("4194304"), "{}", refused.message);
    let small = fixture.push(&[writer.write("builds on what was refused")]);
    assert_eq!(small.refused[0].reason, Reason::UnknownDependency);
    let other = fixture.push(&Writer::new(doc(2), 1).many(1));
    assert_eq!(other.refused, []);
}

#[test]
fn loose_ends_stay_few_enough_to_be_joined() {
    let fixture = Fixture::new(0);
    let mut base = Writer::new(doc(1), 1);
    fixture.push(&[base.write("base")]);
    let max = limit::DOCUMENT_HEADS_MAX as u8;
    let mut forks: Vec<_> = (2..=max + 2).map(|actor| base.fork(actor)).collect();
    let items: Vec<_> = forks.iter_mut().map(|fork| fork.write("end")).collect();
    let appended = fixture.push(&items);
    assert_eq!(appended.refused[0].reason, Reason::TooMany);
    assert_eq!(appended.refused[0].items, [u32::from(max)]);
    forks.pop();
    for fork in &mut forks {
        base.merge(fork);
    }
    let joined = fixture.push(&[base.write("joined")]);
    assert_eq!(joined.refused, []);
    assert_eq!(fixture.push(&items[usize::from(max)..]).refused, []);
}

#[test]
fn parallel_pushes_of_one_device_and_many_agree() {
    let fixture = Fixture::new(0);
    let items = Writer::new(doc(1), 1).many(40);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| fixture.push(&items));
        }
        for actor in 2..6 {
            let fixture = &fixture;
            scope.spawn(move || {
                for item in Writer::new(doc(actor), actor).many(20) {
                    assert_eq!(fixture.push(&[item]).refused, []);
                }
            });
        }
    });
    let page = fixture
        .store()
        .read_log(fixture.account, 0, usize::MAX, 999);
    let page = page.unwrap();
    assert_eq!(page.head_seq, 40 + 4 * 20);
    let distinct: BTreeSet<_> = inline(&page.rows)
        .iter()
        .map(|item| (item.doc, hash_of(item)))
        .collect();
    assert_eq!(distinct.len(), 120);
    let mut chain = Chain::START;
    for item in inline(&page.rows) {
        chain = chain.then(&item.doc, &hash_of(&item));
    }
    assert_eq!(page.cursor.chain, chain);
}

#[test]
fn comparing_finds_what_each_side_lacks() {
    let fixture = Fixture::new(0);
    let mut common = Writer::new(doc(1), 1);
    let base = common.many(3);
    let mut device = common.fork(2);
    let servers = common.many(2);
    let devices = device.write("only on the device");
    let whole = Writer::new(doc(2), 1).many(2);
    let mut same = Writer::new(doc(3), 1);
    let unchanged = same.many(2);
    fixture.push(&[base, servers, whole, unchanged].concat());
    let inventory = vec![
        DocHeads {
            doc: doc(1),
            heads: device.heads(),
        },
        DocHeads {
            doc: doc(3),
            heads: same.heads(),
        },
        DocHeads {
            doc: doc(9),
            heads: vec![hash_of(&devices)],
        },
    ];
    let store = fixture.store();
    let compared = store.compare(fixture.account, ALL, inventory).unwrap();
    let missing: Vec<_> = compared.missing.iter().map(|item| item.doc).collect();
    assert_eq!(missing, [doc(1), doc(9)]);
    assert_eq!(compared.missing[0].heads, common.heads());
    assert_eq!(compared.missing[1].heads, []);
    // The device's own head is not known here, so the server can not tell what lies below it: it sends all of that
    // document, and what the device has already changes nothing there.
    assert_eq!(compared.seqs, [1, 2, 3, 4, 5, 6, 7]);

    let behind = vec![DocHeads {
        doc: doc(1),
        heads: vec![],
    }];
    let range = DocRange {
        after: None,
        through: Some(doc(1)),
    };
    let compared = store.compare(fixture.account, range, behind).unwrap();
    assert_eq!(compared.missing, []);
    assert_eq!(compared.seqs, [1, 2, 3, 4, 5]);
    let range = DocRange {
        after: Some(doc(1)),
        through: None,
    };
    let rest = store.compare(fixture.account, range, Vec::new()).unwrap();
    assert_eq!(rest.seqs, [6, 7, 8, 9]);
    let rows = store.read_entries(fixture.account, &rest.seqs, usize::MAX);
    assert_eq!(rows.unwrap().len(), 4);
}

#[test]
fn accounts_do_not_see_each_other() {
    let fixture = Fixture::new(0);
    let items = Writer::new(doc(1), 1).many(3);
    fixture.push(&items);
    let bob = add_account(fixture.store(), "bob");
    let store = fixture.store();
    assert_eq!(store.head_cursor(bob).unwrap().seq, 0);
    let compared = store.compare(bob, ALL, Vec::new()).unwrap();
    assert!(compared.seqs.is_empty());
    // The same document id and a random one are met with the same answer: nothing is known of either.
    let foreign = store.append(bob, 1, &items[1..2], None).unwrap();
    let random = DocChange {
        doc: doc(77),
        change: items[1].change.clone(),
    };
    let random = store.append(bob, 1, &[random], None).unwrap();
    assert_eq!(foreign.refused, random.refused);
    assert_eq!(foreign.missing[0].heads, random.missing[0].heads);
}

#[test]
fn a_removed_account_leaves_nothing_and_its_name_is_free() {
    let mut fixture = Fixture::new(0);
    fixture.push(&Writer::new(doc(1), 1).many(300));
    let account = fixture.account;
    let name = crate::auth::user_name::UserName::parse("ann").unwrap();
    fixture.store().cut_off(&name, account).unwrap();
    // The process ends before the rows are deleted.
    fixture.restart(0);
    let store = fixture.store();
    let rows = store.kv.scan(b"a/").count() + store.kv.scan(b"z/").count();
    assert_eq!(rows, 0);
    assert!(!store.account_dir(account).exists());
    assert!(store.append(account, 1, &[], None).is_err());
    add_account(store, "ann");
}
