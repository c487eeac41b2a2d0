//! A check of everything: rows, documents, blobs, and the index against what the documents say.

use super::status::state_digest;
use super::view::{SetAsideShown, VerifyReport};
use super::{Vault, VaultResult};
use crate::index::{ReadRows, key};

/// What to know and do about a change that was set aside.
const SET_ASIDE_HINT: &str = "Your cards are as if it had never come. If one of your own devices made it: update memoryvault \
    there and here, then memoryvault sync --repair. If not: ask who runs the server.";

impl Vault {
    /// Reads and recomputes everything. What is healed on the way and what is wrong is told; a damaged blob is put aside, so
    /// that the next sync fetches it again.
    ///
    /// # Errors
    /// The store cannot be read at all.
    pub fn verify(&mut self) -> VaultResult<VerifyReport> {
        let index_healed = !self.store.derived_is_whole()?;
        if index_healed {
            self.rebuild_index()?;
        }
        let stored = self.store.verify()?;
        let mut problems: Vec<String> = Vec::new();
        problems.extend(stored.damaged.iter().map(|document| {
            format!("document {document} has lost changes on this device; `memoryvault sync` gets them again if the server has them")
        }));
        let computed = self.compute_index()?;
        problems.extend(
            computed
                .unreadable
                .iter()
                .map(|(document, why)| format!("document {document} cannot be read: {why}")),
        );
        problems.extend(computed.differences(self)?);
        let digest = state_digest(&computed.rows, &computed.decks, &computed.settings)?;
        if digest != self.state_digest()? {
            problems.push("the state digest differs from the documents; `memoryvault verify --rebuild` makes the index again".to_owned());
        }
        let blobs = self.verify_blobs(&mut problems)?;
        let set_aside = self
            .store
            .set_aside()?
            .into_iter()
            .map(|change| SetAsideShown {
                document: change.doc.to_string(),
                change: change
                    .bytes_hash
                    .iter()
                    .map(|byte| format!("{byte:02x}"))
                    .collect(),
                reason: change.reason,
                hint: SET_ASIDE_HINT,
            });
        Ok(VerifyReport {
            ok: problems.is_empty(),
            changes: stored.changes,
            documents: stored.documents,
            healed: stored
                .healed
                .iter()
                .map(ToString::to_string)
                .chain(index_healed.then(|| "index".to_owned()))
                .collect(),
            cards: computed.cards,
            events: computed.events,
            blobs,
            blobs_missing: self.count(key::WANTS)?,
            set_aside: set_aside.collect(),
            state_digest: digest,
            problems,
        })
    }

    /// Hashes every blob again.
    pub(super) fn verify_blobs(&mut self, problems: &mut Vec<String>) -> VaultResult<u64> {
        let mut checked = 0;
        let mut bad = Vec::new();
        let blobs = self.blobs.list()?;
        for (number, (blob, _)) in blobs.iter().copied().enumerate() {
            self.tell_progress("Reading pictures and sounds", number + 1, blobs.len());
            checked += 1;
            if !self.blobs.verify(&blob)? {
                bad.push(blob);
            }
        }
        for blob in self.named_blobs()? {
            let known_missing = self.store.row(&key::want(blob))?.is_some();
            if !known_missing && self.blobs.has(&blob)?.is_none() {
                self.note_blob_gone(blob)?;
                problems.push(format!(
                    "blob {blob} has gone; `memoryvault sync` gets it again if the server has it"
                ));
            }
        }
        for blob in bad {
            let kept = self.blobs.quarantine(&blob)?;
            self.note_blob_gone(blob)?;
            problems.push(format!(
                "blob {blob} is damaged and was put aside as {}; `memoryvault sync` gets it again if the server has it",
                kept.display()
            ));
        }
        Ok(checked)
    }
}
