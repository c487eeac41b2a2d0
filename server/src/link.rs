//! Links that anybody may follow until they expire: who has a device token makes one for a blob of the account. Pure.
//!
//! The signature is a keyed BLAKE3 over account, blob and expiry, compared in constant time. A link can not be taken back before it
//! expires, but for removing the blob or the account; so it lives a day at most.

use domain::BlobHash;
use subtle::ConstantTimeEq;

use crate::store::AccountId;

/// The server's key for links.
#[derive(Clone)]
pub(crate) struct LinkKey([u8; 32]);

/// What a link grants: reading this blob until then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) account: AccountId,
    pub(crate) hash: BlobHash,
    pub(crate) expires_s: u64,
}

impl std::fmt::Debug for LinkKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LinkKey")
    }
}

impl LinkKey {
    pub(crate) fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// The signature of a grant, as it stands in the link.
    pub(crate) fn sign(&self, grant: &Grant) -> String {
        self.mac(grant).to_hex().to_string()
    }

    /// Whether a signature is that of the grant, and the grant still holds.
    pub(crate) fn allows(&self, grant: &Grant, signature: &str, now_s: u64) -> bool {
        let mac = self.mac(grant).to_hex();
        let right: bool = mac.as_bytes().ct_eq(signature.as_bytes()).into();
        right && now_s < grant.expires_s
    }

    fn mac(&self, grant: &Grant) -> blake3::Hash {
        let mut mac = blake3::Hasher::new_keyed(&self.0);
        mac.update(grant.account.as_bytes());
        mac.update(grant.hash.as_bytes());
        mac.update(&grant.expires_s.to_be_bytes());
        mac.finalize()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_for_one_account_one_blob_and_a_time() {
        let key = LinkKey::new([7; 32]);
        let grant = Grant {
            account: AccountId::from_bytes([1; 16]),
            hash: BlobHash::from_bytes([2; 32]),
            expires_s: 1_000,
        };
        let signature = key.sign(&grant);
        assert!(key.allows(&grant, &signature, 999));
        assert!(!key.allows(&grant, &signature, 1_000));
        let others = [
            Grant {
                account: AccountId::from_bytes([3; 16]),
                ..grant
            },
            Grant {
                hash: BlobHash::from_bytes([3; 32]),
                ..grant
            },
            Grant {
                expires_s: 1_001,
                ..grant
            },
        ];
        for other in others {
            assert!(!key.allows(&other, &signature, 0));
        }
        assert!(!LinkKey::new([8; 32]).allows(&grant, &signature, 0));
        assert!(!key.allows(&grant, "", 0));
        assert!(!key.allows(&grant, &signature.to_uppercase(), 0));
    }
}
