//! What the person who hosts the server decides. Parsed by `cli`, read by `run` and the tests.

use std::path::PathBuf;
use std::time::Duration;

use crate::clamd::Clamd;
use crate::limit;

/// Whether strangers may make accounts over HTTP. `user add` always may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Registration {
    /// `POST /v1/accounts` makes an account.
    Open,
    /// `POST /v1/accounts` answers `registration_closed`.
    Closed,
}

/// Where the certificate chain and its key lie, both PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// Certificate chain, the server's own first.
    pub cert: PathBuf,
    /// Private key (PKCS#8, PKCS#1 or SEC1).
    pub key: PathBuf,
}

/// Settings of one server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Data directory; made when it is missing.
    pub data: PathBuf,
    /// Whether accounts may be made over HTTP.
    pub registration: Registration,
    /// Blob quota of an account that has none of its own, in bytes.
    pub quota_bytes: u64,
    /// How long a blob that no device names any more is kept.
    pub unused_grace: Duration,
    /// Who is asked whether an upload is malware.
    pub clamd: Option<Clamd>,
    /// TLS, when this process ends it itself.
    pub tls: Option<TlsFiles>,
}

impl Config {
    /// Settings with defaults: registration open, 1 GiB an account, no TLS.
    #[must_use]
    pub fn new(data: impl Into<PathBuf>) -> Self {
        Self {
            data: data.into(),
            registration: Registration::Open,
            quota_bytes: limit::QUOTA_BYTES_DEFAULT,
            unused_grace: days(limit::UNUSED_GRACE_DAYS_DEFAULT),
            clamd: None,
            tls: None,
        }
    }
}

/// So many days.
pub(crate) fn days(days: u32) -> Duration {
    Duration::from_secs(u64::from(days) * 24 * 3600)
}
