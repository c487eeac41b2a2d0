//! `just soak MINUTES`: two devices that stay connected for as long as asked, while cards are added, studied and synced
//! through them and their connections are cut again and again. Prints what the processes hold and what lies on the disk,
//! so that whatever grows with rounds, reconnections or changes can be seen; at the end both devices must agree.

#![expect(
    clippy::panic,
    reason = "a program for developers: what is not there ends it, loudly"
)]

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tests::{Device, Proxy, Running, Server, agree};

/// Between two lines of the table.
const LINE_EVERY: Duration = Duration::from_secs(15);
/// Between two cuts of all connections.
const CUT_EVERY: Duration = Duration::from_secs(2);

#[derive(Default)]
struct Done {
    stop: AtomicBool,
    edits: AtomicU64,
    rounds: AtomicU64,
    cuts: AtomicU64,
    failed: AtomicU64,
}

fn main() {
    let minutes: f64 = std::env::args()
        .nth(1)
        .map_or(2.0, |word| match word.parse() {
            Ok(minutes) => minutes,
            Err(_) => panic!("{word:?} is no number of minutes"),
        });
    let server = Server::new();
    let proxy = Proxy::start(server.address());
    let (phone, laptop) = (Device::new("phone"), Device::new("laptop"));
    phone.register(&proxy.url(), "ada");
    let deck = phone.add_deck("Soak");
    phone.sync();
    laptop.login(&proxy.url(), "ada");
    laptop.sync();
    let mut watches = [&phone, &laptop].map(watch);
    let done = Done::default();
    let end = Instant::now() + Duration::from_secs_f64(minutes * 60.0);
    head();
    std::thread::scope(|scope| {
        scope.spawn(|| edit(&phone, &deck, &done));
        scope.spawn(|| edit(&laptop, &deck, &done));
        scope.spawn(|| rounds(&laptop, &done));
        scope.spawn(|| {
            while !done.stop.load(Ordering::SeqCst) {
                std::thread::sleep(CUT_EVERY);
                proxy.cut();
                done.cuts.fetch_add(1, Ordering::SeqCst);
            }
        });
        let begun = Instant::now();
        while Instant::now() < end {
            line(begun, &done, &server, &watches, [&phone, &laptop]);
            if !watches.iter_mut().all(Running::is_alive) {
                break;
            }
            std::thread::sleep(LINE_EVERY.min(end.saturating_duration_since(Instant::now())));
        }
        done.stop.store(true, Ordering::SeqCst);
        line(begun, &done, &server, &watches, [&phone, &laptop]);
    });
    for watch in &mut watches {
        if !watch.is_alive() {
            panic!("a watch has ended: {:?}", watch.wait_for_end());
        }
    }
    for device in [&phone, &laptop, &phone] {
        device.sync();
    }
    agree(&[&phone, &laptop]);
    for watch in watches {
        watch.interrupt();
        watch.finish();
    }
    let fresh = [&phone, &laptop].map(watch);
    for device in [&phone, &laptop] {
        let card = device.add_card(&deck, "last", "x");
        device.review(&card, "good");
        device.sync();
    }
    println!("fresh processes on the same vaults, after one edit each:");
    line(Instant::now(), &done, &server, &fresh, [&phone, &laptop]);
    drop(fresh);
    phone.verify_clean();
    laptop.verify_clean();
    println!("both devices agree and are sound");
}

fn watch(device: &Device) -> Running {
    let mut watch = device.start_reading(&["sync", "--watch"]);
    watch.line();
    watch.collect_stdout();
    watch
}

/// Adds cards and studies them, through the process that has the vault.
fn edit(device: &Device, deck: &str, done: &Done) {
    let mut number = 0_u64;
    while !done.stop.load(Ordering::SeqCst) {
        number += 1;
        let front = format!("{} {number}", device.name());
        let card = device.add_card(deck, &front, "back");
        device.review(&card, "good");
        device.edit(&card, &["--back", "another"]);
        done.edits.fetch_add(3, Ordering::SeqCst);
    }
}

/// Asks for one round after another; one that is cut fails, and that is all.
fn rounds(device: &Device, done: &Done) {
    while !done.stop.load(Ordering::SeqCst) {
        let count = match device.run(&["sync"]).code {
            0 => &done.rounds,
            _ => &done.failed,
        };
        count.fetch_add(1, Ordering::SeqCst);
    }
}

fn head() {
    println!(
        "RSS in kB, open files, threads of each process; kB of the vaults' db, docs and of the server's data"
    );
    println!(
        "{:>5} {:>7} {:>7} {:>7} {:>5}  {:>20} {:>20} {:>20}  {:>17} {:>17} {:>9}",
        "s",
        "edits",
        "rounds",
        "failed",
        "cuts",
        "phone",
        "laptop",
        "server",
        "phone",
        "laptop",
        "server"
    );
}

fn line(
    begun: Instant,
    done: &Done,
    server: &Server,
    watches: &[Running; 2],
    devices: [&Device; 2],
) {
    let held = [watches[0].id(), watches[1].id(), server.process_id()].map(held);
    let disk = devices.map(|device| {
        let [db, docs] = ["db", "docs"].map(|part| kilobytes(&device.vault().join(part)));
        format!("{db} + {docs}")
    });
    let count = |number: &AtomicU64| number.load(Ordering::SeqCst);
    println!(
        "{:>5} {:>7} {:>7} {:>7} {:>5}  {:>20} {:>20} {:>20}  {:>17} {:>17} {:>9}",
        begun.elapsed().as_secs(),
        count(&done.edits),
        count(&done.rounds),
        count(&done.failed),
        count(&done.cuts),
        held[0],
        held[1],
        held[2],
        disk[0],
        disk[1],
        kilobytes(server.data()),
    );
}

/// What a process holds, as the system tells it.
fn held(process: u32) -> String {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_whitespace().nth(1))
            .unwrap_or("?")
            .to_owned()
    };
    let files = std::fs::read_dir(format!("/proc/{process}/fd")).map_or(0, Iterator::count);
    format!("{} {files:>3} {:>3}", field("VmRSS:"), field("Threads:"))
}

fn kilobytes(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return 0;
    };
    let size = |entry: std::fs::DirEntry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => kilobytes(&entry.path()),
        Ok(kind) if kind.is_file() => entry
            .metadata()
            .map_or(0, |file| file.len().div_ceil(1_024)),
        _ => 0,
    };
    entries.flatten().map(size).sum()
}
