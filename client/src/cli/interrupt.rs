//! Ctrl-C and the service manager's stop: a command that can end in order is told to, any other one ends at once. Nothing
//! is lost either way, because what was acknowledged is on the disk.

use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::failure::Kind;
use super::terminal::Stop;
use super::unseen;

static STOP: Mutex<Option<Stop>> = Mutex::new(None);

/// Listens from now on, on a thread of its own.
pub(crate) fn listen() {
    // Without a listener the system ends the process on a signal, which is nearly the same.
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
    else {
        return;
    };
    let signals = {
        let _inside = runtime.enter();
        (
            signal(SignalKind::interrupt()),
            signal(SignalKind::terminate()),
        )
    };
    let (Ok(interrupt), Ok(terminate)) = signals else {
        return;
    };
    let listener = std::thread::Builder::new()
        .name("interrupt".to_owned())
        .spawn(move || runtime.block_on(wait(interrupt, terminate)));
    drop(listener);
}

/// Sets what the next signal does instead of ending the process; the one after it ends the process again.
pub(crate) fn on_next(stop: Stop) {
    *STOP.lock().unwrap_or_else(PoisonError::into_inner) = Some(stop);
}

async fn wait(mut interrupt: Signal, mut terminate: Signal) {
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
