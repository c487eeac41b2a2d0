//! Lets what sled takes for written be on the disk.
//!
//! On Linux sled 0.34 follows each write of its log with `sync_file_range`, which moves the bytes towards the device but not the file's
//! size nor where its new blocks are, and does not empty the device's own cache. sled then counts the write as stable, and writes over
//! the segments that it replaced. A power cut at that moment leaves neither the old nor the new: the store opens empty or not at all.
//! No sync of ours after sled's `flush` can help, because both happen within one flush (docs/decisions/0036).
//!
//! So this crate defines the function that sled calls. A program that links it has this `sync_file_range` instead of the C library's,
//! for every caller in it. Elsewhere than on Linux sled calls `File::sync_all` and there is nothing to do.

use std::sync::atomic::{AtomicBool, Ordering};

static CALLED: AtomicBool = AtomicBool::new(cfg!(not(target_os = "linux")));

/// Whether sled has called this crate's function. False after sled flushed something means that the program was linked without it.
#[must_use]
pub fn is_in_place() -> bool {
    CALLED.load(Ordering::Relaxed)
}

/// In the place of the C library's: returns when the whole file would survive a power cut, whatever range and flags are asked for.
#[cfg(target_os = "linux")]
// SAFETY: name and signature are those of the C library's function, and fdatasync does all that any call of it may ask for.
#[unsafe(no_mangle)]
pub extern "C" fn sync_file_range(
    fd: libc::c_int,
    offset: libc::off64_t,
    len: libc::off64_t,
    flags: libc::c_uint,
) -> libc::c_int {
    CALLED.store(true, Ordering::Relaxed);
    if cfg!(feature = "bare") {
        // SAFETY: the kernel checks all four and touches no memory of ours.
        let done = unsafe { libc::syscall(libc::SYS_sync_file_range, fd, offset, len, flags) };
        return if done == 0 { 0 } else { -1 };
    }
    // SAFETY: the kernel checks the descriptor and touches no memory of ours.
    unsafe { libc::fdatasync(fd) }
}
