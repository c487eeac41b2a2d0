//! Counts, figures and the digest of the whole visible state, all from sums that are kept up to date with every write.

use domain::digest::{self, CardDigest, StateSum};
use domain::{BlobHash, DeckId};

use super::view::{BlobNotTaken, Status};
use super::{Vault, VaultResult};
use crate::index::row::SumRow;
use crate::index::{DeckRow, ReadRows, SettingsRow, damaged, key, totals};
use crate::local_state::RefusedRow;

impl Vault {
    /// Counts and figures of the vault.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn status(&self) -> VaultResult<Status> {
        let decks: Vec<(DeckId, DeckRow)> = self
            .deck_rows()?
            .into_iter()
            .filter(|(_, deck)| deck.visible)
            .collect();
        let mut sum = SumRow::default();
        let mut due = 0;
        for (id, _) in &decks {
            let row: SumRow = self.store.read(&key::sum(*id))?.unwrap_or_default();
            sum.cards += row.cards;
            sum.events += row.events;
            sum.new += row.new;
            sum.suspended += row.suspended;
            due += self.due_count(*id)?;
        }
        let login = self.local.login.as_ref().filter(|login| login.active);
        let outbox = if self.store.server().is_some() {
            self.store.pending()?
        } else {
            0
        };
        Ok(Status {
            device: self.local.device_name.clone(),
            device_id: self.local.device,
            vault_id: self.local.vault,
            decks: u64::try_from(decks.len()).unwrap_or(u64::MAX),
            cards: sum.cards,
            events: sum.events,
            due: due + sum.new,
            new: sum.new,
            suspended: sum.suspended,
            blobs: totals(&self.store)?.blobs,
            blobs_missing: self.count(key::WANTS)?,
            pending_changes: outbox + self.journal_len()?,
            conflicts: u64::try_from(self.conflicts()?.len()).unwrap_or(u64::MAX),
            server: login.map(|login| login.url.clone()),
            user: login.map(|login| login.user.clone()),
            quota_used_bytes: self.local.quota.map(|quota| quota.used),
            quota_limit_bytes: self.local.quota.map(|quota| quota.limit),
            blobs_refused: self.blobs_refused()?,
            changes_refused: self.local.changes_refused.clone(),
            clock_ahead_ms: self.local.clock_ahead_ms,
            set_aside: u64::try_from(self.store.set_aside()?.len()).unwrap_or(u64::MAX),
            media: self.media_wish(),
            state_digest: self.state_digest()?,
        })
    }

    /// BLAKE3 over everything a person sees: equal on two devices exactly when they show the same.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn state_digest(&self) -> VaultResult<String> {
        state_digest(&self.store, &self.deck_rows()?, &self.settings)
    }

    /// The rows under a prefix.
    pub(crate) fn count(&self, prefix: &[u8]) -> VaultResult<u64> {
        let mut count = 0;
        for entry in self.store.scan(prefix) {
            entry?;
            count += 1;
        }
        Ok(count)
    }

    fn blobs_refused(&self) -> VaultResult<Vec<BlobNotTaken>> {
        let mut refused = Vec::new();
        for entry in self.store.scan(key::REFUSED) {
            let (key, bytes) = entry?;
            let row: RefusedRow = crate::index::row::decode(&bytes).map_err(|_| damaged(&key))?;
            let blob = key::last32(&key)
                .map(BlobHash::from_bytes)
                .ok_or_else(|| damaged(&key))?;
            refused.push(BlobNotTaken {
                blob,
                bytes: row.bytes,
                reason: row.reason,
            });
        }
        Ok(refused)
    }
}

/// The digest of the whole state from rows, stored or computed anew.
pub(crate) fn state_digest<R: ReadRows>(
    rows: &R,
    decks: &[(DeckId, DeckRow)],
    settings: &SettingsRow,
) -> VaultResult<String> {
    let mut all = StateSum::default();
    let mut views = Vec::new();
    for (id, deck) in decks.iter().filter(|(_, deck)| deck.visible) {
        let row: SumRow = rows.read(&key::sum(*id))?.unwrap_or_default();
        let sum = row.state_sum();
        all.add(&CardDigest {
            events: sum.events,
            digest: sum.sum,
        });
        // `add` counted one card; the sum stands for all of the deck's.
        all.cards = all.cards.wrapping_sub(1).wrapping_add(sum.cards);
        views.push(deck.view(*id));
    }
    let view = settings.view();
    let (new, reviews) = settings.daily_figures();
    let shown = [
        ("rollover_hour", settings.rollover_hour().to_string()),
        ("new_per_day", new.to_string()),
        ("reviews_per_day", reviews.to_string()),
        ("rules", settings.rules_in_words()),
    ];
    let digest = digest::finish(&all, &views, &view.tags, &shown);
    Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}
