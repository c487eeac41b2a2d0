//! Panics that are expected and caught: what Automerge makes of bytes from outside, on the threads of the intake. They go to the log; on
//! standard error a person would take them for a crash. Panics of every other thread are reported as before.

use std::cell::Cell;
use std::panic::{self, PanicHookInfo};
use std::sync::Once;

thread_local! {
    static IS_QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Keeps the panics of the calling thread out of standard error, for as long as the thread lives. Whoever calls this catches them.
pub(super) fn quiet_this_thread() {
    static WRAPPED: Once = Once::new();
    WRAPPED.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            // A thread that is being torn down has no flag any more, and is none of the intake's.
            if IS_QUIET.try_with(Cell::get).unwrap_or(false) {
                note(panic);
            } else {
                before(panic);
            }
        }));
    });
    IS_QUIET.set(true);
}

fn note(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string);
    let words = panic.payload_as_str().unwrap_or_default();
    tracing::debug!(place, words, "a panic was caught");
}
