//! A full disk under the client and under the server: a clear error, whole data, and work goes on once there is space. Needs root for a small file system; says so where it is not.

use tests::{Device, Server, ServerOptions, SmallDisk, noise_png, png, settle};

/// The disk's size: room for the stores' ballast, floor and first segments several times.
const DISK_MEGABYTES: u32 = 96;

fn small_disk() -> Option<SmallDisk> {
    match SmallDisk::mount(DISK_MEGABYTES) {
        Ok(disk) => Some(disk),
        Err(reason) => {
            println!("SKIPPED: no small file system can be mounted here ({reason}); run as root");
            None
        }
    }
}

#[test]
fn a_full_disk_under_a_vault_loses_nothing() {
    let Some(disk) = small_disk() else { return };
    let server = Server::new();
    let phone = Device::in_directory("phone", &disk.path().join("vault"));
    let laptop = Device::new("laptop");
    phone.register(&server.url(), "ada");
    laptop.login(&server.url(), "ada");
    let deck = phone.add_deck("Capitals");
    let card = phone.add_card(&deck, "France", "Paris");
    settle(&[&phone, &laptop]);
    for n in 0..3 {
        let file = laptop.file("flag.png", &noise_png(n, 1_000, 500));
        laptop.add(&[
            "--deck",
            &deck,
            "--front-image",
            file.to_str().unwrap(),
            "--alt",
            "flag",
            "--back",
            "x",
        ]);
    }
    laptop.sync();

    for left in [0, 300_000, 3_000_000] {
        disk.fill_leaving(left);
        let digest = phone.digest();
        let picture = phone.file("other.png", &noise_png(99, 1_000, 4_000));
        for arguments in [
            &["review", &card, "good"][..],
            &["card", "edit", &card, "--back", "edited on a full disk"],
            &[
                "add",
                "--deck",
                &deck,
                "--front-image",
                picture.to_str().unwrap(),
                "--alt",
                "x",
                "--back",
                "y",
            ],
            &["sync"],
        ] {
            let answer = phone.run(arguments);
            assert!(
                answer.code > 0 && answer.code != 101,
                "{left} bytes left: {answer:?}"
            );
            let said = answer.stderr.to_lowercase();
            assert!(
                said.contains("space") || said.contains("full"),
                "the reason is told: {answer:?}"
            );
        }
        assert_eq!(
            phone.digest(),
            digest,
            "what was refused did not half happen"
        );
        phone.verify_clean();
        disk.empty();
    }
    phone.review(&card, "good");
    phone.edit(&card, &["--back", "edited with space again"]);
    settle(&[&phone, &laptop]);
    assert_eq!(laptop.side(&card, "back"), ["edited with space again"]);
    assert_eq!((phone.count("cards"), phone.count("blobs_missing")), (4, 0));
    phone.verify_clean();
}

#[test]
fn a_full_disk_under_the_server_loses_nothing() {
    let Some(disk) = small_disk() else { return };
    let data = disk.path().join("data");
    let mut server = Server::start(ServerOptions {
        data: Some(data),
        ..ServerOptions::default()
    });
    let (phone, laptop) = (Device::new("phone"), Device::new("laptop"));
    phone.register(&server.url(), "ada");
    laptop.login(&server.url(), "ada");
    let deck = phone.add_deck("Capitals");
    let card = phone.add_card(&deck, "France", "Paris");
    settle(&[&phone, &laptop]);

    disk.fill_leaving(0);
    phone.edit(&card, &["--back", "edited while the server was full"]);
    phone.review(&card, "good");
    let file = phone.file("flag.png", &png(1));
    phone.add(&[
        "--deck",
        &deck,
        "--front-image",
        file.to_str().unwrap(),
        "--alt",
        "flag",
        "--back",
        "x",
    ]);
    let digest = phone.digest();
    let answer = phone.run(&["sync"]);
    assert!(answer.code > 0 && answer.code != 101, "{answer:?}");
    assert!(!answer.stderr.trim().is_empty(), "{answer:?}");
    assert!(phone.count("pending_changes") > 0);
    assert_eq!(phone.digest(), digest);
    assert!(server.is_alive(), "a full disk does not end the server");

    disk.empty();
    settle(&[&phone, &laptop]);
    assert_eq!(
        laptop.side(&card, "back"),
        ["edited while the server was full"]
    );
    assert_eq!(
        (laptop.count("events"), laptop.count("blobs_missing")),
        (1, 0)
    );

    // Killed while full and started while still full: it starts, serves who only looks, says why it takes nothing, and goes on once there is
    // space.
    disk.fill_leaving(0);
    server.kill();
    server.restart();
    phone.sync();
    laptop.edit(&card, &["--back", "edited while it was full again"]);
    let answer = laptop.run(&["sync"]);
    assert!(answer.code > 0, "{answer:?}");
    assert!(answer.stderr.contains("full"), "{answer:?}");
    disk.empty();
    let tablet = Device::new("tablet");
    tablet.login(&server.url(), "ada");
    settle(&[&phone, &laptop, &tablet]);
    assert_eq!(
        (tablet.count("cards"), tablet.count("blobs_missing")),
        (2, 0)
    );
    assert_eq!(
        tablet.side(&card, "back"),
        ["edited while it was full again"]
    );
}
