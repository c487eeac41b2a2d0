//! What a session of sync asks of a vault: packs and hostile bytes, the incarnation, a new identity, repair, refusals.

use client::{Answer, CardEdit, Hold, NewItem, SideEdit, Vault};
use domain::{DeviceId, DocId, Grade, VaultId};
use storage::{encode_pack, pack_hash};
use sync_protocol::device::{Apply, BlobRefused, Pack, Welcomed};
use sync_protocol::{
    Chain, Cursor, DocChange, Limits, LogEpoch, NewIdentity, PackHash, Quota, Reason,
};

use crate::relay::{Relay, fixture, noon, picture, texts};

fn cursor(seq: u64) -> Option<Cursor> {
    Some(Cursor {
        epoch: LogEpoch::from_bytes([1; 16]),
        seq,
        chain: Chain::START,
    })
}

fn packs(relay: &mut Relay, vault: usize) -> Vec<Pack> {
    let mut by_doc: std::collections::BTreeMap<DocId, Vec<Vec<u8>>> =
        std::collections::BTreeMap::new();
    for item in relay.outbox(vault) {
        by_doc.entry(item.doc).or_default().push(item.change);
    }
    let pack = |(doc, changes): (DocId, Vec<Vec<u8>>)| {
        let bytes = encode_pack(&changes);
        Pack {
            doc,
            pack: PackHash::from_bytes(pack_hash(&bytes)),
            bytes,
        }
    };
    by_doc.into_iter().map(pack).collect()
}

fn welcome(vault: &Vault, new_identity: Option<NewIdentity>) -> Welcomed {
    Welcomed {
        vault: vault.vault_id(),
        limits: Limits::default(),
        quota: Quota { used: 5, limit: 10 },
        incarnation: domain::IncarnationId::from_bytes([3; 16]),
        new_identity,
        clock_ahead_ms: 1_500,
        repair: false,
    }
}

#[test]
fn a_fresh_device_takes_packs() {
    let mut relay = Relay::new(2);
    let deck = relay.vaults[0].deck_add("D").unwrap();
    let cards: Vec<_> = (0..300)
        .map(|number| texts(deck, &format!("{number}"), "x"))
        .collect();
    let ids = relay.vaults[0].add_cards(&cards).unwrap();
    relay.vaults[0]
        .review(ids[7], Answer::now(Grade::Good))
        .unwrap();
    let packs = packs(&mut relay, 0);
    let done = relay.vaults[1]
        .sync_apply(Apply {
            packs,
            items: Vec::new(),
            cursor: cursor(9),
        })
        .unwrap();
    assert!(
        done.fresh >= 5 && done.set_aside == 0 && !done.wants_changed,
        "{done:?}"
    );
    assert_eq!(relay.vaults[1].sync_begin(false).unwrap().cursor, cursor(9));
    relay.assert_equal();
    relay.settle();
    relay.assert_equal();
}

#[test]
fn harmful_bytes_are_set_aside_and_the_next_honest_edit_works() {
    let mut relay = Relay::new(2);
    let (_, id) = relay.shared_card();
    relay.vaults[0]
        .card_edit(
            id,
            &CardEdit {
                front: SideEdit::text("edited"),
                ..CardEdit::default()
            },
        )
        .unwrap();
    let honest = relay.outbox(0);
    let mut flipped = honest.clone();
    for item in &mut flipped {
        let middle = item.change.len() / 2;
        item.change[middle] ^= 0x40;
    }
    let doc = honest[0].doc;
    let garbage = DocChange {
        doc,
        change: b"no change at all".to_vec(),
    };
    let stranger = DocChange {
        doc: DocId::from_bytes([9; 16]),
        change: vec![0; 500],
    };
    let pack = encode_pack(&[vec![1_u8; 40]]);
    let lying = Pack {
        doc,
        pack: PackHash::from_bytes([0; 32]),
        bytes: pack.clone(),
    };
    let odd = Pack {
        doc,
        pack: PackHash::from_bytes(pack_hash(&pack)),
        bytes: pack,
    };
    let mut items = flipped;
    items.extend([garbage, stranger]);
    let before = relay.vaults[1].state_digest().unwrap();
    let count = u32::try_from(items.len()).unwrap();
    let done = relay.vaults[1]
        .sync_apply(Apply {
            packs: vec![lying, odd],
            items,
            cursor: cursor(5),
        })
        .unwrap();
    assert_eq!((done.fresh, done.set_aside), (0, count + 2));
    assert_eq!(relay.vaults[1].state_digest().unwrap(), before);
    // A page with an unreadable pack comes again.
    assert_ne!(relay.vaults[1].sync_begin(false).unwrap().cursor, cursor(5));
    relay.settle();
    relay.assert_equal();
    let report = relay.vaults[1].verify().unwrap();
    assert!(
        report.ok && report.set_aside.len() >= 4,
        "{:?}",
        report.set_aside
    );
    assert!(
        report
            .set_aside
            .iter()
            .all(|change| !change.reason.is_empty())
    );
}

#[test]
fn the_incarnation_turns_with_what_is_sent_and_survives_a_lost_answer() {
    let mut relay = Relay::new(1);
    let first = relay.vaults[0].sync_begin(false).unwrap();
    assert_ne!(first.incarnation, first.next_incarnation);
    relay.reopen(0);
    let again = relay.vaults[0].sync_begin(true).unwrap();
    assert_eq!(first.incarnation, again.incarnation);
    // The server may have taken the pair and its answer been lost: another pair would look like a copy.
    assert!(again.repair && first.next_incarnation == again.next_incarnation);
    let welcome = Welcomed {
        incarnation: again.next_incarnation,
        ..welcome(&relay.vaults[0], None)
    };
    relay.vaults[0].sync_welcomed(&welcome).unwrap();
    relay.reopen(0);
    // Welcomed only: what it was to send is not acknowledged.
    let unsent = relay.vaults[0].sync_begin(false).unwrap();
    assert_eq!(unsent.next_incarnation, again.next_incarnation);
    let sent = relay.vaults[0].sync_read_outbox(0, usize::MAX).unwrap();
    let lseqs: Vec<u64> = sent.iter().map(|item| item.lseq).collect();
    relay.vaults[0].sync_clear_outbox(&lseqs, None).unwrap();
    relay.reopen(0);
    let later = relay.vaults[0].sync_begin(false).unwrap();
    assert_eq!(later.incarnation, again.next_incarnation);
    // Nothing to send: the present one goes on, and a session that then sends something makes the next one turn.
    assert_eq!(later.next_incarnation, later.incarnation);
    relay.vaults[0].sync_clear_outbox(&[], None).unwrap();
    relay.reopen(0);
    let turned = relay.vaults[0].sync_begin(false).unwrap();
    assert_eq!(turned.incarnation, later.incarnation);
    assert_ne!(turned.next_incarnation, turned.incarnation);
    let status = relay.vaults[0].status().unwrap();
    assert_eq!(
        (
            status.quota_used_bytes,
            status.quota_limit_bytes,
            status.clock_ahead_ms
        ),
        (Some(5), Some(10), 1_500)
    );
}

#[test]
fn a_vault_that_is_told_to_be_a_copy_goes_on_under_a_new_id() {
    let mut relay = Relay::new(2);
    let (_, id) = relay.shared_card();
    relay.vaults[0]
        .review(id, Answer::now(Grade::Good))
        .unwrap();
    let old = relay.vaults[0].device_id();
    let identity = NewIdentity {
        device: DeviceId::from_bytes([8; 16]),
        token: "t".into(),
    };
    let welcome = welcome(&relay.vaults[0], Some(identity));
    relay.vaults[0].sync_welcomed(&welcome).unwrap();
    relay.reopen(0);
    assert_eq!(relay.vaults[0].device_id(), DeviceId::from_bytes([8; 16]));
    assert_ne!(relay.vaults[0].device_id(), old);
    relay.vaults[0].set_clock(noon(1));
    relay.vaults[0]
        .review(id, Answer::now(Grade::Again))
        .unwrap();
    relay.settle();
    relay.assert_equal();
    let why = relay.vaults[1].why(id).unwrap();
    assert!(
        why.events.iter().all(|event| event.device == "device 0"),
        "{why:?}"
    );
    assert_eq!(why.events.len(), 2);
}

#[test]
fn what_came_from_another_device_is_offered_until_the_server_has_it() {
    let mut relay = Relay::new(2);
    let deck = relay.vaults[0].deck_add("D").unwrap();
    let media = picture(&fixture("chelsea.jpg"), None);
    let mut card = texts(deck, "f", "b");
    card.back.push(NewItem::Media(Box::new(media)));
    relay.vaults[0].add_card(&card).unwrap();
    relay.settle();
    let arrived = relay.copy_blobs(1);
    relay.reopen(1);
    let offered = |relay: &Relay| -> Vec<_> {
        let page = relay.vaults[1].sync_read_offers(None, 10).unwrap();
        page.items.into_iter().map(|item| item.hash).collect()
    };
    assert_eq!((arrived.len(), offered(&relay)), (1, arrived.clone()));

    relay.vaults[1]
        .sync_blobs_noted(&arrived, &arrived)
        .unwrap();
    assert_eq!(offered(&relay), [], "it came from the server");

    // Here whole, and not noted: the process ended in between.
    let blob = arrived[0];
    relay.vaults[1].blobs().remove(&blob).unwrap();
    relay.vaults[1].verify().unwrap();
    let bytes = relay.vaults[0].blobs().read(&blob).unwrap();
    relay.vaults[1].blobs().put_bytes(&bytes).unwrap();
    let wants = relay.vaults[1].sync_read_wants(None, 10).unwrap();
    assert!(wants.items.is_empty() && wants.some_are_here);
    assert_eq!(offered(&relay), arrived);
}

#[test]
fn refused_blobs_are_told_until_the_next_session_and_offered_again() {
    let mut relay = Relay::new(1);
    let deck = relay.vaults[0].deck_add("D").unwrap();
    let media = picture(&fixture("chelsea.jpg"), None);
    let bytes = media.item.blob().unwrap().1;
    let mut card = texts(deck, "f", "b");
    card.back.push(NewItem::Media(Box::new(media)));
    let id = relay.vaults[0].add_card(&card).unwrap();
    let offers = relay.vaults[0].sync_read_offers(None, 10).unwrap();
    let offer = offers.items[0].clone();
    assert_eq!(
        (
            offers.items.len(),
            offers.more,
            offer.bytes,
            offer.mime.as_str()
        ),
        (1, false, bytes, "image/jpeg")
    );
    assert!(
        relay.vaults[0]
            .sync_read_offers(Some(offer.hash), 10)
            .unwrap()
            .items
            .is_empty()
    );

    let refused = BlobRefused {
        hash: offer.hash,
        reason: Reason::Quota,
        quota: Quota { used: 7, limit: 8 },
        bytes,
    };
    relay.vaults[0].sync_blob_refused(&refused).unwrap();
    relay.reopen(0);
    let status = relay.vaults[0].status().unwrap();
    assert_eq!(
        (
            status.blobs_refused[0].bytes,
            status.blobs_refused[0].reason.as_str()
        ),
        (bytes, "quota")
    );
    assert_eq!(
        (status.quota_used_bytes, status.quota_limit_bytes),
        (Some(7), Some(8))
    );
    assert_eq!(
        relay.vaults[0]
            .sync_read_offers(None, 10)
            .unwrap()
            .items
            .len(),
        1
    );

    relay.vaults[0].sync_blobs_stored(&[offer.hash]).unwrap();
    assert!(relay.vaults[0].status().unwrap().blobs_refused.is_empty());
    assert!(
        relay.vaults[0]
            .sync_read_offers(None, 10)
            .unwrap()
            .items
            .is_empty()
    );
    assert_eq!(
        relay.vaults[0].sync_find_blobs(&[offer.hash]).unwrap(),
        std::slice::from_ref(&offer)
    );
    relay.vaults[0].sync_start_repair().unwrap();
    assert_eq!(
        relay.vaults[0]
            .sync_read_offers(None, 10)
            .unwrap()
            .items
            .len(),
        1
    );
    // What no card names any more is not offered.
    relay.vaults[0].card_remove(id).unwrap();
    assert!(
        relay.vaults[0]
            .sync_read_offers(None, 10)
            .unwrap()
            .items
            .is_empty()
    );
    assert_eq!(relay.vaults[0].status().unwrap().blobs, 0);
}

#[test]
fn media_of_cards_due_first_are_wanted_first() {
    let mut relay = Relay::new(2);
    let deck = relay.vaults[0].deck_add("D").unwrap();
    let mut ids = Vec::new();
    for name in ["chelsea.jpg", "noninterleaved_420.jpg"] {
        let media = picture(&fixture(name), None);
        let mut card = texts(deck, name, "b");
        card.front.push(NewItem::Media(Box::new(media)));
        ids.push(relay.vaults[0].add_card(&card).unwrap());
    }
    for day in [-20, -18] {
        let at = Some(crate::relay::moment(day));
        relay.vaults[0]
            .review(
                ids[1],
                Answer {
                    at,
                    ..Answer::now(Grade::Good)
                },
            )
            .unwrap();
    }
    relay.settle();
    let wants = relay.vaults[1].sync_read_wants(None, 10).unwrap().items;
    let first = wants.iter().max_by_key(|want| want.priority).unwrap().hash;
    let media = picture(&fixture("noninterleaved_420.jpg"), None);
    assert_eq!(first, media.item.blob().unwrap().0);
    let page = relay.vaults[1].sync_read_wants(None, 1).unwrap();
    assert!(page.more && page.items[0].hash < wants[1].hash);
    // What arrived and was not noted, as when the process was killed between the two, is not fetched again.
    relay.vaults[1]
        .blobs()
        .put_bytes(media.bytes.as_ref().unwrap())
        .unwrap();
    let wants = relay.vaults[1].sync_read_wants(None, 10).unwrap().items;
    assert!(wants.len() == 1 && wants[0].hash != first);
    assert_eq!(relay.vaults[1].status().unwrap().blobs_missing, 1);
}

#[test]
fn documents_of_a_vault_id_that_was_left_are_never_told_of() {
    let mut relay = Relay::apart(1);
    let left = DocId::settings(relay.vaults[0].vault_id());
    relay.vaults[0].deck_add("D").unwrap();
    relay.join(0);
    let now = DocId::settings(VaultId::from_bytes([7; 16]));
    let page = relay.vaults[0].sync_read_inventory(None, 100).unwrap();
    let told: Vec<DocId> = page.items.iter().map(|item| item.doc).collect();
    assert!(told.contains(&now) && !told.contains(&left) && told.is_sorted() && !page.more);
    assert!(relay.outbox(0).iter().all(|item| item.doc != left));
    let first = relay.vaults[0].sync_read_inventory(None, 1).unwrap();
    let rest = relay.vaults[0]
        .sync_read_inventory(Some(first.items[0].doc), 100)
        .unwrap();
    assert_eq!(
        (first.more, first.items.len() + rest.items.len()),
        (true, told.len())
    );
    // Everything after nothing is everything.
    let pending = relay.vaults[0].status().unwrap().pending_changes;
    let lseqs: Vec<u64> = relay.vaults[0]
        .sync_read_outbox(0, 1 << 20)
        .unwrap()
        .iter()
        .map(|row| row.lseq)
        .collect();
    relay.vaults[0].sync_clear_outbox(&lseqs, None).unwrap();
    assert_eq!(relay.vaults[0].status().unwrap().pending_changes, 0);
    for doc in told {
        let free = relay.vaults[0].sync_enqueue_after(doc, &[]).unwrap();
        assert!(free > *lseqs.last().unwrap());
    }
    assert_eq!(relay.vaults[0].status().unwrap().pending_changes, pending);
}

#[test]
fn a_vault_whose_store_is_lost_is_repaired_from_its_files_and_the_others() {
    let mut relay = Relay::new(2);
    let (deck, id) = relay.shared_card();
    relay.vaults[0]
        .review(id, Answer::now(Grade::Good))
        .unwrap();
    let path = relay.path(0);
    relay.reopen(0);
    relay.vaults[0]
        .add_card(&texts(deck, "after the copy", "x"))
        .unwrap();
    relay.settle();
    let device = relay.vaults[0].device_id();
    drop(relay.vaults.remove(0));
    let db = path.join("db/sled");
    for entry in std::fs::read_dir(&db)
        .unwrap()
        .map(Result::unwrap)
        .filter(|entry| entry.path().is_file())
    {
        let length = entry.metadata().unwrap().len();
        std::fs::write(entry.path(), vec![0x55; usize::try_from(length).unwrap()]).unwrap();
    }
    assert!(Vault::open(&path, "test", Hold::Short).is_err());
    let (mut vault, repaired) = Vault::repair(&path, "test").unwrap();
    vault.set_clock(noon(0));
    assert!(
        !repaired.identity_lost && repaired.documents >= 3,
        "{repaired:?}"
    );
    assert_eq!(vault.device_id(), device);
    assert_eq!(vault.card(id).unwrap().reviews, 1);
    relay.vaults.insert(0, vault);
    relay.forget_reading(0);
    relay.settle();
    relay.assert_equal();
    assert_eq!(relay.vaults[0].status().unwrap().cards, 2);
}
