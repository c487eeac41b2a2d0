//! `memoryvault web`: the page to study in, for a browser on this machine. It holds the vault until it is stopped; other commands
//! work meanwhile.

use std::process::{Command, Stdio};

use client::web::Page;
use serde_json::json;

use super::desk::Desk;
use super::failure::{Failure, Outcome};

#[derive(Debug, clap::Args)]
pub(crate) struct WebArgs {
    /// The port; one that is free unless given
    #[arg(long, value_name = "N", default_value_t = 0)]
    port: u16,
    /// Do not open the browser
    #[arg(long)]
    no_open: bool,
}

pub(crate) fn run(mut desk: Desk<'_>, args: WebArgs) -> Outcome {
    let store = desk.hold()?;
    let failed = |why: std::io::Error| {
        Failure::failed(format!("the page cannot be served: {why}"))
            .hint("another port: memoryvault web --port N")
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(failed)?;
    let page = runtime
        .block_on(Page::open(store.for_threads(), args.port))
        .map_err(failed)?;
    let address = page.address();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    desk.terminal().on_interrupt(Box::new(move || {
        // Nobody listens when it has ended by itself.
        stop.send(()).ok();
    }));
    desk.show(&json!({ "url": address }), |screen| screen.line(&address))?;
    if !args.no_open && !open_browser(&address) {
        desk.screen
            .note("No browser could be opened; open the address above.");
    }
    let ended = runtime.block_on(page.serve(async {
        stopped.await.ok();
    }));
    // Answers become one change, ready to be sent.
    store.lock()?.fold_journal()?;
    ended.map_err(failed)
}

/// Hands the address to the browser of this person's desktop.
fn open_browser(address: &str) -> bool {
    let opened = Command::new("xdg-open")
        .arg(address)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    opened.is_ok()
}
