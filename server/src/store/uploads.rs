//! Who receives which blob at this moment. In memory: after a restart nobody does.
//!
//! A blob of an account is received by one session at a time; the claim comes before the reservation and goes after
//! the blob's row, so two sessions never write one part file.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use domain::BlobHash;
use storage::BlobPart;

use super::{AccountId, lock};
use crate::hub::SessionId;

/// All claims.
#[derive(Debug, Default)]
pub(super) struct Uploads {
    claims: Mutex<BTreeMap<(AccountId, BlobHash), Claim>>,
}

#[derive(Debug)]
struct Claim {
    session: SessionId,
    part: OpenPart,
}

/// The part file of a claim, open while pieces arrive. Only the claiming session's jobs lock it.
pub(super) type OpenPart = Arc<Mutex<Option<BlobPart>>>;

impl Uploads {
    /// Claims a blob; false when another session has it.
    pub(super) fn claim(&self, account: AccountId, hash: BlobHash, session: SessionId) -> bool {
        let mut claims = lock(&self.claims);
        let claim = claims.entry((account, hash)).or_insert_with(|| Claim {
            session,
            part: OpenPart::default(),
        });
        claim.session == session
    }

    /// The session's part of a blob it has claimed.
    pub(super) fn part(
        &self,
        account: AccountId,
        hash: BlobHash,
        session: SessionId,
    ) -> Option<OpenPart> {
        let claims = lock(&self.claims);
        let claim = claims.get(&(account, hash))?;
        (claim.session == session).then(|| Arc::clone(&claim.part))
    }

    /// Whether any session has the blob claimed.
    pub(super) fn is_claimed(&self, account: AccountId, hash: BlobHash) -> bool {
        lock(&self.claims).contains_key(&(account, hash))
    }

    /// Gives a claim back; false when the session had none.
    pub(super) fn release(&self, account: AccountId, hash: BlobHash, session: SessionId) -> bool {
        let mut claims = lock(&self.claims);
        let own = claims
            .get(&(account, hash))
            .is_some_and(|claim| claim.session == session);
        if own {
            claims.remove(&(account, hash));
        }
        own
    }

    /// All blobs a session has claimed.
    pub(super) fn of_session(&self, account: AccountId, session: SessionId) -> Vec<BlobHash> {
        let first = (account, BlobHash::from_bytes([0; 32]));
        let last = (account, BlobHash::from_bytes([255; 32]));
        lock(&self.claims)
            .range(first..=last)
            .filter(|(_, claim)| claim.session == session)
            .map(|((_, hash), _)| *hash)
            .collect()
    }
}
