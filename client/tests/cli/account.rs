//! `account` and `sync` where there is no server to reach.

use std::net::TcpListener;

use crate::world::World;

/// An address where nothing listens.
fn nowhere() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    format!("http://{}", listener.local_addr().expect("an address"))
}

#[test]
fn without_a_login_the_next_step_is_told() {
    let world = World::new();
    for arguments in [
        &["sync"][..],
        &["sync", "--watch"],
        &["account", "logout"],
        &["account", "devices"],
        &["account", "usage"],
    ] {
        let error = world.run(&[arguments, &["--json"]].concat()).error(6);
        assert_eq!(error["code"], "authentication", "{arguments:?}");
        assert_eq!(
            error["hint"], "memoryvault account login URL --user NAME",
            "{arguments:?}"
        );
    }
}

#[test]
fn plain_http_beyond_this_machine_is_refused() {
    let world = World::new();
    for verb in ["register", "login"] {
        let arguments = [
            "account",
            verb,
            "http://sync.example.org",
            "--user",
            "ada",
            "--password-stdin",
            "--json",
        ];
        let error = world
            .run_with(&arguments, "correct horse battery\n")
            .error(2);
        assert!(
            error["hint"]
                .as_str()
                .unwrap()
                .contains("https://sync.example.org"),
            "{error}"
        );
    }
    let odd = [
        "account",
        "login",
        "sync.example.org",
        "--user",
        "ada",
        "--password-stdin",
        "--json",
    ];
    assert_eq!(world.run_with(&odd, "x\n").error(2)["code"], "usage");
}

#[test]
fn passwords_come_from_stdin_or_a_person() {
    let world = World::new();
    let url = nowhere();
    let nobody = world
        .run(&["account", "login", &url, "--user", "ada", "--json"])
        .error(2);
    assert!(
        nobody["hint"]
            .as_str()
            .unwrap()
            .contains("--password-stdin"),
        "{nobody}"
    );
    let empty = world
        .run_with(
            &[
                "account",
                "login",
                &url,
                "--user",
                "ada",
                "--password-stdin",
                "--json",
            ],
            "\n",
        )
        .error(2);
    assert_eq!(empty["message"], "the password is empty");
}

#[test]
fn a_server_that_is_not_there_ends_with_7() {
    let world = World::new();
    let url = nowhere();
    for verb in ["register", "login"] {
        let arguments = ["account", verb, &url, "--user", "ada", "--password-stdin"];
        let answer = world.run_with(&arguments, "correct horse battery\n");
        assert_eq!(answer.code, 7, "{answer:?}");
        assert!(
            answer
                .stderr
                .starts_with(&format!("error: {url} could not be reached")),
            "{answer:?}"
        );
        assert!(
            answer
                .stderr
                .contains("hint: your work is saved on this device"),
            "{answer:?}"
        );
    }
    assert_eq!(world.json(&["status"])["server"], serde_json::Value::Null);
}

#[test]
fn a_certificate_file_must_hold_one() {
    let world = World::new();
    let words = world.file("words.pem", "hello");
    let with = |file: &str| {
        let url = "https://127.0.0.1:1";
        world.run_with(
            &[
                "account",
                "login",
                url,
                "--user",
                "ada",
                "--password-stdin",
                "--ca",
                file,
                "--json",
            ],
            "pass\n",
        )
    };
    assert!(
        with(&words).error(2)["message"]
            .as_str()
            .unwrap()
            .contains("words.pem")
    );
    assert_eq!(with("gone.pem").error(3)["code"], "not_found");
}
