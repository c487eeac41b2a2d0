//! `manual`: what is made of the definitions of all commands.

use crate::world::World;

#[test]
fn shells_and_man_know_every_command() {
    let world = World::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = world.run(&["manual", "completions", shell]);
        assert_eq!(script.code, 0, "{script:?}");
        for word in ["study", "redo", "cram", "reviews-per-day"] {
            assert!(script.stdout.contains(word), "{shell}: {word}");
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("man");
    let written = world.run(&["manual", "man", path.to_str().unwrap()]);
    assert_eq!(written.code, 0, "{written:?}");
    let page = std::fs::read_to_string(path.join("memoryvault-deck-options.1")).unwrap();
    assert!(page.contains("retention"), "{page}");
    assert_eq!(world.run(&["manual", "completions", "cobol"]).code, 2);
}

#[test]
fn a_misspelt_command_is_answered_with_the_right_one() {
    let world = World::new();
    let told = world.run(&["stduy"]);
    assert_eq!(told.code, 2);
    assert!(told.stderr.contains("study"), "{told:?}");
    let told = world.run(&["card", "list", "is:deu"]);
    assert_eq!(told.code, 2);
    assert!(told.stderr.contains("is:due"), "{told:?}");
}
