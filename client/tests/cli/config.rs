//! The settings of a person: a file, what counts before it, and what a broken one does.

use serde_json::json;

use crate::world::{World, finish};

#[test]
fn the_file_names_the_vault_and_the_environment_counts_before_it() {
    let world = World::new();
    let bare = |arguments: &[&str]| {
        let mut command = world.command(arguments);
        command.env_remove("MEMORYVAULT_HOME");
        finish(command, "")
    };
    assert_eq!(bare(&["status"]).code, 3, "no vault is at the usual place");
    let vault = world.vault().display().to_string();
    bare(&["config", "set", "vault", &vault]).ok();
    bare(&["status"]).ok();
    let listed = bare(&["config", "list", "--json"]).ok();
    let first: serde_json::Value =
        serde_json::from_str(listed.stdout.lines().next().unwrap()).unwrap();
    assert_eq!(
        first,
        json!({"key": "vault", "value": vault, "from": "file", "about": "the vault's folder"})
    );
    assert_eq!(
        world.json_lines(&["config", "list"])[0]["from"],
        "environment"
    );
    bare(&["config", "unset", "vault"]).ok();
    assert_eq!(bare(&["status"]).code, 3);
}

#[test]
fn a_line_is_written_and_the_rest_stays() {
    let world = World::new();
    let path = world.run(&["config", "path"]).ok().stdout;
    let path = std::path::PathBuf::from(path.trim());
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, "# mine\nplain = true\n").unwrap();
    world.run(&["config", "set", "colour", "false"]).ok();
    world
        .run(&["config", "set", "player", "mpv \"--no-video\""])
        .ok();
    world.run(&["config", "set", "plain", "false"]).ok();
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(
        text,
        "# mine\ncolour = false\nplayer = 'mpv \"--no-video\"'\nplain = false\n"
    );
    for (arguments, told) in [
        (["config", "set", "colour", "maybe"], "colour"),
        (["config", "set", "pictures", "big"], "kitty"),
        (
            ["config", "set", "color", "true"],
            "there is no setting color; there are vault, colour",
        ),
    ] {
        let answer = world.run(&arguments);
        assert_eq!(answer.code, 2);
        assert!(answer.stderr.contains(told), "{answer:?}");
    }
}

#[test]
fn a_broken_file_is_told_with_its_line_and_can_be_mended() {
    let world = World::new();
    let path = world.run(&["config", "path"]).ok().stdout;
    let path = std::path::PathBuf::from(path.trim());
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, "colour = true\nplain = perhaps\n").unwrap();
    let refused = world.run(&["status"]);
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("line 2 of "), "{refused:?}");
    world.run(&["config", "set", "plain", "true"]).ok();
    world.run(&["status"]).ok();
    std::fs::write(&path, "plane = true\n").unwrap();
    let refused = world.run(&["status"]);
    let listed = world.run(&["config", "list"]).ok();
    assert!(
        listed.stderr.contains("plane") && listed.stdout.contains("player"),
        "{listed:?}"
    );
    assert!(
        refused.stderr.contains("unknown field `plane`"),
        "{refused:?}"
    );
    world.run(&["config", "unset", "plane"]).ok();
    world.run(&["status"]).ok();
    // A value over several lines is not cut, and a file that is too long is not shortened.
    for text in [
        "player = \"\"\"\nmpv\n\"\"\"\n".to_owned(),
        format!("{}player = \"mpv\"\n", "# filled\n".repeat(10_000)),
    ] {
        std::fs::write(&path, &text).unwrap();
        assert_eq!(world.run(&["config", "set", "player", "vlc"]).code, 2);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }
}
