//! One vault, several processes, and one of them ends: what was acknowledged is there, nobody hangs, and the next command
//! works. Besides: strangers and nonsense at the socket.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::sync::mpsc;

use tests::{Device, Running, Server, agree, client_binary, text};

/// Edits that go to one holder before it is killed.
const EDITS_PER_HOLDER: usize = 7;
const HOLDERS: usize = 12;

#[test]
fn what_was_acknowledged_outlives_any_number_of_killed_holders() {
    let server = Server::new();
    let (phone, laptop) = (Device::new("phone"), Device::new("laptop"));
    phone.register(&server.url(), "ada");
    let deck = phone.add_deck("Capitals");
    let (done, dones) = mpsc::channel();
    let acknowledged = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..3)
            .map(|worker| {
                let (done, phone, deck) = (done.clone(), &phone, &deck);
                scope.spawn(move || {
                    let mut kept = Vec::new();
                    for n in 0.. {
                        let front = format!("{worker}.{n}");
                        let output =
                            phone.run(&["add", "--deck", deck, "--front", &front, "--back", "x"]);
                        match output.code {
                            0 => kept.push(text(&output.json(), "card").to_owned()),
                            _ => {
                                assert!(output.fails_with(1).stderr.contains("ended in the middle"))
                            }
                        }
                        if done.send(()).is_err() {
                            break;
                        }
                    }
                    kept
                })
            })
            .collect();
        for _ in 0..HOLDERS {
            let mut watch = phone.start_reading(&["sync", "--watch"]);
            assert!(watch.line().is_some(), "it has the vault");
            for _ in 0..EDITS_PER_HOLDER {
                dones.recv().expect("the workers go on");
            }
            watch.kill();
        }
        drop(dones);
        let kept = workers
            .into_iter()
            .map(|worker| worker.join().expect("a worker ends"));
        kept.flatten().collect::<Vec<String>>()
    });
    let there: Vec<String> = phone
        .cards()
        .iter()
        .map(|card| text(card, "id").to_owned())
        .collect();
    for card in &acknowledged {
        assert!(there.contains(card), "{card} was acknowledged and is gone");
    }
    assert!(acknowledged.len() > HOLDERS, "{}", acknowledged.len());
    phone.verify_clean();
    phone.sync();
    laptop.login(&server.url(), "ada");
    laptop.sync();
    agree(&[&phone, &laptop]);
}

#[test]
fn who_goes_away_in_the_middle_leaves_the_holder_as_it_was() {
    let phone = studied();
    let mut study = holder(&phone);
    for _ in 0..3 {
        let mut guest = phone.start_talking(&["study"]);
        assert!(guest.line().is_some(), "it asks the first card");
        guest.kill();
        let mut guest = phone.start_talking(&["import", "-", "--deck", "Piped", "--format", "tsv"]);
        guest.say(b"half a row\t");
        guest.kill();
        // Ctrl-C ends the guest and not the holder.
        let mut guest = phone.start_talking(&["study"]);
        assert!(guest.line().is_some());
        guest.interrupt();
        assert_eq!(guest.wait_for_end().code, 130);
        assert_eq!(phone.count("decks"), 1);
    }
    assert!(study.is_alive());
    study.say(b"q\n");
    study.finish().ok();
}

#[test]
fn a_holder_that_ends_in_order_finishes_what_it_was_given() {
    let phone = studied();
    let mut study = holder(&phone);
    let mut guest = phone.start_talking(&["study"]);
    assert!(guest.line().is_some());
    guest.say(b"3\n");
    // The back, what the answer did, and the next card.
    assert!((0..3).all(|_| guest.line().is_some()));
    study.say(b"q\n");
    study.finish().ok();
    let told = guest.finish().fails_with(1);
    assert!(told.stderr.contains("is ending"), "{told:?}");
    assert_eq!(
        phone.count("events"),
        1,
        "the answer that was taken is saved"
    );
    phone.verify_clean();
}

#[test]
fn a_person_who_is_asked_learns_at_once_that_the_holder_was_killed() {
    let phone = studied();
    let mut study = holder(&phone);
    let mut guest = phone.start_talking(&["study"]);
    assert!(guest.line().is_some());
    study.kill();
    // Its stdin stays open: it does not wait for a key.
    let told = guest.wait_for_end().fails_with(1);
    assert!(told.stderr.contains("ended in the middle"), "{told:?}");
}

#[test]
fn a_watch_beside_a_study_goes_on_after_it() {
    let server = Server::new();
    let phone = studied();
    phone.register(&server.url(), "ada");
    let mut study = holder(&phone);
    let mut watch = phone.start_reading(&["sync", "--watch"]);
    until_connected(&mut watch);
    study.say(b"q\n");
    study.finish().ok();
    // It has taken the vault over.
    until_connected(&mut watch);
    phone.run(&["sync"]).ok();
    until_connected(&mut watch);
    watch.interrupt();
    assert_eq!(watch.finish().code, 130);
}

#[test]
fn a_socket_that_a_killed_process_left_means_nothing() {
    let phone = studied();
    let mut study = holder(&phone);
    assert!(phone.vault().join("socket").exists());
    study.kill();
    assert!(phone.vault().join("socket").exists());
    assert_eq!(phone.count("decks"), 1);
    let mut study = holder(&phone);
    assert_eq!(phone.count("decks"), 1);
    study.say(b"q\n");
    study.finish().ok();
    assert!(!phone.vault().join("socket").exists());
}

#[test]
fn a_vault_may_lie_deep() {
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join("d".repeat(120)).join("e".repeat(120));
    std::fs::create_dir_all(&deep).unwrap();
    let phone = Device::in_directory("phone", &deep.join("vault"));
    let deck = phone.add_deck("Capitals");
    phone.add_card(&deck, "front", "back");
    let mut study = holder(&phone);
    phone.add_card(&deck, "another", "back");
    assert_eq!(phone.count("cards"), 2);
    assert!(study.is_alive());
}

#[test]
fn nonsense_at_the_socket_harms_nobody() {
    let phone = studied();
    let mut study = holder(&phone);
    let connect = || UnixStream::connect(phone.vault().join("socket")).unwrap();
    let ask = |version: &str| {
        let mut body = vec![0x87, 0x60 + u8::try_from(version.len()).unwrap()];
        body.extend(version.bytes());
        // Not the words that belong there.
        body.extend([0x01; 6]);
        let length = u32::try_from(body.len()).unwrap().to_be_bytes();
        [&length[..], &body].concat()
    };
    let long = [&u32::MAX.to_be_bytes()[..], &[0; 64]].concat();
    for bytes in [
        vec![],
        vec![0],
        long,
        vec![0xff; 10_000],
        ask("0.1.0 (local 1)"),
        vec![0; 4],
    ] {
        let mut stream = connect();
        // It may hang up before it has read all that.
        drop(stream.write_all(&bytes));
        drop(stream.shutdown(std::net::Shutdown::Write));
        drop(stream.read_to_end(&mut Vec::new()));
        assert_eq!(phone.count("decks"), 1);
    }
    let mut answer = Vec::new();
    let mut later = connect();
    later.write_all(&ask("9.9.9 (local 9)")).unwrap();
    later.read_to_end(&mut answer).unwrap();
    assert!(
        String::from_utf8_lossy(&answer).contains("(local 1)"),
        "it says which version it is"
    );
    // More than are served at once, who say nothing and go away.
    drop((0..100).map(|_| connect()).collect::<Vec<_>>());
    assert_eq!(phone.count("decks"), 1);
    assert!(study.is_alive());
}

#[test]
fn another_user_is_not_served() {
    if !rustix::process::geteuid().is_root() {
        println!("not run: only root can become another user");
        return;
    }
    let phone = studied();
    let mut study = holder(&phone);
    // Even if every door stands open.
    for path in phone.vault().ancestors().take(2) {
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o777)).unwrap();
    }
    std::fs::set_permissions(
        phone.vault().join("socket"),
        PermissionsExt::from_mode(0o777),
    )
    .unwrap();
    let binary = phone.file("memoryvault", &std::fs::read(client_binary()).unwrap());
    std::fs::set_permissions(&binary, PermissionsExt::from_mode(0o755)).unwrap();
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(&binary);
    command.arg("--vault").arg(phone.vault()).arg("status");
    let told = Running::start(command, b"").finish().fails_with(1);
    assert!(told.stderr.contains("another user"), "{told:?}");
    assert_eq!(phone.count("decks"), 1);
    assert!(study.is_alive());
}

/// A device with something to study.
fn studied() -> Device {
    let phone = Device::new("phone");
    let deck = phone.add_deck("Capitals");
    phone.add_card(&deck, "one", "1");
    phone.add_card(&deck, "two", "2");
    phone
}

/// A process that has the vault, with a card on its screen.
fn holder(device: &Device) -> Running {
    let mut study = device.start_talking(&["study"]);
    assert!(study.line().is_some(), "the first card is on the screen");
    study
}

/// Each session says once that it has connected.
fn until_connected(watch: &mut Running) {
    while let Some(line) = watch.line() {
        if line.contains("\"connected\"") {
            return;
        }
    }
    panic!("the watch ended");
}
