//! Keys of the server's rows. Whatever belongs to an account starts with the account: there is no way to name a row
//! of an account without having the account.
//!
//! | key | row |
//! |---|---|
//! | `m/format`, `m/epoch` | layout version; this store's life, 16 random bytes |
//! | `m/links` | key of signed links, 32 random bytes |
//! | `u/` name | account id |
//! | `t/` token hash | account id, device id |
//! | `z/` account | an account whose rows are being deleted |
//! | `a/` account `A` | account, JSON |
//! | `a/` account `D` device | device, JSON |
//! | `a/` account `H` | head of the log: seq, chain, documents, bytes of documents |
//! | `a/` account `L` seq | entry of the log: document, change hash, chain, length |
//! | `a/` account `Y` document seq | bytes of a change that is not in a pack yet |
//! | `a/` account `P` document last-seq | pack that holds a document's changes up to that entry |
//! | `a/` account `Z` pack | pack that was merged away, and when |
//! | `a/` account `G` document change | what the graph check needs of a change |
//! | `a/` account `O` document actor | an actor's last change |
//! | `a/` account `X` document | a document's totals and heads |
//! | `a/` account `Q` | bytes of blobs used and reserved |
//! | `a/` account `B` blob | a stored blob, JSON |
//! | `a/` account `K` upload kept | what was made of an upload (kept: of its own pixels), JSON |
//! | `a/` account `R` blob | a reservation for a blob that is on its way, JSON |
//! | `a/` account `N` | number of the last note about an unused blob |
//! | `a/` account `U` number | a note: a blob that a device said is unused, JSON |
//! | `a/` account `W` since-ms blob | a blob that will go unless somebody names it |

use domain::{ActorId, BlobHash, ChangeHash, DeviceId, DocId};
use sync_protocol::PackHash;

use super::AccountId;
use super::uploaded::Source;
use crate::auth::token::TokenHash;
use crate::auth::user_name::UserName;

pub(super) const FORMAT: &[u8] = b"m/format";
pub(super) const EPOCH: &[u8] = b"m/epoch";
pub(super) const LINKS: &[u8] = b"m/links";
pub(super) const USERS: &[u8] = b"u/";
pub(super) const LEAVING: &[u8] = b"z/";

/// Builds keys of one account.
#[derive(Debug, Clone, Copy)]
pub(super) struct Keys(pub(super) AccountId);

pub(super) fn user(name: &UserName) -> Vec<u8> {
    join(USERS, &[name.as_str().as_bytes()])
}

pub(super) fn token(hash: &TokenHash) -> Vec<u8> {
    join(b"t/", &[hash.as_bytes()])
}

pub(super) fn leaving(account: AccountId) -> Vec<u8> {
    join(LEAVING, &[account.as_bytes()])
}

/// The last `N` bytes of a key.
pub(super) fn tail<const N: usize>(key: &[u8]) -> Option<[u8; N]> {
    key.last_chunk::<N>().copied()
}

/// Reads back a key of [`Keys::condemned`].
pub(super) fn condemned(key: &[u8]) -> Option<(u64, BlobHash)> {
    let tail = tail::<40>(key)?;
    let (since_ms, hash) = tail.split_first_chunk::<8>()?;
    let hash = BlobHash::from_bytes(hash.try_into().ok()?);
    Some((u64::from_be_bytes(*since_ms), hash))
}

impl Keys {
    fn key(self, kind: u8, parts: &[&[u8]]) -> Vec<u8> {
        let mut key = self.all();
        key.push(kind);
        parts.iter().for_each(|part| key.extend_from_slice(part));
        key
    }

    /// Prefix of every row of the account.
    pub(super) fn all(self) -> Vec<u8> {
        join(b"a/", &[self.0.as_bytes()])
    }

    pub(super) fn account(self) -> Vec<u8> {
        self.key(b'A', &[])
    }

    pub(super) fn devices(self) -> Vec<u8> {
        self.key(b'D', &[])
    }

    pub(super) fn device(self, device: DeviceId) -> Vec<u8> {
        self.key(b'D', &[device.as_bytes()])
    }

    pub(super) fn head(self) -> Vec<u8> {
        self.key(b'H', &[])
    }

    pub(super) fn entries(self) -> Vec<u8> {
        self.key(b'L', &[])
    }

    pub(super) fn entry(self, seq: u64) -> Vec<u8> {
        self.key(b'L', &[&seq.to_be_bytes()])
    }

    pub(super) fn raws(self, doc: DocId) -> Vec<u8> {
        self.key(b'Y', &[doc.as_bytes()])
    }

    pub(super) fn raw(self, doc: DocId, seq: u64) -> Vec<u8> {
        self.key(b'Y', &[doc.as_bytes(), &seq.to_be_bytes()])
    }

    pub(super) fn all_packs(self) -> Vec<u8> {
        self.key(b'P', &[])
    }

    pub(super) fn packs(self, doc: DocId) -> Vec<u8> {
        self.key(b'P', &[doc.as_bytes()])
    }

    pub(super) fn pack(self, doc: DocId, last_seq: u64) -> Vec<u8> {
        self.key(b'P', &[doc.as_bytes(), &last_seq.to_be_bytes()])
    }

    pub(super) fn doomed_pack(self, pack: PackHash) -> Vec<u8> {
        self.key(b'Z', &[pack.as_bytes()])
    }

    pub(super) fn changes(self, doc: DocId) -> Vec<u8> {
        self.key(b'G', &[doc.as_bytes()])
    }

    pub(super) fn change(self, doc: DocId, change: ChangeHash) -> Vec<u8> {
        self.key(b'G', &[doc.as_bytes(), change.as_bytes()])
    }

    pub(super) fn actor(self, doc: DocId, actor: ActorId) -> Vec<u8> {
        self.key(b'O', &[doc.as_bytes(), actor.as_bytes()])
    }

    pub(super) fn documents(self) -> Vec<u8> {
        self.key(b'X', &[])
    }

    pub(super) fn document(self, doc: DocId) -> Vec<u8> {
        self.key(b'X', &[doc.as_bytes()])
    }

    pub(super) fn quota(self) -> Vec<u8> {
        self.key(b'Q', &[])
    }

    pub(super) fn blobs(self) -> Vec<u8> {
        self.key(b'B', &[])
    }

    pub(super) fn blob(self, hash: BlobHash) -> Vec<u8> {
        self.key(b'B', &[hash.as_bytes()])
    }

    pub(super) fn notes_head(self) -> Vec<u8> {
        self.key(b'N', &[])
    }

    pub(super) fn notes(self) -> Vec<u8> {
        self.key(b'U', &[])
    }

    pub(super) fn note(self, number: u64) -> Vec<u8> {
        self.key(b'U', &[&number.to_be_bytes()])
    }

    pub(super) fn condemned_all(self) -> Vec<u8> {
        self.key(b'W', &[])
    }

    pub(super) fn condemned(self, since_ms: u64, hash: BlobHash) -> Vec<u8> {
        self.key(b'W', &[&since_ms.to_be_bytes(), hash.as_bytes()])
    }

    pub(super) fn source(self, source: Source) -> Vec<u8> {
        self.key(b'K', &[source.upload.as_bytes(), &[u8::from(source.kept)]])
    }

    pub(super) fn reservations(self) -> Vec<u8> {
        self.key(b'R', &[])
    }

    pub(super) fn reservation(self, hash: BlobHash) -> Vec<u8> {
        self.key(b'R', &[hash.as_bytes()])
    }
}

fn join(prefix: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut key = Vec::with_capacity(64);
    key.extend_from_slice(prefix);
    parts.iter().for_each(|part| key.extend_from_slice(part));
    key
}
