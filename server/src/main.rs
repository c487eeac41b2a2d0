//! `memoryvault-server`: parses, opens, says where it listens, serves until it is told to stop.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use server::{Action, AdminCommand, Cli, Server, check_health, run_admin};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// The C library's allocator holds on to what many threads freed: a server of 20 000 edits had 300 MB for 30 MB in use.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    if std::env::args_os()
        .nth(1)
        .is_some_and(|word| word == media_worker::WORD)
    {
        return media_worker::serve();
    }
    let cli = Cli::parse();
    match act(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn act(mut cli: Cli) -> anyhow::Result<()> {
    log_to_stderr(cli.action.is_none());
    match cli.action.take() {
        Some(Action::User(user)) => {
            let command = user.command().context("standard input cannot be read")?;
            let text = run_admin(&cli.config(), &command)?;
            print(&text)
        }
        Some(Action::Metrics) => {
            let text = run_admin(&cli.config(), &AdminCommand::Metrics)?;
            print(&text)
        }
        Some(Action::Healthcheck) => {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(check_health(cli.listen, cli.tls().as_ref()))?;
            print("ok\n")
        }
        None => {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .enable_all()
                .build()?;
            runtime.block_on(serve(cli))
        }
    }
}

async fn serve(cli: Cli) -> anyhow::Result<()> {
    take_all_file_descriptors();
    // Taken first, so that a signal during start-up is not lost.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let listener = TcpListener::bind(cli.listen)
        .await
        .with_context(|| format!("{} cannot be listened on", cli.listen))?;
    let address = listener.local_addr()?;
    let scheme = if cli.tls().is_some() { "https" } else { "http" };
    let server = Server::open(cli.config()).await?;
    print(&format!("listening on {scheme}://{address}\n"))?;
    let shutdown = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    server.serve(listener, shutdown).await;
    Ok(())
}

/// A socket each for a thousand devices is more than the usual soft limit.
fn take_all_file_descriptors() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::debug!(%error, "the limit on open files stays as it is");
    }
}

fn print(text: &str) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()?;
    Ok(())
}

fn log_to_stderr(serving: bool) {
    let default = if serving { "info" } else { "warn" };
    let filter = EnvFilter::try_from_env("MEMORYVAULT_LOG");
    tracing_subscriber::fmt()
        .with_env_filter(filter.unwrap_or_else(|_| EnvFilter::new(default)))
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
}
