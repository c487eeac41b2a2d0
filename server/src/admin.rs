//! The administrator's commands. They work on the store directly while the server is stopped and through its socket
//! while it runs, with the same words either way.

mod client;
mod command;
mod metrics;
mod socket;

pub use client::{AdminFailed, run};
pub(crate) use command::{Administration, execute};
pub use command::{Command, QuotaChange};
pub(crate) use socket::{open, serve};

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// What a command gives: text for standard output, or an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer {
    /// It was done; lines to print.
    Done(String),
    /// It was not; one sentence.
    Failed(String),
}

/// The admin socket's path, however long the data directory's own is.
///
/// A socket's path has room for 107 bytes. The folder, held open, gives a short name to it.
fn socket_path(data: &Path) -> io::Result<(PathBuf, File)> {
    let folder = File::open(data)?;
    let short = format!("/proc/self/fd/{}/{SOCKET}", folder.as_raw_fd());
    let long = data.join(SOCKET);
    let fits = long.as_os_str().len() < 100;
    Ok((if fits { long } else { PathBuf::from(short) }, folder))
}

const SOCKET: &str = "admin.sock";
