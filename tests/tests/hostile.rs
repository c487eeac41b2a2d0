//! Hostile changes: what crashes, hangs or poisons Automerge is refused by the real server and set aside by the real client, and the next honest edit works.

use domain::{ChangeHash, DocId};
use sync_protocol::{Changes, DocChange, Frame, PackHash, PackPart, Pushed, Reason};
use tests::{
    Device, FakeServer, Login, Malice, Peer, Server, fresh_bytes, hostile_changes, mutations,
    orphans, plain_change, random_bytes, settle,
};
use tokio_tungstenite::tungstenite::Message;

fn message(frame: impl Into<Frame>) -> Message {
    Message::binary(frame.into().encode())
}

#[test]
fn the_server_refuses_each_and_takes_the_honest_one_beside_it() {
    let mut server = Server::new();
    let login = Login::register(&server, "ada");
    for hostile in hostile_changes() {
        println!("{}: {} bytes", hostile.name, hostile.bytes.len());
        let doc = DocId::from_bytes(fresh_bytes());
        let (mut peer, _) = Peer::open(&server, &login);
        let answer = peer.push(doc, &[hostile.bytes.clone(), plain_change(1)]);
        let refused: Vec<u32> = answer
            .refused
            .iter()
            .flat_map(|refused| refused.items.clone())
            .collect();
        assert_eq!(
            (refused, &answer.closed),
            (vec![0], &None),
            "{}: {answer:?}",
            hostile.name
        );
        assert!(
            answer
                .refused
                .iter()
                .all(|refused| !refused.message.is_empty())
        );
        // The session lives and its device reads back only the honest change.
        assert!(peer.push(doc, &[plain_change(2)]).is_taken());
        let (mut reader, welcome) = Peer::open(&server, &Login::new(&server, "ada"));
        let mut held = Vec::new();
        let read_all = reader.until(|frame| match frame {
            Frame::Changes(page) => {
                held.extend(
                    page.items
                        .into_iter()
                        .filter(|item| item.doc == doc)
                        .map(|item| item.change),
                );
                page.cursor
                    .filter(|cursor| cursor.seq >= welcome.seq)
                    .map(|_| ())
            }
            _ => None,
        });
        assert!(read_all.is_some());
        assert_eq!(held, [plain_change(1), plain_change(2)], "{}", hostile.name);
    }
    assert!(server.is_alive());
}

#[test]
fn an_actor_that_forks_is_refused_at_the_server() {
    let server = Server::new();
    let login = Login::register(&server, "ada");
    let (mut peer, _) = Peer::open(&server, &login);
    let doc = DocId::from_bytes(fresh_bytes());
    assert!(peer.push(doc, &[plain_change(1)]).is_taken());
    assert!(
        peer.push(doc, &[plain_change(1)]).is_taken(),
        "the same once more is no harm"
    );
    let forked = mutations(&plain_change(1), 7, 50)
        .into_iter()
        .map(|change| peer.push(doc, &[change]));
    let taken = forked
        .filter(|answer| answer.closed.is_none() && answer.is_taken())
        .count();
    // A mutation of the actor's own bytes is another actor's honest first change; no other one passes.
    assert!(taken < 50, "{taken} of 50 forks were taken");
}

#[test]
fn orphans_do_not_pile_up_at_the_server() {
    let mut server = Server::new();
    let login = Login::register(&server, "ada");
    let (mut peer, _) = Peer::open(&server, &login);
    let doc = DocId::from_bytes(fresh_bytes());
    for page in orphans(600).chunks(100) {
        let answer = peer.push(doc, page);
        assert!(
            answer
                .refused
                .iter()
                .all(|refused| refused.reason == Reason::UnknownDependency),
            "{answer:?}"
        );
        assert_eq!(
            answer
                .refused
                .iter()
                .map(|refused| refused.items.len())
                .sum::<usize>(),
            100
        );
    }
    assert!(peer.push(doc, &[plain_change(1)]).is_taken());
    assert!(server.is_alive());
}

/// A device with a deck and a card, logged in to a hostile server.
struct Prey {
    server: FakeServer,
    device: Device,
    deck: String,
    card: String,
}

fn prey() -> Prey {
    let server = FakeServer::start();
    let device = Device::new("phone");
    let deck = device.add_deck("Capitals");
    let card = device.add_card(&deck, "France", "Paris");
    device.register(&server.url(), "ada");
    device.sync();
    Prey {
        server,
        device,
        deck,
        card,
    }
}

impl Prey {
    fn document(&self) -> DocId {
        self.deck.parse().unwrap()
    }

    /// One sync with a server that sends these changes of the deck's document.
    fn sync_with(&self, changes: &[Vec<u8>]) -> tests::Output {
        let items = changes
            .iter()
            .map(|change| DocChange {
                doc: self.document(),
                change: change.clone(),
            })
            .collect();
        let page = Changes {
            items,
            ..Changes::default()
        };
        self.server.set(self.server.grown_by(page));
        let answer = self.device.run(&["sync"]);
        assert!(
            answer.code >= 0 && answer.code != 101 && !answer.stderr.contains("panicked"),
            "{answer:?}"
        );
        answer
    }

    /// The vault still takes honest edits, and an honest server still gets everything.
    fn still_works(&self) {
        self.device
            .edit(&self.card, &["--back", "edited after the attack"]);
        self.device.review(&self.card, "good");
        self.device.run(&["account", "logout"]).ok();
        let honest = Server::new();
        self.device.register(&honest.url(), "ada");
        let laptop = Device::new("laptop");
        laptop.login(&honest.url(), "ada");
        self.device.sync();
        settle(&[&self.device, &laptop]);
        assert_eq!(laptop.side(&self.card, "back"), ["edited after the attack"]);
        laptop.edit(&self.card, &["--front", "and back again"]);
        settle(&[&laptop, &self.device]);
        assert_eq!(self.device.side(&self.card, "front"), ["and back again"]);
        laptop.verify_clean();
    }
}

#[test]
fn the_client_sets_each_aside_names_it_and_goes_on() {
    let prey = prey();
    let digest = prey.device.digest();
    for hostile in hostile_changes() {
        println!("{}: {} bytes", hostile.name, hostile.bytes.len());
        prey.sync_with(&[hostile.bytes]);
        assert_eq!(prey.device.digest(), digest, "{}", hostile.name);
    }
    let verified = prey.device.run(&["verify"]);
    assert!(
        verified.all().contains("aside"),
        "verify names what was set aside: {verified:?}"
    );
    assert!(
        verified.all().contains(&prey.deck),
        "and its document: {verified:?}"
    );
    prey.still_works();
}

#[test]
fn a_hostile_page_harms_not_the_honest_change_beside_it() {
    let prey = prey();
    let mut page: Vec<Vec<u8>> = hostile_changes()
        .into_iter()
        .map(|hostile| hostile.bytes)
        .collect();
    page.insert(2, plain_change(1));
    prey.sync_with(&page);
    prey.still_works();
}

#[test]
fn mutations_with_a_right_checksum_never_poison_a_vault() {
    let prey = prey();
    // The honest changes of the deck, as this device pushed them.
    let pushed: Vec<Vec<u8>> = prey
        .server
        .take_received()
        .into_iter()
        .filter_map(|frame| {
            if let Frame::Push(push) = frame {
                Some(push.items)
            } else {
                None
            }
        })
        .flatten()
        .filter(|item| item.doc == prey.document())
        .map(|item| item.change)
        .collect();
    assert!(!pushed.is_empty(), "the deck was pushed");
    for (seed, honest) in (0..).zip(pushed.iter().cycle().take(6)) {
        prey.sync_with(&mutations(honest, seed, 40));
        prey.device.status();
    }
    prey.device.edit(&prey.card, &["--back", "still editable"]);
    assert_eq!(prey.device.side(&prey.card, "back"), ["still editable"]);
    prey.still_works();
}

#[test]
fn orphans_do_not_pile_up_at_the_client() {
    let prey = prey();
    let digest = prey.device.digest();
    for page in orphans(600).chunks(150) {
        prey.sync_with(page);
    }
    assert_eq!(prey.device.digest(), digest);
    prey.still_works();
}

#[test]
fn a_server_that_breaks_the_protocol_is_left_with_a_word() {
    let prey = prey();
    let digest = prey.device.digest();
    let doc = prey.document();
    let pack = |pack: PackHash, part: u32, of: u32, bytes: Vec<u8>| {
        message(Changes {
            packs: vec![PackPart {
                doc,
                pack,
                part,
                of,
                bytes,
            }],
            cursor: Some(prey.server.cursor()),
            ..Changes::default()
        })
    };
    let noise = random_bytes(3, 2_000);
    let noise_hash = PackHash::from_bytes(*blake3::hash(&noise).as_bytes());
    let welcome = prey.server.welcome();
    let cases: Vec<(&str, Malice)> = vec![
        (
            "noise",
            Malice::AfterWelcome(vec![Message::binary(random_bytes(1, 500))]),
        ),
        ("text", Malice::AfterWelcome(vec![Message::text("hello")])),
        (
            "too large",
            Malice::AfterWelcome(vec![Message::binary(vec![0; 300 * 1024])]),
        ),
        (
            "nested",
            Malice::AfterWelcome(vec![Message::binary(vec![0x82; 1_000])]),
        ),
        (
            "a pushed batch that was never pushed",
            Malice::AfterWelcome(vec![message(Pushed {
                batch: 77,
                seq: 1,
                cursor: None,
            })]),
        ),
        (
            "a pack of noise",
            Malice::AfterWelcome(vec![pack(noise_hash, 0, 1, noise.clone())]),
        ),
        (
            "a pack under another's name",
            Malice::AfterWelcome(vec![pack(
                PackHash::from_bytes([1; 32]),
                0,
                1,
                noise.clone(),
            )]),
        ),
        (
            "a pack of four billion parts",
            Malice::AfterWelcome(vec![pack(noise_hash, 0, u32::MAX, noise.clone())]),
        ),
        (
            "a pack that begins in the middle",
            Malice::AfterWelcome(vec![pack(noise_hash, 3, 5, noise)]),
        ),
        (
            "noise for a welcome",
            Malice::InsteadOfWelcome(vec![Message::binary(random_bytes(2, 100))]),
        ),
        (
            "two welcomes",
            Malice::AfterWelcome(vec![message(welcome.clone())]),
        ),
        (
            "a log far in the future",
            Malice::InsteadOfWelcome(vec![message(sync_protocol::Welcome {
                seq: u64::MAX,
                ..welcome
            })]),
        ),
        ("a hang-up", Malice::HangUp),
    ];
    for (name, malice) in cases {
        println!("{name}");
        prey.server.set(malice);
        let answer = prey.device.run(&["sync"]);
        assert!(
            answer.code >= 0 && answer.code != 101 && !answer.stderr.contains("panicked"),
            "{name}: {answer:?}"
        );
        assert!(
            answer.code == 0 || !answer.stderr.trim().is_empty(),
            "{name}: {answer:?}"
        );
        assert_eq!(prey.device.digest(), digest, "{name}");
    }
    prey.still_works();
}

#[test]
fn a_change_hash_is_what_the_peers_say_it_is() {
    // The raw peer's changes are named as Automerge names them, or nothing above proves anything.
    let change = automerge::Change::from_bytes(plain_change(1)).unwrap();
    let gated = domain::intake::gate(&plain_change(1)).unwrap();
    assert_eq!(gated.hash(), ChangeHash::from_bytes(change.hash().0));
}
