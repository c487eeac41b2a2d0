//! `status`.

use serde_json::json;

use crate::world::World;

#[test]
fn a_program_gets_every_key() {
    let world = World::new();
    let empty = world.json(&["status"]);
    for key in [
        "decks",
        "cards",
        "events",
        "due",
        "blobs",
        "blobs_missing",
        "pending_changes",
        "conflicts",
    ] {
        assert!(empty[key].is_u64(), "{key} in {empty}");
    }
    for key in ["server", "quota_used_bytes", "quota_limit_bytes"] {
        assert!(empty[key].is_null(), "{key} in {empty}");
    }
    assert_eq!(empty["state_digest"].as_str().map(str::len), Some(64));
    let deck = world.deck("Capitals");
    let card = world.card(&deck, "Capital of Peru?", "Lima");
    let after = world.json(&["status"]);
    assert_ne!(after["state_digest"], empty["state_digest"]);
    assert_eq!(
        (&after["decks"], &after["cards"], &after["due"]),
        (&json!(1), &json!(1), &json!(1))
    );
    world.run(&["review", &card, "good"]).ok();
    let studied = world.json(&["status"]);
    assert_eq!(
        (&studied["events"], &studied["due"]),
        (&json!(1), &json!(0))
    );
    assert_ne!(studied["state_digest"], after["state_digest"]);
    assert_eq!(
        world.json(&["status"])["state_digest"],
        studied["state_digest"]
    );
}

#[test]
fn a_person_gets_a_table() {
    let world = World::new();
    let deck = world.deck("Capitals");
    world.card(&deck, "Capital of Peru?", "Lima");
    let pending = world.json(&["status"])["pending_changes"].as_u64().unwrap();
    let changes = if pending == 1 {
        "1 change".to_owned()
    } else {
        format!("{pending} changes")
    };
    let expected = format!(
        "Device   desk\nDecks    1\nCards    1\nDue now  1 (1 new)\nEvents   0\nMedia    0 pictures and sounds\n\
         Choices  0 texts wait\nServer   none (memoryvault account login URL --user NAME)\nTo send  {changes}\n\
         State    HASH1\n"
    );
    world.check(&[(&["status"], 0, &expected, "")]);
}
