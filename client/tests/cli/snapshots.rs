//! What every command prints, read by a person once and held since: one history of one vault, a file a command under
//! `snapshots/commands`. A command without a case fails the test. `MEMORYVAULT_GOLDEN=write` renews the files; look at the
//! difference before it is committed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use crate::media_files::{png, wav};
use crate::world::{Names, World, finish};

/// Lines of a stream that are kept: enough for every command but those that print scripts and manuals.
const LINES_MAX: usize = 40;

/// What is typed, in order; `{name}` stands for the last line that an earlier case printed under that name.
/// Name to keep the last line under, words, stdin.
type Case = (&'static str, &'static [&'static str], &'static str);

const CASES: [Case; 86] = [
    ("", &["deck", "add", "Capitals::Asia"], ""),
    ("capitals", &["deck", "add", "Capitals"], ""),
    ("", &["deck", "add", "Old"], ""),
    ("", &["deck", "list"], ""),
    ("", &["deck", "list", "--json"], ""),
    ("", &["deck", "rename", "Old", "Older"], ""),
    ("", &["deck", "remove", "Older"], ""),
    ("", &["deck", "remove", "Older", "--dry-run"], ""),
    ("", &["deck", "remove", "Older", "--yes"], ""),
    ("", &["deck", "list", "--removed"], ""),
    ("", &["deck", "restore", "Older"], ""),
    (
        "",
        &[
            "deck",
            "options",
            "Capitals",
            "--scheduler",
            "sm2",
            "--preview",
        ],
        "",
    ),
    ("", &["deck", "options", "Capitals"], ""),
    (
        "peru",
        &[
            "add",
            "--deck",
            "Capitals",
            "--front",
            "Capital of Peru?",
            "--back",
            "Lima",
            "--tag",
            "andes",
        ],
        "",
    ),
    (
        "",
        &[
            "add",
            "--deck",
            "Capitals",
            "--front",
            "capital of peru?",
            "--back",
            "x",
        ],
        "",
    ),
    ("", &["undo"], ""),
    (
        "flag",
        &[
            "add",
            "--deck",
            "Capitals",
            "--front-image",
            "flag.png",
            "--alt",
            "A flag",
            "--back-audio",
            "name.wav",
            "--alt",
            "Its name",
        ],
        "",
    ),
    (
        "chad",
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
        "",
    ),
    ("", &["add", "--deck", "Nosuch", "--front", "x"], ""),
    ("", &["card", "list"], ""),
    ("", &["card", "list", "deck:Capitals", "--json"], ""),
    ("", &["card", "list", "is:duee"], ""),
    ("", &["card", "show", "{peru}"], ""),
    ("", &["card", "show", "ffffffff"], ""),
    ("", &["card", "edit", "{peru}", "--back", "Lima!"], ""),
    ("", &["card", "duplicates"], ""),
    ("", &["card", "bury", "{peru}"], ""),
    ("", &["card", "due", "{peru}", "+3"], ""),
    ("", &["card", "why", "{peru}"], ""),
    ("", &["card", "reset", "{peru}"], ""),
    ("", &["card", "remove", "{peru}"], ""),
    ("", &["card", "remove", "{peru}", "--yes"], ""),
    ("", &["card", "restore", "{peru}"], ""),
    (
        "",
        &[
            "card",
            "bulk",
            "tag:andes",
            "--find",
            "!",
            "--replace",
            "",
            "--dry-run",
        ],
        "",
    ),
    ("", &["card", "bulk", "tag:andes", "--flag", "2"], ""),
    ("", &["note", "show", "{chad}"], ""),
    (
        "",
        &[
            "note",
            "edit",
            "{chad}",
            "--field",
            "Front=The capital of Chad?",
        ],
        "",
    ),
    ("", &["note", "edit", "{peru}", "--field", "Front=x"], ""),
    ("", &["note", "types"], ""),
    (
        "",
        &["note", "type-set", "-"],
        r#"{"name":"pair","fields":["A","B"],"templates":[{"name":"1","front":"{{A}}","back":"{{B}}"}]}"#,
    ),
    ("", &["note", "type-show", "pair"], ""),
    ("", &["note", "type-remove", "pair"], ""),
    ("", &["note", "remove", "{chad}", "--yes"], ""),
    ("", &["undo", "--list"], ""),
    ("", &["undo", "3", "--dry-run"], ""),
    ("", &["undo"], ""),
    ("", &["redo"], ""),
    ("", &["redo"], ""),
    ("", &["review", "{peru}", "good"], ""),
    ("", &["review", "{peru}", "good", "--json"], ""),
    ("", &["study", "--plain"], "\n3\n\n4 d2\nu\nq\n"),
    (
        "",
        &["study", "--json", "--cram", "--query", "peru"],
        "\n1\nq\n",
    ),
    ("", &["conflicts", "list"], ""),
    ("", &["conflicts", "pick", "00000000", "1"], ""),
    (
        "",
        &["import", "list.tsv", "--deck", "Words", "--dry-run"],
        "",
    ),
    ("", &["import", "list.tsv", "--deck", "Words"], ""),
    ("", &["import", "nosuch.tsv", "--deck", "Words"], ""),
    ("", &["media", "list"], ""),
    ("", &["media", "show", "{image}"], ""),
    ("", &["media", "check"], ""),
    ("", &["media", "sweep"], ""),
    ("", &["media", "restore", "{image}"], ""),
    ("", &["media", "purge", "{image}"], ""),
    (
        "",
        &["media", "thumbnail", "{image}", "--to", "small.png"],
        "",
    ),
    (
        "",
        &[
            "account",
            "register",
            "http://127.0.0.1:1",
            "--user",
            "kim",
            "--password-stdin",
        ],
        "a long password of words\n",
    ),
    (
        "",
        &[
            "account",
            "login",
            "http://127.0.0.1:1",
            "--user",
            "kim",
            "--password-stdin",
        ],
        "a long password of words\n",
    ),
    ("", &["account", "logout"], ""),
    ("", &["account", "devices"], ""),
    ("", &["account", "usage"], ""),
    ("", &["sync"], ""),
    ("", &["status"], ""),
    ("", &["status", "--json"], ""),
    ("", &["stats"], ""),
    ("", &["verify"], ""),
    ("", &["verify", "--json"], ""),
    ("", &["config", "path"], ""),
    ("", &["config", "set", "plain", "true"], ""),
    ("", &["config", "list"], ""),
    ("", &["config", "list", "--json"], ""),
    ("", &["config", "unset", "plain"], ""),
    ("", &["manual", "completions", "bash"], ""),
    ("", &["manual", "man", "pages"], ""),
    ("", &["manual", "markdown"], ""),
    ("", &["init"], ""),
    ("", &["status", "--vault", "nowhere"], ""),
    ("", &["deck", "lsit"], ""),
];

/// The words of every command that does something, as the manual lists them.
fn commands(manual: &str) -> BTreeSet<Vec<String>> {
    let all: BTreeSet<Vec<String>> = manual
        .lines()
        .filter_map(|line| line.strip_prefix("## `memoryvault ")?.strip_suffix('`'))
        .map(|words| words.split(' ').map(str::to_owned).collect())
        .collect();
    let is_group = |words: &&Vec<String>| {
        !all.iter()
            .any(|other| other.len() > words.len() && other.starts_with(words))
    };
    all.iter().filter(is_group).cloned().collect()
}

fn kept(text: &str) -> String {
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.contains("MEMORYVAULT_NOW"))
        .map(str::trim_end)
        .collect();
    let mut out: String = lines
        .iter()
        .take(LINES_MAX)
        .map(|line| format!("{line}\n"))
        .collect();
    if lines.len() > LINES_MAX {
        out.push_str("...\n");
    }
    out
}

#[test]
fn every_command_prints_what_it_printed() {
    let world = World::new();
    world.file("flag.png", png());
    world.file("name.wav", wav());
    world.file(
        "list.tsv",
        "front\tback\ttags\none\tuno\tnumbers\ntwo\tdos\n\tempty\n",
    );
    let mut saved: BTreeMap<String, String> = BTreeMap::new();
    saved.insert("{image}".to_owned(), blake3::hash(&png()).to_string());
    let mut names = Names::new(world.home());
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    let mut seen: BTreeSet<Vec<String>> = BTreeSet::new();
    let manual = world.run(&["manual", "markdown"]).ok().stdout;
    let commands = commands(&manual);
    for (minute, (save, words, stdin)) in CASES.iter().enumerate() {
        let words: Vec<String> = words
            .iter()
            .map(|word| {
                saved
                    .get(*word)
                    .cloned()
                    .unwrap_or_else(|| (*word).to_owned())
            })
            .collect();
        let arguments: Vec<&str> = words.iter().map(String::as_str).collect();
        let mut command = world.command(&arguments);
        let at = format!("2026-03-01T{:02}:{:02}:00Z", 10 + minute / 60, minute % 60);
        command.env("MEMORYVAULT_NOW", at);
        let answer = finish(command, stdin);
        if let (false, Some(last)) = (save.is_empty(), answer.stdout.lines().last()) {
            saved.insert(format!("{{{save}}}"), last.to_owned());
        }
        let own = commands.iter().find(|own| words.starts_with(own));
        let name = own.map_or_else(|| "wrong".to_owned(), |own| own.join("-"));
        seen.extend(own.cloned());
        let mut shown = String::new();
        writeln!(shown, "$ memoryvault {}", names.replace(&words.join(" "))).unwrap();
        shown.push_str(&names.replace(&kept(&answer.stdout)));
        for line in names.replace(&kept(&answer.stderr)).lines() {
            writeln!(shown, "! {line}").unwrap();
        }
        writeln!(shown, "= {}\n", answer.code).unwrap();
        files.entry(name).or_default().push_str(&shown);
    }
    // It serves until it is stopped; `web.rs` holds what it says.
    seen.insert(vec!["web".to_owned()]);
    let missing: Vec<_> = commands.difference(&seen).collect();
    assert!(missing.is_empty(), "commands without a case: {missing:?}");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/snapshots/commands");
    let writes = std::env::var("MEMORYVAULT_GOLDEN").is_ok_and(|word| word == "write");
    for (name, shown) in files {
        let path = folder.join(format!("{name}.txt"));
        if writes {
            std::fs::create_dir_all(&folder).expect("the folder");
            std::fs::write(&path, &shown).expect("the file");
        }
        let wanted = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(
            shown,
            wanted,
            "{}; MEMORYVAULT_GOLDEN=write renews it",
            path.display()
        );
    }
}
