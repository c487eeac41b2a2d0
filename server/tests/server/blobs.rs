//! Pictures and sounds over the WebSocket: offered, stored, fetched, over quota, relayed.

use domain::BlobHash;
use sync_protocol::limit::CHUNK_BYTES_MAX;
use sync_protocol::{
    BlobBad, BlobData, BlobGet, BlobGrant, BlobOffer, BlobStored, Credit, Frame, GetItem,
    OfferItem, Reason, RefuseItem,
};

use crate::host::{Host, Login, request};
use crate::picture::picture;
use crate::wire::{Wire, hash, offer};

const SIZE: usize = 300_000;

fn two_devices(host: &Host) -> (Login, Login) {
    host.register("ann");
    (host.log_in("ann", 1), host.log_in("ann", 2))
}

fn send_offer(wire: &mut Wire, items: Vec<OfferItem>) -> Frame {
    wire.send(BlobOffer { items });
    wire.receive_until(|frame| match frame {
        Frame::BlobGrant(_) | Frame::BlobHeld(_) | Frame::BlobRefuse(_) => Some(frame),
        _ => None,
    })
}

fn granted(frame: Frame) -> BlobGrant {
    match frame {
        Frame::BlobGrant(grant) => grant,
        other => panic!("{other:?}"),
    }
}

fn refused(frame: Frame) -> RefuseItem {
    match frame {
        Frame::BlobRefuse(refuse) => refuse.items[0].clone(),
        other => panic!("{other:?}"),
    }
}

fn send_data(wire: &mut Wire, bytes: &[u8], from: usize) {
    let mut offset = from;
    for chunk in bytes[from..].chunks(CHUNK_BYTES_MAX) {
        wire.send(BlobData {
            hash: hash(bytes),
            offset: offset as u64,
            total: bytes.len() as u64,
            bytes: chunk.to_vec(),
            relayed: false,
        });
        offset += chunk.len();
    }
}

fn stored(wire: &mut Wire) -> Vec<BlobHash> {
    wire.receive_until(|frame| match frame {
        Frame::BlobStored(stored) => Some(stored.hashes),
        _ => None,
    })
}

fn upload(wire: &mut Wire, bytes: &[u8]) {
    let grant = granted(send_offer(wire, vec![offer(bytes)]));
    send_data(wire, bytes, grant.items[0].offset as usize);
    assert_eq!(stored(wire), [hash(bytes)]);
}

fn get(wire: &mut Wire, hash: BlobHash) {
    let item = GetItem {
        hash,
        offset: 0,
        priority: 1,
    };
    wire.send(BlobGet { items: vec![item] });
}

/// Takes a blob's pieces, giving credit, until it is whole.
fn download(wire: &mut Wire, hash: BlobHash) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let data = wire.receive_until(|frame| match frame {
            Frame::BlobData(data) => Some(data),
            _ => None,
        });
        assert_eq!((data.hash, data.offset), (hash, bytes.len() as u64));
        bytes.extend(&data.bytes);
        wire.send(Credit {
            bytes: data.bytes.len() as u64,
            hash: data.relayed.then_some(hash),
        });
        if bytes.len() as u64 == data.total {
            return bytes;
        }
    }
}

#[test]
fn a_picture_goes_up_once_and_comes_down_on_the_other_device() {
    let mut host = Host::new();
    let (one, two) = two_devices(&host);
    let bytes = picture(1, SIZE);
    let (mut laptop, _) = Wire::open(&host, &one, None);
    upload(&mut laptop, &bytes);
    let held = send_offer(&mut laptop, vec![offer(&bytes)]);
    assert!(matches!(held, Frame::BlobHeld(_)));
    let usage = host.get("/v1/usage", &one.token).body;
    assert_eq!(
        (&usage["quota_used_bytes"], &usage["blobs"]),
        (&SIZE.into(), &1.into())
    );
    host.restart();
    let (mut phone, welcome) = Wire::open(&host, &two, None);
    assert_eq!(welcome.quota.used, SIZE as u64);
    get(&mut phone, hash(&bytes));
    assert_eq!(download(&mut phone, hash(&bytes)), bytes);
}

#[test]
fn a_waiting_device_is_told_when_the_blob_comes() {
    let host = Host::new();
    let (one, two) = two_devices(&host);
    let bytes = picture(1, SIZE);
    let (mut phone, _) = Wire::open(&host, &two, None);
    get(&mut phone, hash(&bytes));
    let absent = phone.receive_until(|frame| match frame {
        Frame::BlobAbsent(absent) => Some(absent.hashes),
        _ => None,
    });
    assert_eq!(absent, [hash(&bytes)]);
    let (mut laptop, _) = Wire::open(&host, &one, None);
    let wanted = laptop.receive_until(|frame| match frame {
        Frame::BlobWanted(wanted) => Some(wanted.hashes),
        _ => None,
    });
    assert_eq!(wanted, [hash(&bytes)]);
    upload(&mut laptop, &bytes);
    let available = phone.receive_until(|frame| match frame {
        Frame::BlobAvailable(available) => Some(available.hashes),
        _ => None,
    });
    assert_eq!(available, [hash(&bytes)]);
    get(&mut phone, hash(&bytes));
    assert_eq!(download(&mut phone, hash(&bytes)), bytes);
}

#[test]
fn an_interrupted_upload_goes_on_where_it_stopped() {
    let mut host = Host::new();
    let (one, two) = two_devices(&host);
    let bytes = picture(1, SIZE);
    let (mut laptop, _) = Wire::open(&host, &one, None);
    granted(send_offer(&mut laptop, vec![offer(&bytes)]));
    laptop.send(BlobData {
        hash: hash(&bytes),
        offset: 0,
        total: SIZE as u64,
        bytes: bytes[..CHUNK_BYTES_MAX].to_vec(),
        relayed: false,
    });
    // The credit comes back when the bytes are written.
    laptop.receive_until(|frame| matches!(frame, Frame::Credit(_)).then_some(()));
    host.restart();
    let (mut phone, _) = Wire::open(&host, &two, None);
    let grant = granted(send_offer(&mut phone, vec![offer(&bytes)]));
    assert_eq!(grant.items[0].offset, CHUNK_BYTES_MAX as u64);
    send_data(&mut phone, &bytes, CHUNK_BYTES_MAX);
    assert_eq!(stored(&mut phone), [hash(&bytes)]);
}

#[test]
fn wrong_bytes_are_dropped_and_cost_nothing() {
    let host = Host::new();
    let (one, _) = two_devices(&host);
    let (mut wire, _) = Wire::open(&host, &one, None);
    let bytes = picture(1, SIZE);
    granted(send_offer(&mut wire, vec![offer(&bytes)]));
    let mut wrong = bytes.clone();
    wrong[SIZE - 1] ^= 1;
    for (n, chunk) in wrong.chunks(CHUNK_BYTES_MAX).enumerate() {
        wire.send(BlobData {
            hash: hash(&bytes),
            offset: (n * CHUNK_BYTES_MAX) as u64,
            total: SIZE as u64,
            bytes: chunk.to_vec(),
            relayed: false,
        });
    }
    let bad = wire.receive_until(|frame| match frame {
        Frame::BlobBad(bad) => Some(bad),
        _ => None,
    });
    let expected = BlobBad {
        hash: hash(&bytes),
        reason: Reason::WrongHash,
    };
    assert_eq!(bad, expected);
    assert_eq!(
        host.get("/v1/usage", &one.token).body["quota_used_bytes"],
        0
    );
    upload(&mut wire, &bytes);
}

#[test]
fn over_quota_is_refused_before_bytes_are_sent_and_raising_it_finishes() {
    let host = Host::with(|config| config.quota_bytes = 500_000);
    let (one, _) = two_devices(&host);
    let (mut wire, _) = Wire::open(&host, &one, None);
    upload(&mut wire, &picture(1, SIZE));
    let refusal = refused(send_offer(&mut wire, vec![offer(&picture(2, SIZE))]));
    assert_eq!(refusal.reason, Reason::Quota);
    assert_eq!((refusal.used, refusal.limit), (SIZE as u64, 500_000));
    let quota = server::AdminCommand::Quota {
        user: "ann".into(),
        set: server::QuotaChange::Bytes(700_000),
    };
    let text = server::run_admin(&server::Config::new(host.data()), &quota).unwrap();
    assert_eq!(text, "ann uses 300000 of 700000 bytes\n");
    let told = wire.receive_until(|frame| match frame {
        Frame::Quota(quota) if quota.limit == 700_000 => Some(quota),
        _ => None,
    });
    assert_eq!(told.used, SIZE as u64);
    upload(&mut wire, &picture(2, SIZE));
}

#[test]
fn over_quota_a_blob_still_goes_through_to_a_device_that_waits() {
    let host = Host::with(|config| config.quota_bytes = 1_000);
    let (one, two) = two_devices(&host);
    let bytes = picture(1, 1_500_000);
    let (mut phone, _) = Wire::open(&host, &two, None);
    get(&mut phone, hash(&bytes));
    let (mut laptop, _) = Wire::open(&host, &one, None);
    laptop.receive_until(|frame| matches!(frame, Frame::BlobWanted(_)).then_some(()));
    let grant = granted(send_offer(&mut laptop, vec![offer(&bytes)]));
    assert!(grant.items[0].relay);
    let expected = bytes.clone();
    let target = std::thread::spawn(move || {
        let got = download(&mut phone, hash(&expected));
        let hashes = vec![hash(&expected)];
        phone.send(BlobStored { hashes });
        assert_eq!(got, expected);
        phone
    });
    let mut window = sync_protocol::limit::RELAY_WINDOW_BYTES as usize;
    let mut offset = 0;
    for chunk in bytes.chunks(CHUNK_BYTES_MAX) {
        while window < chunk.len() {
            window += laptop.receive_until(|frame| match frame {
                Frame::Credit(credit) if credit.hash.is_some() => Some(credit.bytes as usize),
                _ => None,
            });
        }
        window -= chunk.len();
        laptop.send(BlobData {
            hash: hash(&bytes),
            offset,
            total: bytes.len() as u64,
            bytes: chunk.to_vec(),
            relayed: false,
        });
        offset += chunk.len() as u64;
    }
    let _phone = target.join().unwrap();
    let usage = request(host.address(), "GET", "/v1/usage", Some(&one.token), "").body;
    assert_eq!(usage["quota_used_bytes"], 0);
}

#[test]
fn two_uploads_at_once_cannot_pass_the_quota_together() {
    let host = Host::with(|config| config.quota_bytes = 500_000);
    let (one, two) = two_devices(&host);
    let (mut laptop, _) = Wire::open(&host, &one, None);
    let (mut phone, _) = Wire::open(&host, &two, None);
    let first = send_offer(&mut laptop, vec![offer(&picture(1, SIZE))]);
    let second = send_offer(&mut phone, vec![offer(&picture(2, SIZE))]);
    granted(first);
    assert_eq!(refused(second).reason, Reason::Quota);
    send_data(&mut laptop, &picture(1, SIZE), 0);
    stored(&mut laptop);
    assert_eq!(
        host.get("/v1/usage", &one.token).body["quota_used_bytes"],
        SIZE
    );
}

#[test]
fn another_accounts_blob_is_as_absent_as_any() {
    let host = Host::new();
    let (one, _) = two_devices(&host);
    host.register("bob");
    let bob = host.log_in("bob", 3);
    let bytes = picture(1, SIZE);
    let (mut anns, _) = Wire::open(&host, &one, None);
    upload(&mut anns, &bytes);
    let (mut bobs, _) = Wire::open(&host, &bob, None);
    for absent in [hash(&bytes), hash(b"nobody's")] {
        get(&mut bobs, absent);
        let told = bobs.receive_until(|frame| match frame {
            Frame::BlobAbsent(absent) => Some(absent.hashes),
            _ => None,
        });
        assert_eq!(told, [absent]);
    }
    granted(send_offer(&mut bobs, vec![offer(&bytes)]));
}
