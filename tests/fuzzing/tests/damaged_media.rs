//! A few damaged files of each type in every test run; `just fuzz-media` is the long one.

use std::process::Command;

#[test]
fn damaged_pictures_and_sounds_do_no_harm() {
    let done = Command::new(env!("CARGO_BIN_EXE_fuzz-media"))
        .args(["30", "7"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{said}");
    assert_eq!(said.lines().count(), 8, "a line for each type: {said}");
}
