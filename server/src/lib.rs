//! The sync server: accounts, devices, change logs, packs, blobs, quotas.
//!
//! It never reads a card: changes are checked by their bytes and their place in the graph, kept, and handed on; no
//! document is ever loaded. A walk of a request: `listen` takes the socket, `http` finds out who calls, `sync` drives
//! the session machine of `sync_protocol`, `store` keeps, `hub` tells the account's other sessions. `admin` does the
//! administrator's commands. Nothing is acknowledged before it is flushed.

mod run;

mod admin;
mod auth;
mod clamd;
mod cli;
mod clock;
mod config;
mod healthcheck;
mod http;
mod hub;
mod limit;
mod link;
mod listen;
mod media_desk;
mod pool;
mod service;
mod shutdown;
mod store;
mod sync;
#[cfg(feature = "test-support")]
pub mod test_support;

pub use admin::{AdminFailed, Command as AdminCommand, QuotaChange, run as run_admin};
pub use clamd::Clamd;
pub use cli::{Action, Cli, Named, User};
pub use config::{Config, Registration, TlsFiles};
pub use healthcheck::{NotHealthy, check as check_health};
pub use listen::tls::TlsError;
pub use run::{RunError, Server, run};
