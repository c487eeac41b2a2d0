//! Where a device stands in an account's change log, and the running hash by which a server recognises its own log. Both ends use it; the server's
//! store keeps one [`Chain`] per entry, a device keeps one [`Cursor`] per server.

use domain::{ChangeHash, DocId};
use minicbor::{Decode, Encode};

use crate::frame::field;

macro_rules! bytes_newtype {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $name([u8; $len]);

        impl $name {
            /// The value of these bytes.
            pub const fn from_bytes(bytes: [u8; $len]) -> $name {
                $name(bytes)
            }
            /// Its bytes.
            pub const fn to_bytes(self) -> [u8; $len] {
                self.0
            }
            /// Its bytes, borrowed.
            pub const fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                for byte in &self.0 {
                    write!(f, "{byte:02x}")?;
                }
                Ok(())
            }
        }
    };
}

bytes_newtype!(
    /// One life of a server's store: 16 random bytes drawn when the store is made. A replaced store has another.
    LogEpoch, 16
);
bytes_newtype!(
    /// The running BLAKE3 of an account's log: `chain_0` is zeros, `chain_n = BLAKE3(chain_{n-1} || doc || change hash)`.
    Chain, 32
);
bytes_newtype!(
    /// BLAKE3 of a pack's bytes.
    PackHash, 32
);

impl Chain {
    /// Before the first entry.
    pub const START: Chain = Chain([0; 32]);

    /// The chain after one more entry.
    pub fn then(self, doc: &DocId, change: &ChangeHash) -> Chain {
        let mut hasher = blake3::Hasher::new();
        hasher
            .update(&self.0)
            .update(doc.as_bytes())
            .update(change.as_bytes());
        Chain(*hasher.finalize().as_bytes())
    }
}

/// A place in a server's change log: everything up to and including entry `seq` is known. Entries count from 1; 0 is before the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Cursor {
    /// The store's life the place belongs to.
    #[cbor(n(0), with = "field::id")]
    pub epoch: LogEpoch,
    /// The last entry known.
    #[n(1)]
    pub seq: u64,
    /// The chain after entry `seq`.
    #[cbor(n(2), with = "field::id")]
    pub chain: Chain,
}

impl Cursor {
    /// Before the first entry of a store's life.
    pub fn start(epoch: LogEpoch) -> Cursor {
        Cursor {
            epoch,
            seq: 0,
            chain: Chain::START,
        }
    }
}
