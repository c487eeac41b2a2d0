//! Pictures are drawn and sounds are played where a person sits at the terminal, also when another process has the vault; nowhere else.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use tests::{Device, Output, Running, client_binary, noise_png, text, wav};

/// The lower half of a cell, of which pictures are made where the terminal knows no graphics.
const HALF_BLOCK: &str = "\u{2584}";

struct Room {
    phone: Device,
    card: String,
    played: PathBuf,
    player: PathBuf,
}

impl Room {
    fn new() -> Self {
        let phone = Device::new("phone");
        let deck = phone.add_deck("Capitals");
        let picture = phone.file("cat.png", &noise_png(1, 40, 30));
        let sound = phone.file("meow.wav", &wav(1, 700));
        let [picture, sound] = [&picture, &sound].map(|path| path.to_str().expect("plain paths"));
        let card = phone.add(&[
            "--deck",
            &deck,
            "--front-image",
            picture,
            "--alt",
            "a cat",
            "--back-audio",
            sound,
        ]);
        let played = phone.file("played", b"");
        // A player that writes down what it would play.
        let script = format!("#!/bin/sh\necho \"$@\" >> {}\n", played.display());
        let player = phone.file("player", script.as_bytes());
        fs::set_permissions(&player, fs::Permissions::from_mode(0o755)).expect("it is ours");
        Self {
            phone,
            card,
            played,
            player,
        }
    }

    /// Runs a command line of the program on a terminal of its own.
    fn at_terminal(&self, words: &str, typed: &[u8], drawing: Option<&str>) -> Output {
        let mut command = self.phone.command(&[]);
        let line = format!(
            "{} --vault {} {words}",
            client_binary().display(),
            self.phone.vault().display()
        );
        let mut script = std::process::Command::new("script");
        script.args(["-qec", &line, "/dev/null"]);
        for (name, value) in command.env("TERM", "xterm-256color").get_envs() {
            match value {
                Some(value) => script.env(name, value),
                None => script.env_remove(name),
            };
        }
        script.env_remove("TMUX").env(
            "MEMORYVAULT_PLAYER",
            format!("{} --loud", self.player.display()),
        );
        script.env("MEMORYVAULT_PICTURES", drawing.unwrap_or_default());
        Running::start(script, typed).finish()
    }

    fn heard(&self) -> Vec<String> {
        let played = fs::read_to_string(&self.played).expect("it is there");
        fs::write(&self.played, "").expect("it is ours");
        played.lines().map(str::to_owned).collect()
    }
}

#[test]
fn a_card_is_drawn_and_played_at_a_terminal_and_only_there() {
    let room = Room::new();
    let show = format!("card show {} --open", room.card);
    let seen = room.at_terminal(&show, b"", None).ok();
    assert!(seen.stdout.contains(HALF_BLOCK) && seen.stdout.contains("a cat"));
    let heard = room.heard();
    let back = &room.phone.show(&room.card)["back"][0];
    assert_eq!(heard.len(), 1, "{heard:?}");
    assert!(
        heard[0].starts_with("--loud ") && heard[0].ends_with(text(back, "blob")),
        "{heard:?}"
    );

    // Without the wish, into a pipe, as JSON, or with pictures declined.
    let plain = room
        .at_terminal(&format!("card show {}", room.card), b"", None)
        .ok();
    assert!(!plain.stdout.contains(HALF_BLOCK));
    let piped = room
        .phone
        .plain_command(&["card", "show", &room.card, "--open"]);
    assert!(
        !Running::start(piped, b"")
            .finish()
            .ok()
            .stdout
            .contains(HALF_BLOCK)
    );
    let json = room.at_terminal(&format!("--json {show}"), b"", None).ok();
    assert!(!json.stdout.contains(HALF_BLOCK));
    assert_eq!(room.heard(), Vec::<String>::new());
    let declined = room.at_terminal(&show, b"", Some("none")).ok();
    assert!(!declined.stdout.contains(HALF_BLOCK));
    assert_eq!(room.heard().len(), 1);
}

#[test]
fn another_process_that_has_the_vault_makes_no_difference() {
    let room = Room::new();
    let mut holder = room.phone.start_talking(&["study"]);
    assert!(holder.line().is_some(), "it has the vault");
    let seen = room
        .at_terminal(&format!("card show {} --open", room.card), b"", None)
        .ok();
    assert!(seen.stdout.contains(HALF_BLOCK));
    assert_eq!(room.heard().len(), 1);
    holder.say(b"q\n");
    holder.finish().ok();
}
