//! Frames that open, describe and end a session.

use domain::{DeviceId, IncarnationId, VaultId};
use minicbor::{Decode, Encode};

use super::field;
use crate::cursor::{Chain, Cursor, LogEpoch};
use crate::limit::Limits;

/// Type 1, from the device: opens the session. Must be the first frame.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Hello {
    /// [`crate::limit::PROTOCOL_VERSION`].
    #[n(0)]
    pub protocol: u32,
    /// The device, as its token was made for.
    #[cbor(n(1), with = "field::id")]
    pub device: DeviceId,
    /// The stamp of this vault directory's last session.
    #[cbor(n(2), with = "field::id")]
    pub incarnation: IncarnationId,
    /// The stamp it takes with this session; persisted on the device before this frame is sent.
    #[cbor(n(3), with = "field::id")]
    pub next_incarnation: IncarnationId,
    /// Where the device stands; absent on a device that never synced with an account's server.
    #[n(4)]
    pub cursor: Option<Cursor>,
    /// The device's clock, Unix milliseconds.
    #[n(5)]
    pub now_ms: i64,
    /// What the device can do beyond this version; no bit is assigned yet.
    #[cbor(n(6), default, skip_if = "field::is_zero")]
    pub features: u64,
}

/// Type 2, from the server: the answer to [`Hello`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Welcome {
    /// The account's vault.
    #[cbor(n(0), with = "field::id")]
    pub vault: VaultId,
    /// The store's life.
    #[cbor(n(1), with = "field::id")]
    pub epoch: LogEpoch,
    /// The log's last entry.
    #[n(2)]
    pub seq: u64,
    /// The chain there.
    #[cbor(n(3), with = "field::id")]
    pub chain: Chain,
    /// The server's clock, Unix milliseconds.
    #[n(4)]
    pub now_ms: i64,
    /// The server's bounds.
    #[n(5)]
    pub limits: Limits,
    /// The account's blobs.
    #[n(6)]
    pub quota: Quota,
    /// The log continues from the device's cursor. `false`: repair by [`super::Inventory`].
    #[n(7)]
    pub cursor_ok: bool,
    /// Present when the vault directory is a copy of one that went on elsewhere: what it is called from now on.
    #[n(8)]
    pub new_identity: Option<NewIdentity>,
}

/// A new name for a device whose directory was copied or restored. The device takes it before its next write.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct NewIdentity {
    /// The new id.
    #[cbor(n(0), with = "field::id")]
    pub device: DeviceId,
    /// Its token.
    #[cbor(n(1), with = "field::text")]
    pub token: String,
}

impl std::fmt::Debug for NewIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewIdentity")
            .field("device", &self.device)
            .finish_non_exhaustive()
    }
}

/// Bytes of blobs an account uses and may use. Also type 23, from the server: the figures changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct Quota {
    /// Used, reservations included.
    #[n(0)]
    pub used: u64,
    /// Allowed.
    #[n(1)]
    pub limit: u64,
}

/// Type 22, either: the frame of this type was not understood and had no effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Unsupported {
    /// The type.
    #[n(0)]
    pub frame_type: u8,
}

/// Type 24, either: the session ends; the WebSocket's own close follows with the same code.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Close {
    /// A [`crate::CloseCode`].
    #[n(0)]
    pub code: u16,
    /// One sentence for a person.
    #[cbor(n(1), with = "field::text")]
    pub reason: String,
}
