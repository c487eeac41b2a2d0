//! The process that has the vault, as far as others meet it: takes connections of its own user, gives each a thread, and
//! at the end lets those finish that are at work. One that waits for a person ends there and then.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use client::SharedVault;
use tokio::net::UnixListener;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::frame::Sender;
use super::{GUESTS_MAX, WRITE_POLL, guest, socket};

/// Others are served until this is dropped.
#[derive(Debug)]
pub(crate) struct Serving {
    folder: PathBuf,
    end: Arc<Notify>,
    door: Option<JoinHandle<()>>,
}

impl Serving {
    /// Begins to serve others. To be called by who holds the lock on the vault's folder.
    ///
    /// # Errors
    /// The folder takes no socket, or the system gives no thread.
    pub(crate) fn begin(folder: &Path, vault: Arc<SharedVault>) -> io::Result<Self> {
        let listener = socket::listen(folder)?;
        listener.set_nonblocking(true)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let end = Arc::new(Notify::new());
        let told = Arc::clone(&end);
        let door = thread::Builder::new()
            .name("guests".to_owned())
            .spawn(move || {
                let mut guests = Guests::default();
                runtime.block_on(async {
                    // A listener that was made a moment ago is one.
                    if let Ok(listener) = UnixListener::from_std(listener) {
                        guests.receive(&listener, &told, &vault).await;
                    }
                });
                guests.see_off();
            })?;
        Ok(Self {
            folder: folder.to_owned(),
            end,
            door: Some(door),
        })
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // Away first: who comes now waits for the lock instead.
        socket::remove(&self.folder).ok();
        self.end.notify_one();
        if let Some(door) = self.door.take() {
            door.join().ok();
        }
    }
}

/// Those who are being served.
#[derive(Default)]
struct Guests(Vec<Guest>);

struct Guest {
    thread: JoinHandle<()>,
    sender: Arc<Sender>,
    hearing: UnixStream,
}

impl Guests {
    async fn receive(&mut self, listener: &UnixListener, end: &Notify, vault: &Arc<SharedVault>) {
        let room = Arc::new(Semaphore::new(GUESTS_MAX));
        loop {
            let arrived = async {
                let place = Arc::clone(&room).acquire_owned().await;
                (place, listener.accept().await)
            };
            let (place, accepted) = tokio::select! {
                arrived = arrived => arrived,
                () = end.notified() => return,
            };
            self.0.retain(|guest| !guest.thread.is_finished());
            match (place, accepted) {
                (Ok(place), Ok((stream, _))) => {
                    // One that cannot be served sees the connection end, and tries on its own.
                    if let Ok(guest) = admit(stream, place, vault) {
                        self.0.push(guest);
                    }
                }
                // Out of file handles, most likely: those who are here give some back.
                _ => tokio::time::sleep(WRITE_POLL).await,
            }
        }
    }

    /// Tells all that the vault is about to be closed, and waits for those who are at work.
    fn see_off(self) {
        for guest in &self.0 {
            // Its ear hears the end of the connection, as if the caller were gone: it begins nothing more. What it is doing is
            // finished and acknowledged.
            guest.sender.hurry();
            guest.hearing.shutdown(std::net::Shutdown::Read).ok();
        }
        for guest in self.0 {
            guest.thread.join().ok();
        }
    }
}

/// Gives a guest a thread.
fn admit(
    stream: tokio::net::UnixStream,
    place: OwnedSemaphorePermit,
    vault: &Arc<SharedVault>,
) -> io::Result<Guest> {
    let own = rustix::process::geteuid().as_raw();
    let stranger = stream.peer_cred()?.uid() != own;
    let stream = stream.into_std()?;
    stream.set_nonblocking(false)?;
    let hearing = stream.try_clone()?;
    let sender = Arc::new(Sender::new(stream.try_clone()?));
    let (vault, speaking) = (Arc::clone(vault), Arc::clone(&sender));
    let thread = thread::Builder::new()
        .name("guest".to_owned())
        .spawn(move || {
            guest::attend(stream, speaking, vault, stranger);
            drop(place);
        })?;
    Ok(Guest {
        thread,
        sender,
        hearing,
    })
}
