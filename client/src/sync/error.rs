//! Why a sync ended without having settled.

use sync_protocol::{CloseCode, Closing};

use crate::VaultError;
use crate::account::{AddressError, TokenError};
use crate::tls::TlsError;

/// Why a sync ended without having settled. The vault is consistent whatever it is.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// This vault belongs to no account, or was logged out.
    #[error("this device is not logged in to a server")]
    NotLoggedIn,
    /// The stored address is unusable.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The token cannot be used.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// No encrypted connection can be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The server was not reached.
    #[error("{server} could not be reached: {reason}")]
    Unreachable {
        /// Its address.
        server: String,
        /// What went wrong, in a few words.
        reason: String,
        /// Whether the server's certificate is not trusted.
        untrusted: bool,
    },
    /// The server answered something else than the protocol.
    #[error("{server} does not speak memoryvault.v1: {reason}")]
    Foreign {
        /// Its address.
        server: String,
        /// What it answered.
        reason: String,
    },
    /// The server no longer knows this device's token.
    #[error("the server does not accept this device's login any more")]
    Unauthorized,
    /// The server is there and cannot serve now.
    #[error("the server cannot sync now: {0}")]
    Unavailable(String),
    /// The session was ended by a rule of the protocol.
    #[error("the session ended ({}): {}", .0.code, .0.reason)]
    Closed(Closing),
    /// The connection broke.
    #[error("the connection was lost: {0}")]
    Lost(String),
    /// The vault could not do its part.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The operating system did not give what a sync needs.
    #[error("the system did not allow the sync to start: {0}")]
    System(#[source] std::io::Error),
    /// Told to stop.
    #[error("stopped before everything was synced")]
    Interrupted,
    /// Another thread stays connected already.
    #[error("this vault is being synced already")]
    Watched,
    /// A fault of this program.
    #[error("the sync failed: {0}")]
    Failed(String),
}

impl SyncError {
    /// Whether the same attempt can succeed later without anybody doing something.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { untrusted, .. } => !untrusted,
            Self::Unavailable(_) | Self::Lost(_) => true,
            Self::Closed(closing) => {
                !closing.code.is_permanent() && closing.code != CloseCode::Malformed
            }
            _ => false,
        }
    }

    /// Whether something else than the server may have answered: a hotel's login page, a proxy that is being set up.
    pub(super) fn is_of_the_way(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Foreign { .. })
    }

    /// Turns the end of a session into words.
    pub(super) fn from_closing(closing: Closing) -> Self {
        match closing.code {
            CloseCode::Unauthorized => Self::Unauthorized,
            CloseCode::GoingAway | CloseCode::Unavailable => Self::Unavailable(closing.reason),
            CloseCode::Idle | CloseCode::HandshakeTimeout | CloseCode::Stalled => {
                Self::Lost(closing.reason)
            }
            _ => Self::Closed(closing),
        }
    }
}
