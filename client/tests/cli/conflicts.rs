//! `conflicts`, as far as one device can meet them; choices between two devices are tested with a server.

use crate::world::World;

#[test]
fn nothing_waits_on_one_device() {
    let world = World::new();
    world.check(&[
        (
            &["conflicts", "list"],
            0,
            "",
            "Nothing waits for a choice.\n",
        ),
        (&["conflicts", "list", "--json"], 0, "", ""),
        (
            &["conflicts", "pick", "abc", "1"],
            3,
            "",
            "error: there is no conflict abc\nhint: memoryvault conflicts list\n",
        ),
    ]);
    assert_eq!(
        world
            .run(&["conflicts", "pick", "abc", "--join", "--json"])
            .error(3)["code"],
        "not_found"
    );
    assert_eq!(
        world
            .run(&["conflicts", "pick", "abc", "1", "--join", "--json"])
            .error(2)["code"],
        "usage"
    );
}
