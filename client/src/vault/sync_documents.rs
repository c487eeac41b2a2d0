//! What a session of sync asks of the documents, one method for each output of `sync_protocol::DeviceSession`: the shell
//! carries the answers back and decides nothing. Blobs are in `sync_blobs`.

use domain::document::DocKind;
use domain::{ChangeHash, DocId, IncarnationId};
use storage::Received;
use sync_protocol::device::{
    AppliedHere, Apply, ChangesRefused, Config, InventoryPage, OutboxItem, Welcomed,
};
use sync_protocol::{Cursor, DocChange, DocHeads, Quota};

use super::arrivals::{self, Judged};
use super::refresh::{self, Reading};
use super::write::Tx;
use super::{Vault, VaultError, VaultResult};
use crate::index::{Rows, key};
use crate::limit;
use crate::local_state::{self, QuotaFigures};

impl Vault {
    /// Prepares a session: folds the journal, and makes the next incarnation durable if there is something to send. With
    /// nothing to send nothing is written, and both ends go on with the present incarnation.
    ///
    /// # Errors
    /// The vault is not logged in, or the disk refuses.
    pub fn sync_begin(&mut self, repair: bool) -> VaultResult<Config> {
        let cursor = self.cursor()?;
        let has_news = self.store.pending()? > 0 || self.store.last(key::JOURNAL)?.is_some();
        let mut stamps = self.local.stamps();
        if stamps.needs_next(has_news) {
            stamps.next = Some(IncarnationId::from_bytes(local_state::random()?));
        }
        let repair = repair || self.local.repairs_due > 0;
        self.repairing = false;
        self.turning = stamps.next.is_some();
        self.write(|tx| {
            tx.fold_some()?;
            tx.local.set_stamps(stamps);
            Ok(())
        })?;
        self.fold_journal()?;
        Ok(Config {
            device: self.local.device,
            incarnation: stamps.present,
            next_incarnation: stamps.said_next(),
            cursor,
            vault: Some(self.local.vault),
            wall_ms: self.clock.now(0).at.0,
            repair,
            fetch_blobs: !self.local.media_lazy,
        })
    }

    /// Answers `Output::Welcomed`: the quota, the clock, and a new identity if the vault is a copy. The new identity's token
    /// is the caller's to keep. What is known already is not written again.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn sync_welcomed(&mut self, welcome: &Welcomed) -> VaultResult<()> {
        let renewed = welcome.new_identity.as_ref();
        self.repairing = welcome.repair;
        let clock_moved_ms = welcome.clock_ahead_ms.abs_diff(self.local.clock_ahead_ms);
        self.write(|tx| {
            // What was refused is tried again from here on.
            tx.local.changes_refused = None;
            for (key, _) in tx.writer.scan(key::REFUSED)? {
                tx.writer.set(key, None);
            }
            tx.local.quota = Some(figures(welcome.quota));
            if clock_moved_ms >= limit::CLOCK_MOVED_MS_MIN {
                tx.local.clock_ahead_ms = welcome.clock_ahead_ms;
            }
            if welcome.repair {
                tx.local.repairs_due = tx.local.repairs_due.saturating_sub(1);
            }
            let Some(identity) = renewed else {
                return Ok(());
            };
            let mut stamps = tx.local.stamps();
            stamps.renamed(welcome.incarnation);
            tx.local.set_stamps(stamps);
            tx.rename_device(identity.device)
        })?;
        if renewed.is_some() {
            self.turning = false;
            self.store.renew_actor()?;
        }
        Ok(())
    }

    /// Answers `Output::QuotaSeen`.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn sync_quota_seen(&mut self, quota: Quota) -> VaultResult<()> {
        self.write(|tx| {
            tx.local.quota = Some(figures(quota));
            Ok(())
        })
    }

    /// Answers `Output::ReadOutbox`; the journal becomes a change before.
    ///
    /// # Errors
    /// The store fails.
    pub fn sync_read_outbox(
        &mut self,
        after: u64,
        bytes_max: usize,
    ) -> VaultResult<Vec<OutboxItem>> {
        self.fold_journal()?;
        let rows = self.store.outbox_page(after, bytes_max)?;
        let item = |row: storage::OutboxItem| OutboxItem {
            lseq: row.lseq,
            item: DocChange {
                doc: row.doc,
                change: row.change,
            },
        };
        Ok(rows.into_iter().map(item).collect())
    }

    /// Answers `Output::ClearOutbox`: the server has appended something in this session, and with it recorded the next
    /// incarnation, which becomes the present one here. A session that was opened with nothing to send said none: then the
    /// next one does.
    ///
    /// # Errors
    /// The store fails.
    pub fn sync_clear_outbox(&mut self, lseqs: &[u64], cursor: Option<Cursor>) -> VaultResult<()> {
        let turning = self.turning;
        self.write(|tx| {
            let mut stamps = tx.local.stamps();
            stamps.acknowledged(turning);
            tx.local.set_stamps(stamps);
            tx.writer.outbox_clear(lseqs)?;
            tx.move_cursor(cursor)
        })
    }

    /// Answers `Output::ChangesRefused`.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn sync_changes_refused(&mut self, refused: &ChangesRefused) -> VaultResult<()> {
        self.write(|tx| {
            tx.local.changes_refused = Some(refused.message.clone());
            Ok(())
        })
    }

    /// Answers `Output::EnqueueAfter` with the first number of the outbox that was free before.
    ///
    /// # Errors
    /// The store fails.
    pub fn sync_enqueue_after(&mut self, doc: DocId, heads: &[ChangeHash]) -> VaultResult<u64> {
        if self.is_retired(doc) {
            return Ok(u64::MAX);
        }
        self.write(|tx| {
            let first = tx.writer.outbox_next()?;
            tx.writer.outbox_add_after(doc, heads)?;
            Ok(first)
        })
    }

    /// Answers `Output::Apply`: packs first, then single changes, through the intake; documents, index and cursor in one
    /// commit.
    ///
    /// # Errors
    /// Only when the store itself fails. Harmful bytes are set aside and counted.
    pub fn sync_apply(&mut self, apply: Apply) -> VaultResult<AppliedHere> {
        let shares = arrivals::shares(apply.packs, apply.items);
        // A page with a pack that cannot be read does not move the cursor: the next session gets it again.
        let repairing = self.repairing;
        let (done, repaired) = self.write(|tx| {
            let judged = arrivals::judge(shares, &tx.writer, DocId::settings(tx.local.vault))?;
            let damaged_packs = judged.damaged_packs;
            let cursor = apply.cursor.filter(|_| damaged_packs == 0);
            let repaired = repairing && cursor.is_some();
            let mut lacking = false;
            let mut done = AppliedHere {
                set_aside: damaged_packs,
                cursor_kept: damaged_packs > 0,
                ..AppliedHere::default()
            };
            for mut taken in tx.receive_all(judged.documents)? {
                let received = &taken.received;
                done.fresh += u64::try_from(received.applied.len()).unwrap_or(u64::MAX);
                let set_aside = u32::try_from(received.set_aside.len()).unwrap_or(u32::MAX);
                done.set_aside = done.set_aside.saturating_add(set_aside);
                lacking |= taken.is_lacking();
                tx.refresh_taken(&mut taken)?;
            }
            // What a repair sends damaged is damaged at the server: asking for it for ever would help nobody.
            if repaired {
                tx.local.repairs_due = 0;
            } else if lacking && !repairing {
                tx.local.repairs_due = limit::REPAIRS_DUE_MAX;
            }
            tx.move_cursor(cursor)?;
            done.wants_changed = tx.wants_grew;
            Ok((done, repaired))
        })?;
        self.repairing &= !repaired;
        Ok(done)
    }

    /// Answers `Output::ReadInventory`. Documents of vault ids that were left are not told of.
    ///
    /// # Errors
    /// The store fails.
    pub fn sync_read_inventory(
        &self,
        after: Option<DocId>,
        count_max: usize,
    ) -> VaultResult<InventoryPage> {
        let ids = self.store.document_ids()?;
        let mut left = ids
            .into_iter()
            .filter(|doc| after.is_none_or(|after| *doc > after) && !self.is_retired(*doc));
        let mut items = Vec::new();
        for doc in left.by_ref().take(count_max) {
            items.push(DocHeads {
                doc,
                heads: self.store.heads(doc)?,
            });
        }
        Ok(InventoryPage {
            items,
            more: left.next().is_some(),
        })
    }

    /// Where this device stands in the server's log.
    pub(crate) fn cursor(&self) -> VaultResult<Option<Cursor>> {
        if self.store.server().is_none() {
            return Err(VaultError::NotLoggedIn);
        }
        let bytes = self.store.cursor()?;
        // A cursor that cannot be read is as good as none: everything is compared again.
        Ok(bytes.and_then(|bytes| minicbor::decode(&bytes).ok()))
    }

    fn is_retired(&self, doc: DocId) -> bool {
        self.local.retired.iter().any(|retired| retired.0 == doc)
    }
}

impl Tx<'_> {
    fn move_cursor(&mut self, cursor: Option<Cursor>) -> VaultResult<()> {
        if let Some(cursor) = cursor {
            let bytes = minicbor::to_vec(cursor).expect("writing into memory cannot fail");
            self.writer.set_cursor(Some(&bytes))?;
        }
        Ok(())
    }

    /// Takes changes in, and orders what was taken so that settings come first and events last.
    fn receive_all(&mut self, documents: Vec<(DocId, Judged)>) -> VaultResult<Vec<Taken>> {
        let settings = DocId::settings(self.local.vault);
        let mut taken = Vec::new();
        for (doc, judged) in documents {
            taken.push(match judged {
                Judged::Whole(arrival) => {
                    let (received, (kind, reading)) = self.writer.admit(doc, *arrival)?;
                    Taken {
                        order: (doc != settings, kind),
                        doc,
                        count: received.applied.len() + received.known,
                        received,
                        sent: Vec::new(),
                        reading: Some(reading),
                    }
                }
                Judged::Changes(raw) => {
                    let is_new = self.writer.document(doc)?.get_heads().is_empty();
                    let sent = if is_new { Vec::new() } else { raw.clone() };
                    let count = raw.len();
                    let received = self.writer.receive(doc, raw)?;
                    let kind = domain::document::kind(self.writer.document(doc)?);
                    Taken {
                        order: (doc != settings, kind),
                        doc,
                        received,
                        sent,
                        count,
                        reading: None,
                    }
                }
            });
        }
        taken.sort_by_key(|taken| (taken.order, taken.doc));
        Ok(taken)
    }

    fn refresh_taken(&mut self, taken: &mut Taken) -> VaultResult<()> {
        if let Some(reading) = taken.reading.take() {
            return self.take(reading);
        }
        if taken.received.applied.is_empty() {
            return Ok(());
        }
        let scope = refresh::scope_of(
            self.writer.document(taken.doc)?,
            &taken.received,
            &taken.sent,
        );
        self.refresh(taken.doc, &scope)
    }
}

/// What became of one document's share of a page.
struct Taken {
    order: (bool, Option<DocKind>),
    doc: DocId,
    received: Received,
    /// The changes as they came; none for a document that was not known before.
    sent: Vec<Vec<u8>>,
    /// How many came.
    count: usize,
    /// What was read of it, where that was done when it was judged.
    reading: Option<Reading>,
}

impl Taken {
    /// Whether some of it was set aside, or waits for what a whole log would have brought before: damaged on its way, perhaps.
    fn is_lacking(&self) -> bool {
        let received = &self.received;
        !received.set_aside.is_empty() || self.count > received.applied.len() + received.known
    }
}

fn figures(quota: Quota) -> QuotaFigures {
    QuotaFigures {
        used: quota.used,
        limit: quota.limit,
    }
}
