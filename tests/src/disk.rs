//! A disk that is small enough to fill: a tmpfs of its own, where the test runs as root.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// A mounted small file system; unmounted when dropped.
#[derive(Debug)]
pub struct SmallDisk {
    directory: TempDir,
}

impl SmallDisk {
    /// Mounts one of that size, or says why that cannot be done here.
    ///
    /// # Errors
    /// The reason, for the test to print.
    pub fn mount(megabytes: u32) -> Result<Self, String> {
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let mounted = Command::new("mount")
            .args([
                "-t",
                "tmpfs",
                "-o",
                &format!("size={megabytes}m,mode=0700"),
                "memoryvault-test",
            ])
            .arg(directory.path())
            .output();
        match mounted {
            Ok(output) if output.status.success() => Ok(Self { directory }),
            Ok(output) => Err(format!(
                "mount: {}",
                String::from_utf8_lossy(&output.stderr).trim()
            )),
            Err(cause) => Err(format!("mount: {cause}")),
        }
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Takes all its space but so many bytes.
    pub fn fill_leaving(&self, bytes: u64) {
        let free = self.free();
        if let Some(length) = free.checked_sub(bytes) {
            let file =
                std::fs::File::create(self.filler()).expect("a file can be made on the small disk");
            rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, length)
                .expect("the space was free a moment ago");
        }
    }

    /// Gives that space back.
    pub fn empty(&self) {
        std::fs::remove_file(self.filler()).expect("the disk was filled before");
    }

    /// Free bytes.
    pub fn free(&self) -> u64 {
        let disk = rustix::fs::statvfs(self.path()).expect("the disk is mounted");
        disk.f_bavail * disk.f_frsize
    }

    fn filler(&self) -> PathBuf {
        self.path().join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a process of the test may still be ending.
        drop(Command::new("umount").arg("-l").arg(self.path()).output());
    }
}
