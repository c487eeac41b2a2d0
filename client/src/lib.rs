//! The vault on a device, its account and its sync; the `memoryvault` binary is a shell around it.

pub mod account;
mod tls;

pub use tls::{TlsError, client_config};
