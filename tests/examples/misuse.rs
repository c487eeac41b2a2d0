//! What one account's misuse costs another: the time from an honest push to its acknowledgement, on an idle server and beside each kind
//! of misuse by another account. `misuse [ROUNDS [WORD]]`, where only misuses with the word in their name are tried; `MEMORYVAULT_BINARIES`
//! names the folder of the built binaries.
//!
//! Everything runs on one machine, so the misusers' own work takes processor time from the honest one too; the column `alone` has the
//! same misuse aimed at a second server, so that what remains between the two columns is the server's own doing.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use domain::DocId;
use serde_json::json;
use sync_protocol::{BlobGet, Frame, GetItem};
use tests::{
    Login, Peer, Server, fresh_bytes, hash_of, hello, mutations, orphans, plain_change,
    random_bytes, wav,
};

/// Honest pushes a figure is made of, unless told otherwise.
const ROUNDS: usize = 400;
/// A person's pace would be slower; faster would be load of its own.
const PAUSE: Duration = Duration::from_millis(5);
/// Changes of a misuser's batch.
const BATCH_CHANGES: usize = 200;

/// What another account does, over and over, in so many threads.
struct Misuse {
    name: &'static str,
    threads: usize,
    once: fn(&Server, &Login, &mut Option<Peer>),
}

const MISUSES: [Misuse; 8] = [
    Misuse {
        name: "pushes as fast as it can",
        threads: 8,
        once: push_many,
    },
    Misuse {
        name: "orphans",
        threads: 8,
        once: push_orphans,
    },
    Misuse {
        name: "mutated changes",
        threads: 8,
        once: push_mutated,
    },
    Misuse {
        name: "uploads of 25 MB",
        threads: 4,
        once: upload,
    },
    Misuse {
        name: "wrong passwords",
        threads: 8,
        once: guess,
    },
    Misuse {
        name: "connections",
        threads: 8,
        once: connect,
    },
    Misuse {
        name: "wishes for absent blobs",
        threads: 8,
        once: wish,
    },
    Misuse {
        name: "bytes that are no frames",
        threads: 8,
        once: noise,
    },
];

/// Median and 99th percentile, in microseconds.
type Times = (u128, u128);

fn main() {
    let rounds = std::env::args()
        .nth(1)
        .and_then(|rounds| rounds.parse().ok())
        .unwrap_or(ROUNDS);
    let word = std::env::args().nth(2).unwrap_or_default();
    println!("an honest push and its acknowledgement, median and p99 of {rounds}, in ms");
    println!(
        "{:26} {:>15} {:>15} {:>15}  ratio to alone",
        "misuse", "idle", "alone", "beside"
    );
    for misuse in MISUSES.iter().filter(|misuse| misuse.name.contains(&word)) {
        let (server, other) = (Server::new(), Server::new());
        let honest = Login::register(&server, "honest");
        let idle = measure(&server, &honest, rounds);
        let (alone, _) = beside(&other, misuse, || measure(&server, &honest, rounds));
        let (busy, done) = beside(&server, misuse, || measure(&server, &honest, rounds));
        println!(
            "{:26} {} {} {}  {:.2} {:.2}   ({done} times)",
            misuse.name,
            told(idle),
            told(alone),
            told(busy),
            ratio(busy.0, alone.0),
            ratio(busy.1, alone.1),
        );
    }
}

/// Times honest pushes of one small change each.
fn measure(server: &Server, login: &Login, rounds: usize) -> Times {
    let (mut peer, _) = Peer::open(server, login);
    let mut times: Vec<u128> = (0..rounds)
        .map(|_| {
            std::thread::sleep(PAUSE);
            let doc = DocId::from_bytes(fresh_bytes());
            let begun = Instant::now();
            let answer = peer.push(doc, &[plain_change(1)]);
            let took = begun.elapsed().as_micros();
            assert!(answer.is_taken(), "{answer:?}");
            took
        })
        .collect();
    times.sort_unstable();
    let at = |percent: usize| times.get(times.len() * percent / 100).copied().unwrap_or(0);
    (at(50), at(99))
}

/// Measures while the misuse goes on at a server; also tells how often it was done meanwhile.
fn beside(server: &Server, misuse: &Misuse, measure: impl FnOnce() -> Times) -> (Times, u64) {
    let (stop, done) = (AtomicBool::new(false), AtomicU64::new(0));
    let first = Login::register(server, "eve");
    let times = std::thread::scope(|scope| {
        for number in 0..misuse.threads {
            let login = if number == 0 {
                first.clone()
            } else {
                Login::new(server, "eve")
            };
            let (stop, done) = (&stop, &done);
            scope.spawn(move || {
                let mut peer = None;
                while !stop.load(Ordering::Relaxed) {
                    (misuse.once)(server, &login, &mut peer);
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        while done.load(Ordering::Relaxed) < misuse.threads as u64 {
            std::thread::yield_now();
        }
        done.store(0, Ordering::Relaxed);
        let times = measure();
        stop.store(true, Ordering::Relaxed);
        times
    });
    (times, done.load(Ordering::Relaxed))
}

/// The open session, or a new one where the server ended it.
fn session<'a>(server: &Server, login: &Login, peer: &'a mut Option<Peer>) -> &'a mut Peer {
    peer.get_or_insert_with(|| Peer::open(server, login).0)
}

fn push(server: &Server, login: &Login, peer: &mut Option<Peer>, changes: &[Vec<u8>]) {
    let answer = session(server, login, peer).push(DocId::from_bytes(fresh_bytes()), changes);
    if answer.closed.is_some() {
        *peer = None;
    }
}

fn push_many(server: &Server, login: &Login, peer: &mut Option<Peer>) {
    // Each by a writer of its own, as many as a document takes.
    let changes: Vec<_> = (1..=40).map(plain_change).collect();
    push(server, login, peer, &changes);
}

fn push_orphans(server: &Server, login: &Login, peer: &mut Option<Peer>) {
    push(server, login, peer, &orphans(BATCH_CHANGES as u64));
}

fn push_mutated(server: &Server, login: &Login, peer: &mut Option<Peer>) {
    let [seed, ..] = fresh_bytes();
    push(
        server,
        login,
        peer,
        &mutations(&plain_change(seed), u64::from(seed), BATCH_CHANGES),
    );
}

fn upload(server: &Server, login: &Login, peer: &mut Option<Peer>) {
    let mut bytes = wav(1, 100);
    bytes.extend(random_bytes(
        u64::from_le_bytes(*fresh_bytes().first_chunk().unwrap_or(&[0; 8])),
        64,
    ));
    bytes.resize(25_000_000, 7);
    let open = session(server, login, peer);
    match open.offer(&bytes, "audio/wav") {
        Some(Frame::BlobGrant(_)) => drop(open.send_blob(hash_of(&bytes), &bytes)),
        Some(_) => {}
        None => *peer = None,
    }
}

fn guess(server: &Server, login: &Login, _: &mut Option<Peer>) {
    let body = json!({"user": "eve", "password": "never the right one", "device": {"id": login.device.to_string(), "name": "raw"}});
    server.http("POST", "/v1/sessions", None, Some(&body));
}

fn connect(server: &Server, login: &Login, _: &mut Option<Peer>) {
    // Turned away or not: both are work for the server.
    if let Ok(mut peer) = Peer::try_connect(server, &login.token) {
        peer.send(hello(login, None));
        peer.receive();
    }
}

fn wish(server: &Server, login: &Login, peer: &mut Option<Peer>) {
    let open = session(server, login, peer);
    let items = (0..1_000)
        .map(|_| GetItem {
            hash: hash_of(&fresh_bytes()),
            offset: 0,
            priority: 0,
        })
        .collect();
    open.send(BlobGet { items });
    let answered = open.until(|frame| matches!(frame, Frame::BlobAbsent(_)).then_some(()));
    if answered.is_none() {
        *peer = None;
    }
}

fn noise(server: &Server, login: &Login, _: &mut Option<Peer>) {
    // At its bound of connections the server turns the next one away.
    if let Ok(mut peer) = Peer::try_connect(server, &login.token) {
        peer.send(hello(login, None));
        peer.send_bytes(random_bytes(1, 200_000));
        while peer.receive().is_some() {}
    }
}

fn told((median, p99): Times) -> String {
    format!(
        "{:>7.2} {:>7.2}",
        median as f64 / 1_000.0,
        p99 as f64 / 1_000.0
    )
}

fn ratio(one: u128, other: u128) -> f64 {
    one as f64 / other.max(1) as f64
}
