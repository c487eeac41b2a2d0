//! Media that the server prepared itself: which upload became which blob, and putting a whole blob in one go.

use domain::BlobHash;
use serde::{Deserialize, Serialize};
use storage::Batch;
use sync_protocol::server::{BlobWritten, OfferDecision, WriteBlob};
use sync_protocol::{OfferItem, Quota, Reason};

use super::accounts::{from_json, json};
use super::blobs::{Offers, blob_row};
use super::keys::Keys;
use super::{AccountId, Store, StoreError};
use crate::hub::SessionId;
use crate::limit;

/// An upload, and whether its own pixels or samples were to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Source {
    pub(crate) upload: BlobHash,
    pub(crate) kept: bool,
}

/// What was made of an upload; its answer to whoever sends the same again.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Uploaded {
    pub(crate) blob: BlobHash,
    pub(crate) bytes: u64,
    pub(crate) mime: String,
    pub(crate) name: String,
    #[serde(flatten)]
    pub(crate) shape: Shape,
    pub(crate) notes: Vec<String>,
}

/// What only a picture or only a sound has. Binary values are base64.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Shape {
    Image {
        width_px: u32,
        height_px: u32,
        frames: u32,
        thumbhash: String,
    },
    Audio {
        duration_ms: u64,
        lufs: Option<f64>,
        gain_db: f64,
        peaks: String,
    },
}

/// What became of a blob that was put.
#[derive(Debug)]
pub(crate) enum Put {
    Stored,
    /// It is here already.
    Held,
    /// A device sends it at this moment.
    Arriving,
    OverQuota(Quota),
    Refused(Reason),
    /// It could not be stored, or the scanner gave no answer; the log says more. Trying again may help.
    Failed,
}

/// A stored blob.
#[derive(Debug, Clone)]
pub(crate) struct StoredBlob {
    pub(crate) bytes: u64,
    pub(crate) mime: String,
}

impl Store {
    /// What was made of an upload, if it is still here.
    pub(crate) fn uploaded(
        &self,
        account: AccountId,
        source: Source,
    ) -> Result<Option<Uploaded>, StoreError> {
        let view = self.kv.view();
        let Some(row) = view.get(&Keys(account).source(source))? else {
            return Ok(None);
        };
        let uploaded: Uploaded = from_json("upload", &row)?;
        let is_here = blob_row(&view, account, uploaded.blob)?.is_some();
        Ok(is_here.then_some(uploaded))
    }

    /// Remembers what was made of an upload.
    pub(crate) fn note_uploaded(
        &self,
        account: AccountId,
        source: Source,
        uploaded: &Uploaded,
    ) -> Result<(), StoreError> {
        let row = json(uploaded)?;
        let blob = uploaded.blob;
        self.kv.update_for(account.owner(), move |view| {
            let mut batch = Batch::new();
            // Each of these rows goes with its blob.
            if let Some(mut named) = blob_row(&view, account, blob)?
                && named.sources.len() < limit::SOURCES_A_BLOB_MAX
                && !named.sources.contains(&source)
            {
                named.sources.push(source);
                batch.put(Keys(account).blob(blob), json(&named)?);
                batch.put(Keys(account).source(source), row);
            }
            Ok::<_, StoreError>((batch, ()))
        })
    }

    /// Stores whole bytes the way a device's are: reserved, written, looked at, charged.
    pub(crate) fn put_blob(
        &self,
        account: AccountId,
        session: SessionId,
        bytes: Vec<u8>,
        mime: &str,
        now_ms: u64,
    ) -> Result<Put, StoreError> {
        let hash = BlobHash::from_bytes(*blake3::hash(&bytes).as_bytes());
        let total = bytes.len() as u64;
        let item = OfferItem {
            hash,
            bytes: total,
            mime: mime.to_owned(),
        };
        let offers = Offers {
            account,
            session,
            items: vec![item],
        };
        let offered = self.offer_blobs(offers, now_ms)?;
        let offset = match offered.answers.first().map(|answer| answer.decision) {
            Some(OfferDecision::Grant { offset }) => offset,
            Some(OfferDecision::Held) => return Ok(Put::Held),
            Some(OfferDecision::Refuse {
                reason: Reason::Quota,
                quota,
            }) => return Ok(Put::OverQuota(quota)),
            Some(OfferDecision::Refuse { reason, .. }) => return Ok(Put::Refused(reason)),
            _ => return Ok(Put::Arriving),
        };
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let piece = WriteBlob {
            hash,
            offset,
            total,
            bytes: bytes.get(from..).unwrap_or_default().to_vec(),
        };
        match self.write_blob(account, session, &piece, now_ms, || {})? {
            BlobWritten::Stored => Ok(Put::Stored),
            BlobWritten::Bad(reason) => Ok(Put::Refused(reason)),
            BlobWritten::Failed(_) => Ok(Put::Failed),
            BlobWritten::Piece => Err(StoreError::Damaged("a blob that is never whole")),
        }
    }

    /// A blob of the account.
    pub(crate) fn stored_blob(
        &self,
        account: AccountId,
        hash: BlobHash,
    ) -> Result<Option<StoredBlob>, StoreError> {
        let row = blob_row(&self.kv.view(), account, hash)?;
        Ok(row.map(|row| StoredBlob {
            bytes: row.bytes,
            mime: row.mime,
        }))
    }

    /// A blob of the account, whole and checked.
    pub(crate) fn whole_blob(
        &self,
        account: AccountId,
        hash: BlobHash,
    ) -> Result<Vec<u8>, StoreError> {
        Ok(self.files(account)?.blobs.read(&hash)?)
    }
}
