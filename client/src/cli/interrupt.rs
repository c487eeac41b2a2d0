//! Ctrl-C and the service manager's stop: a command that can end in order is told to, any other one ends at once. Nothing
//! is lost either way, because what was acknowledged is on the disk.

use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};

use super::failure::Kind;
use super::terminal::Stop;
use super::unseen;

static STOP: Mutex<Option<Stop>> = Mutex::new(None);

/// Begins to listen, on a thread of its own.
pub(crate) fn listen() {
    let listener = std::thread::Builder::new()
        .name("interrupt".to_owned())
        .spawn(|| {
            // Without a listener the system ends the process on a signal, which is nearly the same.
            if let Ok(runtime) = tokio::runtime::Builder::new_current_thread()
                .enable_io()
                .build()
            {
                runtime.block_on(wait());
            }
        });
    drop(listener);
}

/// Sets what the next signal does instead of ending the process; the one after it ends the process again.
pub(crate) fn on_next(stop: Stop) {
    *STOP.lock().unwrap_or_else(PoisonError::into_inner) = Some(stop);
}

async fn wait() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) else {
        return;
    };
    loop {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        let stop = STOP.lock().unwrap_or_else(PoisonError::into_inner).take();
        match stop {
            Some(stop) => stop(),
            None => {
                unseen::show_typing_again();
                if io::stderr().is_terminal() {
                    // The shell's prompt begins on a line of its own.
                    writeln!(io::stderr()).ok();
                }
                std::process::exit(i32::from(Kind::Interrupted.exit_code()));
            }
        }
    }
}
