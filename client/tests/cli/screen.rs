//! A person at a terminal: the real command on a pseudo-terminal, what it draws read by a terminal emulator. Waits are for words on
//! the screen, never for time.

use std::fs::File;
use std::io::Read as _;
use std::num::NonZero;
use std::os::fd::{AsFd as _, OwnedFd};
use std::process::{Child, Stdio};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::world::World;

/// A command on a terminal of this size.
pub struct Screen {
    child: Child,
    side: OwnedFd,
    parser: vt100::Parser,
    /// A drawing has begun and is not complete.
    is_drawing: bool,
}

/// What stands before and after a drawing.
const BEGIN: &[u8] = b"\x1b[?2026h";
const END: &[u8] = b"\x1b[?2026l";

impl Drop for Screen {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Screen {
    #[track_caller]
    pub fn start(
        world: &World,
        arguments: &[&str],
        [rows, columns]: [u16; 2],
        env: &[(&str, &str)],
    ) -> Self {
        let side = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a pseudo-terminal");
        grantpt(&side).expect("the right to it");
        unlockpt(&side).expect("a lock off");
        let size = Winsize {
            ws_row: rows,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(side.as_fd(), size).expect("a size");
        let name = ptsname(&side, Vec::new()).expect("a name");
        let path = name.to_str().expect("a path").to_owned();
        let open = || {
            let mut options = File::options();
            options.read(true).write(true);
            Stdio::from(options.open(&path).expect("the other side"))
        };
        let mut command = world.command(arguments);
        command
            .env("TERM", "xterm")
            .env("PATH", "/usr/bin:/bin")
            .env_remove("NO_COLOR")
            .envs(env.iter().copied())
            .stdin(open())
            .stdout(open())
            .stderr(open());
        let child = command.spawn().expect("the command starts");
        Self {
            child,
            side,
            parser: vt100::Parser::new(whole(rows), whole(columns), 0),
            is_drawing: false,
        }
    }

    pub fn press(&mut self, keys: &str) {
        rustix::io::write(&self.side, keys.as_bytes()).expect("keys are taken");
    }

    /// Reads a little more; false when the other side is gone, because the command has ended.
    fn read(&mut self) -> bool {
        let mut bytes = [0; 64 * 1024];
        let count = rustix::io::read(&self.side, &mut bytes).unwrap_or(0);
        let bytes = &bytes[..count];
        self.parser.process(bytes);
        let last = |mark: &[u8]| bytes.windows(mark.len()).rposition(|window| window == mark);
        match (last(BEGIN), last(END)) {
            (None, None) => {}
            (begin, end) => self.is_drawing = begin > end,
        }
        count > 0
    }

    /// Reads until the screen shows the words and is drawn to the end; what it shows then.
    #[track_caller]
    pub fn wait(&mut self, words: &str) -> String {
        loop {
            let shown = self.parser.screen().contents();
            if shown.contains(words) && !self.is_drawing {
                return trimmed(&shown);
            }
            assert!(self.read(), "the screen never showed {words:?}:\n{shown}");
        }
    }

    /// Waits for the end; its exit code, and what is left on the screen.
    #[track_caller]
    pub fn end(mut self) -> (i32, String) {
        while self.read() {}
        let code = self.child.wait().expect("an end").code().expect("a code");
        let screen = self.parser.screen();
        assert!(!screen.alternate_screen(), "the screen is given back");
        assert!(!screen.hide_cursor(), "the cursor is given back");
        (code, trimmed(&screen.contents()))
    }
}

fn trimmed(shown: &str) -> String {
    shown
        .lines()
        .map(|line| format!("{}\n", line.trim_end()))
        .collect()
}

fn whole(number: u16) -> NonZero<u16> {
    NonZero::new(number).expect("a size")
}

/// Compares with the file of that name, or writes it when asked to.
#[track_caller]
fn golden(name: &str, shown: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/cli/snapshots")
        .join(format!("{name}.txt"));
    if std::env::var("MEMORYVAULT_GOLDEN").is_ok_and(|word| word == "write") {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("the folder");
        std::fs::write(&path, shown).expect("the file is written");
    }
    let mut wanted = String::new();
    File::open(&path)
        .and_then(|mut file| file.read_to_string(&mut wanted))
        .unwrap_or_else(|why| {
            panic!(
                "{}: {why}; MEMORYVAULT_GOLDEN=write makes it",
                path.display()
            )
        });
    assert_eq!(
        shown,
        wanted,
        "{}; MEMORYVAULT_GOLDEN=write renews it",
        path.display()
    );
}

const NOON: (&str, &str) = ("MEMORYVAULT_NOW", "2026-03-01T12:00:00+01:00");

/// So many minutes before noon, so that the order of cards is known.
fn before_noon(world: &World, minutes: u8, arguments: &[&str]) {
    let mut command = world.command(arguments);
    command.env(
        NOON.0,
        format!("2026-03-01T11:{:02}:00+01:00", 60 - minutes),
    );
    crate::world::finish(command, "").ok();
}

fn capitals() -> World {
    let world = World::new();
    before_noon(&world, 30, &["deck", "add", "Capitals"]);
    before_noon(
        &world,
        20,
        &[
            "add",
            "--deck",
            "Capitals",
            "--front",
            "Capital of **Peru**, a country in the Andes?",
            "--back",
            "Lima\n\n- on the coast\n- $9.7 \\cdot 10^6$ people",
        ],
    );
    before_noon(
        &world,
        10,
        &[
            "add",
            "--deck",
            "Capitals",
            "--type",
            "typed",
            "--front",
            "Capital of Chad?",
            "--back",
            "N'Djamena",
        ],
    );
    world
}

#[test]
fn a_sitting_on_the_full_screen() {
    let world = capitals();
    let editor = world.file(
        "editor.sh",
        "#!/bin/sh\nsed -i 's/^Lima$/Lima, on the Pacific/' \"$1\"\n",
    );
    let editor = format!("sh {editor}");
    let env = [NOON, ("EDITOR", editor.as_str())];
    let mut screen = Screen::start(&world, &["study"], [24, 72], &env);
    golden("study-question", &screen.wait("Space show answer"));
    screen.press("?");
    golden("study-keys", &screen.wait(" closes "));
    screen.press("x");
    screen.wait("Andes?");
    screen.press(" ");
    golden("study-answer", &screen.wait("4 Easy"));
    screen.press("e");
    golden("study-edited", &screen.wait("Changed."));
    screen.press("*");
    screen.wait("Marked.");
    screen.press("t");
    screen.wait("Tags:");
    screen.press("andes, coast\r");
    screen.wait("Tags: andes, coast.");
    screen.press("i");
    screen.wait(" closes ");
    screen.press("q");
    screen.wait("4 Easy");
    screen.press("3");
    golden("study-typed-question", &screen.wait("Your answer"));
    screen.press("N'Djamna\r");
    golden("study-typed-answer", &screen.wait("[+e+]"));
    screen.press("u");
    golden("study-undone", &screen.wait("Taken back"));
    screen.press("/");
    screen.wait("Study what fits");
    screen.press("nosuch\r");
    screen.wait("Nothing to study fits nosuch.");
    screen.press("-");
    screen.wait("Put off until tomorrow.");
    // Leaves the line of the answer; with a key right behind it, it would be another key.
    screen.press("\u{1b}");
    screen.wait("Space show answer");
    screen.press("q");
    let (code, shown) = screen.end();
    assert_eq!(code, 0, "{shown}");
    let cards = world.json_lines(&["card", "list", "tag:andes", "flag:1"]);
    assert_eq!(
        cards[0]["back"][0]["text"]
            .as_str()
            .map(|text| text.lines().next()),
        Some(Some("Lima, on the Pacific"))
    );
}

#[test]
fn a_narrow_window_and_an_end_by_ctrl_c() {
    let world = capitals();
    let mut screen = Screen::start(&world, &["study"], [12, 40], &[NOON]);
    screen.wait("Space show answer");
    screen.press(" ");
    golden("study-narrow", &screen.wait("4 Easy"));
    screen.press("\u{3}");
    let (code, shown) = screen.end();
    assert_eq!(code, 0, "{shown}");
}

#[test]
fn an_editor_that_breaks_the_form_loses_nothing() {
    let world = capitals();
    let editor = world.file(
        "editor.sh",
        "#!/bin/sh\nsed -i 's/^### Back$/gone/' \"$1\"\n",
    );
    let editor = format!("sh {editor}");
    let env = [
        NOON,
        ("EDITOR", editor.as_str()),
        ("TMPDIR", world.home().to_str().unwrap()),
    ];
    let mut screen = Screen::start(&world, &["study"], [20, 100], &env);
    screen.wait("Space show answer");
    screen.press("e");
    let shown = screen.wait("is missing");
    assert!(shown.contains("what you wrote is kept in"), "{shown}");
    screen.press("q");
    screen.end();
    let kept = std::fs::read_dir(world.home()).unwrap();
    let kept = kept
        .filter_map(Result::ok)
        .find(|file| file.file_name().to_string_lossy().starts_with("card-"));
    assert!(
        std::fs::read_to_string(kept.unwrap().path())
            .unwrap()
            .contains("gone")
    );
}

#[test]
fn lines_for_a_screen_reader() {
    let world = capitals();
    let mut screen = Screen::start(&world, &["study", "--plain"], [40, 72], &[NOON]);
    screen.wait("Enter shows the answer > ");
    screen.press("\r");
    screen.wait("4 easy > ");
    screen.press("3\r");
    screen.wait("other keys > ");
    screen.press("N'Djamena\r");
    screen.wait("(right)");
    screen.wait("  N'Djamena\n1 again  2 hard");
    screen.press("3\r");
    let (code, shown) = screen.end();
    assert_eq!(code, 0);
    golden("study-plain", &shown);
}
