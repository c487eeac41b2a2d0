//! `init`, and where the vault is looked for.

use crate::world::{World, finish};

#[test]
fn it_makes_a_vault_and_never_over_another() {
    let world = World::bare();
    world.check(&[
        (
            &["init", "--name", "desk"],
            0,
            "Made a vault in HOME/vault for the device desk.\n",
            "Next: memoryvault deck add NAME, or memoryvault account login URL --user NAME\n",
        ),
        (
            &["init", "--name", "other"],
            4,
            "",
            "error: HOME/vault already holds a vault\n\
             hint: use it, or choose another folder: memoryvault --vault DIR init\n",
        ),
    ]);
    assert_eq!(world.json(&["status"])["device"], "desk");
}

#[test]
fn json_names_the_vault_and_the_device() {
    let world = World::bare();
    let made = world.json(&["init", "--name", "desk"]);
    assert_eq!(made["vault"], world.vault().to_str().unwrap());
    assert_eq!(made["device"], "desk");
    for id in ["vault_id", "device_id"] {
        assert_eq!(made[id].as_str().map(str::len), Some(36), "{made}");
    }
    assert_eq!(world.json(&["status"])["vault_id"], made["vault_id"]);
}

#[test]
fn every_command_says_that_there_is_no_vault() {
    let world = World::bare();
    let id = "0198a0a0-0000-7000-8000-000000000000";
    let commands: [&[&str]; 16] = [
        &["deck", "add", "x"],
        &["deck", "list"],
        &["add", "--deck", "x", "--front", "y"],
        &["card", "list"],
        &["card", "show", id],
        &["card", "why", id],
        &["study"],
        &["review", id, "good"],
        &["undo"],
        &["conflicts", "list"],
        &["account", "devices"],
        &["account", "logout"],
        &["sync"],
        &["status"],
        &["verify"],
        &["import", "-", "--format", "tsv", "--deck", "x"],
    ];
    for command in commands {
        let error = world.run(&[command, &["--json"]].concat()).error(3);
        assert_eq!(error["code"], "not_found", "{command:?}");
        assert_eq!(error["hint"], "memoryvault init", "{command:?}");
        assert!(!world.vault().exists(), "{command:?} made a vault");
    }
}

#[test]
fn the_folder_comes_from_option_environment_or_home() {
    let world = World::bare();
    let option = world.home().join("option");
    let vault_in = |set: &dyn Fn(&mut std::process::Command)| {
        let mut command = world.command(&["init", "--json"]);
        command.env_remove("MEMORYVAULT_HOME");
        set(&mut command);
        let made: serde_json::Value =
            serde_json::from_str(&finish(command, "").ok().stdout).unwrap();
        made["vault"]
            .as_str()
            .unwrap()
            .strip_prefix(world.home().to_str().unwrap())
            .unwrap()
            .to_owned()
    };
    let at_option = vault_in(&|command| {
        command
            .env("MEMORYVAULT_HOME", world.home().join("variable"))
            .arg("--vault")
            .arg(&option);
    });
    assert_eq!(at_option, "/option");
    let at_variable = vault_in(&|command| {
        command.env("MEMORYVAULT_HOME", world.home().join("variable"));
    });
    assert_eq!(at_variable, "/variable");
    let at_data = vault_in(&|command| {
        command
            .env("XDG_DATA_HOME", world.home().join("data"))
            .env("MEMORYVAULT_HOME", "");
    });
    assert_eq!(at_data, "/data/memoryvault");
    assert_eq!(vault_in(&|_| {}), "/.local/share/memoryvault");
}
