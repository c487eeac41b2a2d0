//! What a session of sync asks of the pictures and sounds, one method for each output of `sync_protocol::DeviceSession`.
//! Reading and writing their bytes needs only the blob store: the shell does it on a pool of threads.

use domain::BlobHash;
use sync_protocol::device::{BlobRefused, OfferPage, Want, WantPage};
use sync_protocol::{OfferItem, Reason};

use super::{Vault, VaultResult};
use crate::index::row::ReferenceRow;
use crate::index::{CardRow, ReadRows, Rows, damaged, key, row};
use crate::local_state::RefusedRow;

/// Highest priority of a want; a card due a day later is one lower.
pub(super) const PRIORITY_TOP: i64 = 1 << 32;

impl Vault {
    /// Answers `Output::ReadOffers`.
    ///
    /// # Errors
    /// The store fails.
    pub fn sync_read_offers(
        &self,
        after: Option<BlobHash>,
        count_max: usize,
    ) -> VaultResult<OfferPage> {
        let mut page = OfferPage::default();
        for blob in self.listed(key::OFFERS, after.map(key::offer)) {
            let blob = blob?;
            if page.items.len() == count_max {
                page.more = true;
                break;
            }
            page.items.extend(self.offer(blob)?);
        }
        Ok(page)
    }

    /// Answers `Output::FindBlobs`.
    ///
    /// # Errors
    /// The store fails.
    pub fn sync_find_blobs(&self, wanted: &[BlobHash]) -> VaultResult<Vec<OfferItem>> {
        let mut found = Vec::new();
        for blob in wanted {
            found.extend(self.offer(*blob)?);
        }
        Ok(found)
    }

    /// Answers `Output::ReadWants`: cards that are due soonest get their media first. What is here already is taken off the
    /// list instead: it arrived a moment ago, or before a crash, and was not noted yet.
    ///
    /// # Errors
    /// The store fails.
    pub fn sync_read_wants(
        &mut self,
        after: Option<BlobHash>,
        count_max: usize,
    ) -> VaultResult<WantPage> {
        let mut page = WantPage::default();
        let mut here = Vec::new();
        for blob in self.listed(key::WANTS, after.map(key::want)) {
            let hash = blob?;
            if self.blobs.has(&hash)?.is_some() {
                here.push(hash);
                continue;
            }
            if page.items.len() == count_max {
                page.more = true;
                break;
            }
            page.items.push(Want {
                hash,
                offset: self.blobs.part_len(&hash)?,
                priority: self.priority(hash)?,
            });
        }
        if !here.is_empty() {
            page.some_are_here = true;
            self.sync_blobs_arrived(&here)?;
        }
        Ok(page)
    }

    /// Answers `Output::BlobsStored`.
    ///
    /// # Errors
    /// The store fails.
    pub fn sync_blobs_stored(&mut self, stored: &[BlobHash]) -> VaultResult<()> {
        self.sync_blobs_noted(&[], stored)
    }

    /// Answers `Output::BlobRefused`.
    ///
    /// # Errors
    /// The store fails.
    pub fn sync_blob_refused(&mut self, refused: &BlobRefused) -> VaultResult<()> {
        self.write(|tx| {
            let row = RefusedRow {
                bytes: refused.bytes,
                reason: reason_word(refused.reason).to_owned(),
            };
            tx.writer.write(key::refused(refused.hash), &row);
            if refused.reason == Reason::Quota {
                tx.local.quota = Some(crate::local_state::QuotaFigures {
                    used: refused.quota.used,
                    limit: refused.quota.limit,
                });
            }
            Ok(())
        })
    }

    /// Notes that blobs have arrived whole (`BlobWritten::Stored`).
    ///
    /// # Errors
    /// The store fails.
    pub fn sync_blobs_arrived(&mut self, arrived: &[BlobHash]) -> VaultResult<()> {
        self.sync_blobs_noted(arrived, &[])
    }

    /// As [`Self::sync_blobs_arrived`] and [`Self::sync_blobs_stored`], in one commit.
    ///
    /// # Errors
    /// The store fails.
    pub fn sync_blobs_noted(
        &mut self,
        arrived: &[BlobHash],
        stored: &[BlobHash],
    ) -> VaultResult<()> {
        self.write(|tx| {
            for blob in arrived {
                tx.writer.set(key::want(*blob), None);
                tx.writer.set(key::viewed(*blob), None);
                // It may have been relayed: what the server is not known to have is offered.
                let named = tx.writer.row(&key::blob(*blob))?.is_some();
                tx.writer.set(key::offer(*blob), named.then(Vec::new));
            }
            for blob in stored {
                tx.writer.set(key::offer(*blob), None);
                tx.writer.set(key::refused(*blob), None);
            }
            Ok(())
        })
    }

    /// Answers `Output::StartRepair`: every blob that is here and named is offered again.
    ///
    /// # Errors
    /// The store fails.
    pub fn sync_start_repair(&mut self) -> VaultResult<()> {
        let offers = self.blobs_here()?;
        self.write(|tx| {
            // Perhaps another server, or one that was put back: what it says of unused blobs is heard from the beginning.
            tx.local.unused_seen = 0;
            tx.local.unused_told_ms = 0;
            offers
                .iter()
                .for_each(|blob| tx.writer.set(key::offer(*blob), Some(Vec::new())));
            Ok(())
        })
    }

    /// Notes that a blob which cards may name is no longer here.
    pub(crate) fn note_blob_gone(&mut self, blob: BlobHash) -> VaultResult<()> {
        self.write(|tx| {
            tx.writer.set(key::offer(blob), None);
            let named = tx.writer.row(&key::blob(blob))?.is_some();
            tx.writer.set(key::want(blob), named.then(Vec::new));
            Ok(())
        })
    }

    /// The blobs that cards name.
    pub(crate) fn named_blobs(&self) -> VaultResult<Vec<BlobHash>> {
        self.listed(key::BLOBS, None).collect()
    }

    /// The blobs that cards name and that are here.
    pub(crate) fn blobs_here(&self) -> VaultResult<Vec<BlobHash>> {
        let mut here = Vec::new();
        for blob in self.listed(key::BLOBS, None) {
            let blob = blob?;
            if self.blobs.has(&blob)?.is_some() {
                here.push(blob);
            }
        }
        Ok(here)
    }

    /// The blobs of a list, those after a key only.
    fn listed(
        &self,
        prefix: &'static [u8],
        after: Option<key::Key>,
    ) -> impl Iterator<Item = VaultResult<BlobHash>> + '_ {
        let rows = match after {
            Some(after) => self.store.scan_after(prefix, &after),
            None => self.store.scan(prefix),
        };
        rows.map(|entry| {
            let (key, _) = entry?;
            key::last32(&key)
                .map(BlobHash::from_bytes)
                .ok_or_else(|| damaged(&key))
        })
    }

    fn offer(&self, hash: BlobHash) -> VaultResult<Option<OfferItem>> {
        let Some(bytes) = self.blobs.has(&hash)? else {
            return Ok(None);
        };
        let mime = match self
            .store
            .scan(&key::references_of(hash))
            .next()
            .transpose()?
        {
            Some((key, value)) => {
                row::decode::<ReferenceRow>(&value)
                    .map_err(|_| damaged(&key))?
                    .mime
            }
            None => return Ok(None),
        };
        Ok(Some(OfferItem { hash, bytes, mime }))
    }

    /// How soon the first card that names the blob is due.
    fn priority(&self, blob: BlobHash) -> VaultResult<u64> {
        let today = i64::from(self.today().0);
        let mut best = 0;
        for entry in self.store.scan(&key::references_of(blob)).take(8) {
            let (key, _) = entry?;
            let card = key::last16(&key)
                .map(domain::CardId::from_bytes)
                .ok_or_else(|| damaged(&key))?;
            let Some(card): Option<CardRow> = self.store.read(&key::card(card))? else {
                continue;
            };
            let days_away = match card.state.due_day {
                Some(due) => i64::from(due).saturating_sub(today).max(0),
                // New cards come a few a day, after those that are due.
                None => 1,
            };
            best = best.max(PRIORITY_TOP - days_away.min(PRIORITY_TOP));
        }
        Ok(u64::try_from(best).unwrap_or(0))
    }
}

/// A reason as a stable word.
fn reason_word(reason: Reason) -> &'static str {
    match reason {
        Reason::Quota => "quota",
        Reason::TooLarge => "too_large",
        Reason::KindNotAllowed => "kind_not_allowed",
        Reason::Storage => "server_storage",
        Reason::TooMany => "too_many",
        Reason::Infected => "infected",
        Reason::WrongHash | Reason::WrongLength => "damaged",
        _ => "refused",
    }
}
