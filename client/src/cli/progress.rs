//! How far a long command is, on stderr, where a person sits there. Nothing is shown of work that is done in a moment, and the bar
//! goes when the work is done.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use client::{ProgressWatch, Vault};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::screen::Screen;
use super::terminal::Stream;

/// Work that ends sooner needs no bar.
const SHOWN_AFTER: Duration = Duration::from_millis(300);

/// A bar under way.
#[derive(Default)]
struct Bar {
    begun: Option<Instant>,
    shown: Option<ProgressBar>,
}

impl Bar {
    fn tell(&mut self, what: &'static str, done: u64, total: u64) {
        if done >= total {
            if let Some(bar) = self.shown.take() {
                bar.finish_and_clear();
            }
            self.begun = None;
            return;
        }
        let begun = *self.begun.get_or_insert_with(Instant::now);
        if self.shown.is_none() && begun.elapsed() >= SHOWN_AFTER {
            let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template(
                "{msg} [{bar:30}] {human_pos} of {human_len}, {eta} left",
            );
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.set_message(what);
            self.shown = Some(bar);
        }
        if let Some(bar) = &self.shown {
            bar.set_position(done);
        }
    }
}

/// Lets a vault tell how far it is, where somebody looks.
pub(super) fn watch(vault: &mut Vault, screen: &Screen) {
    if screen.may_show_progress() && screen.terminal_ref().is_terminal(Stream::Err) {
        let bar = Mutex::new(Bar::default());
        vault.watch_progress(ProgressWatch(Arc::new(move |what, done, total| {
            let mut bar = bar.lock().unwrap_or_else(PoisonError::into_inner);
            bar.tell(what, done, total);
        })));
    }
}
