//! Which pictures and sounds are fetched, and which first: those of a card that somebody looks at come before all others,
//! and on a lazy device no others come at all. What was looked at and is not here is kept as a row until it arrives, so that
//! it also comes with the next sync.

use domain::{BlobHash, CardId};
use sync_protocol::device::Want;

use super::sync_blobs::PRIORITY_TOP;
use super::{Vault, VaultResult};
use crate::index::{CardRow, ReadRows, Rows, damaged, key};
use crate::limit;

/// Above every card that is only due.
const PRIORITY_VIEWED: u64 = PRIORITY_TOP.unsigned_abs() + 1;

/// Which pictures and sounds a device fetches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaWish {
    /// All that cards name: study works offline with all of them.
    All,
    /// Those of cards that are looked at.
    Lazy,
}

impl Vault {
    /// Which pictures and sounds this device fetches.
    pub fn media_wish(&self) -> MediaWish {
        if self.local.media_lazy {
            MediaWish::Lazy
        } else {
            MediaWish::All
        }
    }

    /// Sets which pictures and sounds this device fetches from the next session on. What is here stays here.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn set_media_wish(&mut self, wish: MediaWish) -> VaultResult<()> {
        if wish == self.media_wish() {
            return Ok(());
        }
        self.write(|tx| {
            tx.local.media_lazy = wish == MediaWish::Lazy;
            Ok(())
        })
    }

    /// Notes that somebody looks at a card: those of its pictures and sounds that are not here are fetched first. Returns how
    /// many those are.
    ///
    /// # Errors
    /// There is no such card, or the disk refuses.
    pub fn note_viewed(&mut self, card: CardId) -> VaultResult<u64> {
        let row: Option<CardRow> = self.store.read(&key::card(card))?;
        let (mut missing, mut fresh) = (0, Vec::new());
        for blob in row.map(|row| row.blobs()).unwrap_or_default().into_keys() {
            if self.store.row(&key::want(blob))?.is_none() || self.blobs.has(&blob)?.is_some() {
                continue;
            }
            missing += 1;
            if self.store.row(&key::viewed(blob))?.is_none() {
                fresh.push(blob);
            }
        }
        if !fresh.is_empty() {
            self.write(|tx| {
                fresh
                    .iter()
                    .for_each(|blob| tx.writer.set(key::viewed(*blob), Some(Vec::new())));
                Ok(())
            })?;
        }
        Ok(missing)
    }

    /// What was looked at and is not here, to be given to `DeviceSession::handle_want_first`.
    ///
    /// # Errors
    /// The store fails.
    pub fn sync_read_viewed(&self) -> VaultResult<Vec<Want>> {
        let mut wants = Vec::new();
        for entry in self.store.scan(key::VIEWED) {
            let (key, _) = entry?;
            let hash = key::last32(&key)
                .map(BlobHash::from_bytes)
                .ok_or_else(|| damaged(&key))?;
            // One that no card names any more, or that came otherwise, is nobody's wish.
            if self.store.row(&key::want(hash))?.is_some() && self.blobs.has(&hash)?.is_none() {
                wants.push(Want {
                    hash,
                    offset: self.blobs.part_len(&hash)?,
                    priority: PRIORITY_VIEWED,
                });
            }
            if wants.len() == limit::VIEWED_AT_ONCE_MAX {
                break;
            }
        }
        Ok(wants)
    }
}
