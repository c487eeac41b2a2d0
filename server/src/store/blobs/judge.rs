//! The last look at a blob that has come whole: what it claims to be, within its bounds, and nothing a scanner knows.

use domain::BlobHash;
use media::{MediaError, Mime};
use sync_protocol::Reason;

use super::Files;
use crate::clamd::Verdict;
use crate::store::{AccountId, Store, StoreError};

impl Store {
    /// Why a blob whose file is in place may not stay.
    pub(in crate::store) fn judge(
        &self,
        account: AccountId,
        files: &Files,
        hash: BlobHash,
        mime: &str,
    ) -> Result<Option<Reason>, StoreError> {
        let bytes = files.blobs.read(&hash)?;
        let Ok(mime) = mime.parse::<Mime>() else {
            return Ok(Some(Reason::KindNotAllowed));
        };
        let name = format!("blob.{}", mime.usual_extension());
        if let Err(error) = media::inspect(&bytes, &name) {
            tracing::info!(%account, %hash, %error, "a blob is not what it was announced as");
            return Ok(Some(match error {
                MediaError::TooLarge { .. } => Reason::TooLarge,
                _ => Reason::KindNotAllowed,
            }));
        }
        Ok(match self.scan(&bytes)? {
            Verdict::Clean => None,
            Verdict::Infected(found) => {
                tracing::warn!(%account, %hash, found, "a blob is infected and was refused");
                Some(Reason::Infected)
            }
        })
    }

    /// Asks the scanner, where there is one.
    pub(crate) fn scan(&self, bytes: &[u8]) -> Result<Verdict, StoreError> {
        match &self.scanner {
            Some(clamd) => clamd.scan(bytes).map_err(StoreError::Scanner),
            None => Ok(Verdict::Clean),
        }
    }
}
