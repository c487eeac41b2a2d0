//! The real server with devices that do not keep to the protocol: floods, never reading, half a message, frames out of order and twice, gaps. Each ends its own session at most; the server's memory is bounded and others are served.

use automerge::transaction::Transactable;
use automerge::{AutoCommit, ROOT};
use domain::DocId;
use sync_protocol::{
    Applied, BlobGet, BlobOffer, Credit, DocHeads, Frame, GetItem, Inventory, OfferItem, Push,
    Reason,
};
use tests::{
    Login, Peer, Server, fresh_bytes, hash_of, hello, orphans, plain_change, random_bytes,
};
use tokio_tungstenite::tungstenite::Message;

/// What the server may grow by here, whatever a device does: far above what a session may hold by its bounds, far below what is sent.
const GROWTH_KIB_MAX: u64 = 64 * 1024;

/// The most memory a process has had, in KiB.
fn peak_kib(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.process_id())).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// A server with two accounts: one misbehaves, the other is served all the same.
struct Inn {
    server: Server,
    rude: Login,
    honest: Login,
    before_kib: u64,
}

fn inn() -> Inn {
    let server = Server::new();
    let (rude, honest) = (
        Login::register(&server, "ada"),
        Login::register(&server, "bob"),
    );
    let mut inn = Inn {
        before_kib: 0,
        server,
        rude,
        honest,
    };
    inn.serves_others();
    inn.before_kib = peak_kib(&inn.server);
    inn
}

impl Inn {
    /// Another account pushes and is answered.
    #[track_caller]
    fn serves_others(&mut self) {
        assert!(self.server.is_alive());
        let (mut peer, _) = Peer::open(&self.server, &self.honest);
        let doc = DocId::from_bytes(fresh_bytes());
        assert!(peer.push(doc, &[plain_change(1)]).is_taken());
    }

    /// Others are served, the same account too, and the memory was bounded.
    #[track_caller]
    fn stands(&mut self, name: &str) {
        self.serves_others();
        let (mut peer, _) = Peer::open(&self.server, &self.rude);
        let doc = DocId::from_bytes(fresh_bytes());
        assert!(peer.push(doc, &[plain_change(1)]).is_taken(), "{name}");
        let grown = peak_kib(&self.server).saturating_sub(self.before_kib);
        assert!(grown < GROWTH_KIB_MAX, "{name}: {grown} KiB more");
    }
}

/// Reads to the end of a session: the code and the words it was closed with, if it was told.
fn end_of(mut peer: Peer) -> Option<(u16, String)> {
    let mut told = None;
    while let Some(frame) = peer.receive() {
        if let Frame::Close(close) = frame {
            told = Some((close.code, close.reason));
        }
    }
    told
}

#[test]
fn floods_end_at_most_their_own_session() {
    let mut inn = inn();
    let hash = |n: u64| hash_of(&n.to_le_bytes());
    let offers = |page: u64| {
        let items = (0..1_000).map(|n| OfferItem {
            hash: hash(page * 1_000 + n),
            bytes: 1_000,
            mime: "image/png".to_owned(),
        });
        let items = items.collect();
        Message::binary(Frame::from(BlobOffer { items }).encode())
    };
    let wishes = |page: u64| {
        let items = (0..1_000).map(|n| GetItem {
            hash: hash(page * 1_000 + n),
            offset: 0,
            priority: 0,
        });
        let items = items.collect();
        Message::binary(Frame::from(BlobGet { items }).encode())
    };
    let inventories = |page: u64| {
        let items = (0..800).map(|n| DocHeads {
            doc: DocId::from_bytes(*hash(page * 1_000 + n).to_bytes().first_chunk().unwrap()),
            heads: Vec::new(),
        });
        let items = items.collect();
        Message::binary(Frame::from(Inventory { items, more: true }).encode())
    };
    let pushes = |page: u64| {
        let items = Vec::new();
        Message::binary(
            Frame::from(Push {
                batch: page + 1,
                items,
            })
            .encode(),
        )
    };
    type Flood<'a> = (&'a str, u64, Box<dyn Fn(u64) -> Message + 'a>);
    let floods: Vec<Flood<'_>> = vec![
        (
            "pings",
            20_000,
            Box::new(|_| Message::Ping(vec![7; 125].into())),
        ),
        (
            "pongs",
            20_000,
            Box::new(|_| Message::Pong(vec![7; 125].into())),
        ),
        ("offers", 60, Box::new(offers)),
        ("wishes", 60, Box::new(wishes)),
        ("inventories", 60, Box::new(inventories)),
        ("pushes", 2_000, Box::new(pushes)),
        (
            "frames of no known type",
            20_000,
            Box::new(|_| Message::binary(vec![0x82, 0x18, 0x63, 0xa0])),
        ),
        (
            "credit for nothing",
            2_000,
            Box::new(|_| {
                let credit = Credit {
                    bytes: 0,
                    hash: None,
                };
                Message::binary(Frame::from(credit).encode())
            }),
        ),
        (
            "the same acknowledgement",
            2_000,
            Box::new(|_| {
                let applied = Applied { seq: 0, frames: 0 };
                Message::binary(Frame::from(applied).encode())
            }),
        ),
    ];
    for (name, count, message) in floods {
        println!("{name}");
        let (mut peer, _) = Peer::open(&inn.server, &inn.rude);
        // Nothing is read meanwhile: what the server answers waits for this device, not in the server's memory.
        for n in 0..count {
            peer.send_message(message(n));
        }
        inn.serves_others();
        peer.send_message(Message::Close(None));
        if let Some((code, reason)) = end_of(peer) {
            assert!(
                code >= 4400 && !reason.is_empty(),
                "{name}: {code} {reason:?}"
            );
        }
        inn.stands(name);
    }
}

#[test]
fn who_never_reads_is_dropped_and_costs_no_memory() {
    let mut inn = inn();
    let before_kib = peak_kib(&inn.server);
    // Each unknown type is answered by name; the answers fill the line, and then this device's own line fills.
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let (server, login) = (&inn.server, &inn.rude);
            scope.spawn(move || {
                let (mut peer, _) = Peer::open(server, login);
                while peer.is_open() {
                    peer.send_bytes(vec![0x82, 0x18, 0x63, 0xa0]);
                }
            });
        }
        let (mut peer, _) = Peer::open(&inn.server, &inn.honest);
        let doc = DocId::from_bytes(fresh_bytes());
        assert!(peer.push(doc, &[plain_change(1)]).is_taken());
    });
    let grown = peak_kib(&inn.server).saturating_sub(before_kib);
    assert!(grown < GROWTH_KIB_MAX, "{grown} KiB more");
    inn.stands("never reading");
}

#[test]
fn half_a_message_holds_nothing_up() {
    let mut inn = inn();
    let begun = [&[0x82, 0xfe, 0x03, 0xe8, 0, 0, 0, 0][..], &[0; 10]].concat();
    let mut before_hello = Peer::try_connect(&inn.server, &inn.rude.token).unwrap();
    before_hello.send_raw(&begun);
    let (mut open, _) = Peer::open(&inn.server, &inn.rude);
    open.send_raw(&begun);
    inn.stands("half a message");
    // Without a hello it is told so, and let go.
    let (code, reason) = end_of(before_hello).expect("it is told");
    assert_eq!(code, 4408, "{reason}");
    // A server that stops does not wait for the rest of the other.
    assert_eq!(inn.server.stop().code, 0);
    drop(end_of(open));
}

#[test]
fn frames_out_of_order_and_twice_are_closed_or_taken_once() {
    let mut inn = inn();
    let doc = DocId::from_bytes(fresh_bytes());
    let push = |batch| Push {
        batch,
        items: vec![sync_protocol::DocChange {
            doc,
            change: plain_change(1),
        }],
    };
    let orders: [(&str, Vec<Frame>); 4] = [
        (
            "a push before hello",
            vec![push(1).into(), hello(&inn.rude, None).into()],
        ),
        (
            "two hellos",
            vec![hello(&inn.rude, None).into(), hello(&inn.rude, None).into()],
        ),
        (
            "the second batch first",
            vec![
                hello(&inn.rude, None).into(),
                push(2).into(),
                push(1).into(),
            ],
        ),
        (
            "a batch twice",
            vec![
                hello(&inn.rude, None).into(),
                push(1).into(),
                push(1).into(),
            ],
        ),
    ];
    for (name, frames) in orders {
        println!("{name}");
        let mut peer = Peer::try_connect(&inn.server, &inn.rude.token).unwrap();
        frames.into_iter().for_each(|frame| peer.send(frame));
        peer.send_message(Message::Close(None));
        if let Some((code, reason)) = end_of(peer) {
            assert!(
                code >= 4400 && !reason.is_empty(),
                "{name}: {code} {reason:?}"
            );
        }
        inn.stands(name);
    }
    // However often it came, the log has it once.
    let (mut peer, welcome) = Peer::open(&inn.server, &inn.rude);
    assert!(peer.push(doc, &[plain_change(1)]).is_taken());
    let (_, after) = Peer::open(&inn.server, &inn.rude);
    assert!(after.seq <= welcome.seq + 1);
    let (mut peer, again) = Peer::open(&inn.server, &inn.rude);
    assert!(peer.push(doc, &[plain_change(1)]).is_taken());
    assert_eq!(after.seq, again.seq);
}

#[test]
fn a_gap_is_named_and_closes_once_it_is_filled() {
    let mut inn = inn();
    let (mut peer, _) = Peer::open(&inn.server, &inn.rude);
    let doc = DocId::from_bytes(fresh_bytes());
    let answer = peer.push(doc, &orphans(3));
    assert!(answer.closed.is_none(), "{answer:?}");
    let named: usize = answer
        .refused
        .iter()
        .map(|refused| refused.items.len())
        .sum();
    assert_eq!(named, 3);
    for refused in &answer.refused {
        assert_eq!(refused.reason, Reason::UnknownDependency);
        assert!(!refused.message.is_empty());
    }
    assert!(peer.push(doc, &[plain_change(1)]).is_taken());
    inn.stands("gaps");
}

/// Changes of one document, each on the one before, that do not get smaller by packing.
fn large_changes() -> impl Iterator<Item = Vec<u8>> {
    let mut document = AutoCommit::new();
    (0..).map(move |n| {
        let text: String = random_bytes(n, 100_000)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        document.put(ROOT, "k", text).unwrap();
        document.commit();
        let change = document.get_last_local_change().unwrap();
        change.raw_bytes().to_vec()
    })
}

#[test]
fn a_document_over_its_limit_is_refused_with_words_and_the_rest_is_taken() {
    let mut inn = inn();
    let (mut peer, _) = Peer::open(&inn.server, &inn.rude);
    let doc = DocId::from_bytes(fresh_bytes());
    let (mut taken_bytes, mut told) = (0, None);
    // More than any document may hold.
    for change in large_changes().take(50) {
        let answer = peer.push(doc, std::slice::from_ref(&change));
        assert!(answer.closed.is_none(), "{answer:?}");
        if let Some(refused) = answer.refused.into_iter().next() {
            told = Some(refused);
            break;
        }
        taken_bytes += change.len();
    }
    let told = told.expect("ten megabytes are not taken");
    assert_eq!(told.reason, Reason::TooLarge);
    assert!(told.message.contains("go on in a new page"), "{told:?}");
    assert!(taken_bytes > 3_000_000, "{taken_bytes} bytes were taken");
    // The same session goes on with another document.
    let other = DocId::from_bytes(fresh_bytes());
    assert!(peer.push(other, &[plain_change(2)]).is_taken());
    drop(peer);
    inn.stands("a document over its limit");
}
