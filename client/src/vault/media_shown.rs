//! The pictures and sounds of a vault as a person sees them: which cards name them, whether they are here and at the server.

use std::collections::BTreeMap;

use domain::{BlobHash, CardId};
use serde::Serialize;

use super::unused::{Stage, UnusedRow, until};
use super::view::ItemShown;
use super::{Vault, VaultResult, lookup, show};
use crate::index::row::{BlobRow, ReferenceRow};
use crate::index::{CardRow, ReadRows, damaged, key};
use crate::limit;

/// A blob, named by cards or only here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BlobShown {
    /// BLAKE3 of the bytes.
    pub blob: BlobHash,
    /// Kind of the bytes, as a card says; none when no card names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mime: Option<String>,
    /// Length in bytes.
    pub bytes: u64,
    /// How many cards name it; removed ones do not count.
    pub cards: u32,
    /// Whether its bytes are on this device.
    pub here: bool,
    /// Whether it waits to be offered to the server.
    pub to_send: bool,
    /// How far its going is, when no card names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unused: Option<UnusedShown>,
}

/// The going of a blob that no card names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct UnusedShown {
    /// How far it is.
    pub stage: Stage,
    /// Until when it stays here, or at the server if it has gone from here.
    pub until_ms: i64,
}

/// A blob with the cards that name it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BlobInFull {
    /// What the list says of it.
    #[serde(flatten)]
    pub blob: BlobShown,
    /// What the first of its cards says of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item: Option<ItemShown>,
    /// The cards that name it.
    pub named_by: Vec<CardId>,
}

impl Vault {
    /// Every blob that a card names, that is here or that has gone lately, in the order of their hashes.
    ///
    /// # Errors
    /// The index or the disk cannot be read.
    pub fn media(&self) -> VaultResult<Vec<BlobShown>> {
        let here: BTreeMap<BlobHash, u64> = self.blobs.list()?.into_iter().collect();
        let mut all = BTreeMap::new();
        for entry in self.store.scan(key::BLOBS) {
            let (key, bytes) = entry?;
            let row: BlobRow = crate::index::row::decode(&bytes).map_err(|_| damaged(&key))?;
            let blob = key::last32(&key)
                .map(BlobHash::from_bytes)
                .ok_or_else(|| damaged(&key))?;
            all.insert(blob, row.cards);
        }
        here.keys().for_each(|blob| {
            all.entry(*blob).or_insert(0);
        });
        let unused: BTreeMap<BlobHash, UnusedRow> = self.unused()?.into_iter().collect();
        unused.keys().for_each(|blob| {
            all.entry(*blob).or_insert(0);
        });
        all.into_iter()
            .map(|(blob, cards)| {
                let mut shown = self.show_blob(blob, cards, here.get(&blob).copied())?;
                shown.unused = unused.get(&blob).map(|row| UnusedShown {
                    stage: row.stage,
                    until_ms: until(*row).0,
                });
                Ok(shown)
            })
            .collect()
    }

    /// The blob that a hash, or the first letters of one, means.
    ///
    /// # Errors
    /// There is none, or there are several.
    pub fn media_find(&self, wanted: &str) -> VaultResult<BlobInFull> {
        let letters = wanted.trim().to_lowercase();
        let mut all = self.media()?;
        all.retain(|blob| {
            letters.len() >= limit::ID_PREFIX_LETTERS_MIN
                && blob.blob.to_string().starts_with(&letters)
        });
        let hashes: Vec<BlobHash> = all.iter().map(|blob| blob.blob).collect();
        lookup::one("picture or sound", wanted, &hashes)
            .unwrap_or_else(|| Err(lookup::no_media(wanted)))?;
        all.pop()
            .ok_or_else(|| lookup::no_media(wanted))
            .and_then(|blob| self.in_full(blob))
    }

    fn show_blob(&self, blob: BlobHash, cards: u32, here: Option<u64>) -> VaultResult<BlobShown> {
        let reference = self.store.scan(&key::references_of(blob)).next();
        let reference: Option<ReferenceRow> = reference
            .transpose()?
            .map(|(key, bytes)| crate::index::row::decode(&bytes).map_err(|_| damaged(&key)))
            .transpose()?;
        Ok(BlobShown {
            blob,
            bytes: here
                .or(reference.as_ref().map(|reference| reference.bytes))
                .unwrap_or(0),
            mime: reference.map(|reference| reference.mime),
            cards,
            here: here.is_some(),
            to_send: self.store.get(&key::offer(blob))?.is_some(),
            unused: None,
        })
    }

    fn in_full(&self, blob: BlobShown) -> VaultResult<BlobInFull> {
        let mut named_by = Vec::new();
        for entry in self.store.scan(&key::references_of(blob.blob)) {
            let (key, _) = entry?;
            named_by.push(
                key::last16(&key)
                    .map(CardId::from_bytes)
                    .ok_or_else(|| damaged(&key))?,
            );
        }
        let first: Option<CardRow> = match named_by.first() {
            Some(card) => self.store.read(&key::card(*card))?,
            None => None,
        };
        let item = first.and_then(|row| {
            let names =
                |item: &domain::Item| item.blob().is_some_and(|(hash, _)| hash == blob.blob);
            let found = row.items().find(names);
            found.map(|item| show::show_item(&item.to_json()))
        });
        Ok(BlobInFull {
            blob,
            item,
            named_by,
        })
    }
}
