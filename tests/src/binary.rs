//! Finds the two binaries in the target directory of the running test, after one `cargo build` of them.
//!
//! `CARGO_BIN_EXE_*` exists only inside the package that owns a binary; these tests are a package of their own. `MEMORYVAULT_BINARIES=DIR` takes
//! the two from there instead (a release, an image) and builds nothing.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The built `memoryvault`.
pub fn client_binary() -> PathBuf {
    built_directory().join("memoryvault")
}

/// The built `memoryvault-server`.
pub fn server_binary() -> PathBuf {
    built_directory().join("memoryvault-server")
}

/// Builds both once a process (a no-op of cargo when they are fresh) and returns their directory.
fn built_directory() -> &'static Path {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    DIRECTORY.get_or_init(|| {
        if let Some(given) = std::env::var_os("MEMORYVAULT_BINARIES") {
            return PathBuf::from(given);
        }
        let test = std::env::current_exe().expect("the test knows its own path");
        // <target>/<profile>/deps/main-<hash>
        let profile_directory = test
            .ancestors()
            .nth(2)
            .expect("cargo puts tests into <target>/<profile>/deps")
            .to_path_buf();
        let target = profile_directory
            .parent()
            .expect("a profile directory lies in the target directory");
        let mut build = Command::new(env!("CARGO"));
        // The whole workspace, so that features unify as they did for `cargo test` and nothing is built twice.
        build
            .args(["build", "--quiet", "--workspace", "--bins", "--target-dir"])
            .arg(target);
        build.current_dir(env!("CARGO_MANIFEST_DIR"));
        if profile_directory.ends_with("release") {
            build.arg("--release");
        }
        let built = build.output().expect("cargo starts");
        assert!(
            built.status.success(),
            "building the binaries failed:\n{}",
            String::from_utf8_lossy(&built.stderr)
        );
        profile_directory
    })
}
