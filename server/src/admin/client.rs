//! The command line's end: through the socket of a running server, else on the store itself.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Instant;

use storage::{LockError, LockKind, VaultLock};

use super::{Administration, Answer, Command, execute, socket_path};
use crate::config::Config;
use crate::hub::Hub;
use crate::limit;
use crate::store::Store;

/// Why a command was not done.
#[derive(Debug, thiserror::Error)]
pub enum AdminFailed {
    /// The data directory is not there.
    #[error("there is no data directory {0}: name it with --data, or start the server once")]
    NoData(PathBuf),
    /// Another process has the data directory and does not answer.
    #[error(transparent)]
    Locked(#[from] LockError),
    /// The store could not be opened.
    #[error("the store could not be opened: {0}")]
    Store(String),
    /// The running server did not answer.
    #[error("the running server did not answer")]
    NoAnswer(#[source] io::Error),
    /// It was refused; the words are for a person.
    #[error("{0}")]
    Refused(String),
}

/// Does a command on the data in `data`, whether its server runs or not; gives what to print. Blocking.
///
/// # Errors
/// [`AdminFailed`] with words for a person.
pub fn run(config: &Config, command: &Command) -> Result<String, AdminFailed> {
    let data = config.data.as_path();
    if !data.is_dir() {
        return Err(AdminFailed::NoData(data.to_owned()));
    }
    let deadline = Instant::now() + limit::LOCK_WAIT;
    let answer = loop {
        if let Some(answer) = ask(data, command)? {
            break answer;
        }
        let who = "memoryvault-server user";
        let left = deadline.saturating_duration_since(Instant::now());
        match VaultLock::acquire(data, who, LockKind::Short, left) {
            Ok(lock) => break direct(config, command, lock)?,
            // A server that is starting or stopping has the lock but no socket.
            Err(LockError::Held { .. }) if Instant::now() < deadline => {
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            Err(error) => return Err(error.into()),
        }
    };
    match answer {
        Answer::Done(text) => Ok(text),
        Answer::Failed(words) => Err(AdminFailed::Refused(words)),
    }
}

fn direct(config: &Config, command: &Command, _lock: VaultLock) -> Result<Answer, AdminFailed> {
    let opened = Store::open(&config.data, config.quota_bytes, config.clamd.clone());
    let store = opened
        .map_err(|error| AdminFailed::Store(crate::http::error::Chain(&error).to_string()))?;
    let on = Administration {
        store: &store,
        hub: &Hub::default(),
    };
    Ok(execute(&on, command.clone()))
}

/// Asks a running server; `None` when there is none.
fn ask(data: &Path, command: &Command) -> Result<Option<Answer>, AdminFailed> {
    let (path, _folder) = socket_path(data).map_err(AdminFailed::NoAnswer)?;
    let Ok(mut socket) = UnixStream::connect(path) else {
        return Ok(None);
    };
    let talk = || {
        socket.set_read_timeout(Some(limit::REQUEST))?;
        socket.write_all(&serde_json::to_vec(command)?)?;
        socket.shutdown(Shutdown::Write)?;
        let mut answer = Vec::new();
        socket
            .take(limit::ADMIN_BYTES_MAX)
            .read_to_end(&mut answer)?;
        serde_json::from_slice(&answer).map_err(io::Error::from)
    };
    talk().map(Some).map_err(AdminFailed::NoAnswer)
}
