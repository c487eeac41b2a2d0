//! The full check: everything is read, and a damaged file is written again from the other forms of the same changes.

use automerge::Automerge;
use domain::DocId;

use super::rows::{self, Header};
use super::writer::{Pending, Work};
use super::{SetAside, StoreError, VaultStore, heads_of, same_heads, seal, slices, trial};
use crate::pack::{PackBounds, decode_pack};

/// What a full check found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// Documents read.
    pub documents: u64,
    /// Changes read.
    pub changes: u64,
    /// Documents whose damaged file was written again from the other.
    pub healed: Vec<DocId>,
    /// Documents of which changes are lost here; the cursors are forgotten, so that the next sync brings them again.
    pub damaged: Vec<DocId>,
    /// Changes kept apart.
    pub set_aside: Vec<SetAside>,
}

/// How a document's files are.
enum Health {
    Whole,
    /// The pack is whole, the saved document is not.
    SavedLost(Vec<Vec<u8>>),
    /// The document loads and gives its changes back, the pack does not.
    PackLost(Box<Automerge>, Vec<Vec<u8>>),
    /// Neither.
    Lost,
}

impl VaultStore {
    /// Reads everything: rows, packs, saved documents; heals what can be healed from the rest.
    ///
    /// # Errors
    /// When a row is damaged ([`VaultStore::repair`] is next), or healing cannot be written.
    pub fn verify(&mut self) -> Result<VerifyReport, StoreError> {
        self.kv.verify()?;
        self.cache().clear();
        *self
            .pack
            .get_mut()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = None;
        let mut report = VerifyReport::default();
        for doc in self.document_ids()? {
            let Some(header) = self.header(doc)? else {
                continue;
            };
            report.documents += 1;
            report.changes += header.count();
            match self.health(doc, &header)? {
                Health::Whole => {}
                Health::SavedLost(all) => {
                    let (loaded, _) = trial::apply_what_fits(Automerge::new(), &slices(&all), None);
                    self.rewrite(doc, header, loaded, all, false)?;
                    report.healed.push(doc);
                }
                Health::PackLost(loaded, all) => {
                    self.rewrite(doc, header, *loaded, all, true)?;
                    report.healed.push(doc);
                }
                Health::Lost => {
                    self.salvage(doc, header)?;
                    report.damaged.push(doc);
                }
            }
        }
        report.set_aside = self.set_aside()?;
        Ok(report)
    }

    fn health(&self, doc: DocId, header: &Header) -> Result<Health, StoreError> {
        let tail = match self.tail(doc, header) {
            Err(StoreError::Damaged { .. }) => return Ok(Health::Lost),
            other => other?,
        };
        let saved = if header.is_saved() {
            self.load_saved(doc, header)?
        } else {
            None
        };
        let loads = saved
            .and_then(|base| trial::apply(&base, &slices(&tail), None).ok())
            .filter(|loaded| same_heads(loaded, header));
        let sealed = match self.sealed(doc, header) {
            Err(StoreError::Pack { .. }) => None,
            other => other?,
        };
        Ok(match (sealed, loads) {
            (Some(_), Some(_)) => Health::Whole,
            (Some(sealed), None) => {
                let all: Vec<Vec<u8>> = sealed.iter().cloned().chain(tail).collect();
                let (loaded, _) = trial::apply_what_fits(Automerge::new(), &slices(&all), None);
                if same_heads(&loaded, header) {
                    if header.is_saved() {
                        Health::SavedLost(all)
                    } else {
                        Health::Whole
                    }
                } else {
                    Health::Lost
                }
            }
            (None, Some(loaded)) => match trial::changes_again(&loaded, &[]) {
                Some(all) => Health::PackLost(Box::new(loaded), all),
                None => Health::Lost,
            },
            (None, None) => Health::Lost,
        })
    }

    /// Seals a document anew. With `reordered` the positions of its changes moved, so all of them are queued again: nothing is lost by
    /// offering a server what it has.
    fn rewrite(
        &mut self,
        doc: DocId,
        header: Header,
        loaded: Automerge,
        all: Vec<Vec<u8>>,
        reordered: bool,
    ) -> Result<(), StoreError> {
        let tail = header.sealed_count..header.count();
        let heads = heads_of(&loaded);
        let work = Work {
            doc: loaded,
            graph: None,
            header,
            pending: Vec::new(),
        };
        let unsavable = || StoreError::Damaged {
            doc,
            reason: "its saved form does not load again".to_owned(),
        };
        let sealed = seal::seal(self, doc, &work, &all)?.ok_or_else(unsavable)?;
        let generation = sealed.generation;
        let mut writer = self.begin();
        writer
            .rows
            .extend(tail.map(|position| (rows::tail_key(doc, position), None)));
        writer.rows.insert(
            rows::header_key(doc),
            Some(Header { heads, ..sealed }.encode()),
        );
        if reordered && writer.server.is_some() {
            writer.requeue(doc, all.len() as u64)?;
        }
        writer.commit()?;
        self.files.tidy(doc, generation);
        Ok(())
    }

    /// Keeps of a damaged document what still hangs together, queues all of it and forgets how far each server's log was read.
    fn salvage(&mut self, doc: DocId, header: Header) -> Result<(), StoreError> {
        let found = self.everything_found(doc);
        // Own changes may be among what is lost here and known elsewhere: their numbers must not be used again.
        self.renew_actor()?;
        let mut writer = self.begin();
        let stale = writer.rows_under(&rows::tail_prefix(doc))?;
        writer
            .rows
            .extend(stale.into_iter().map(|(key, _)| (key, None)));
        for (key, _) in writer.rows_under(rows::CURSORS)? {
            writer.rows.insert(key, None);
        }
        if writer.server.is_some() {
            writer.requeue(doc, 0)?;
        }
        let fresh = Header {
            generation: header
                .generation
                .max(writer.store.files.last_generation(doc)),
            ..Header::default()
        };
        writer
            .rows
            .insert(rows::header_key(doc), Some(fresh.encode()));
        writer.work.insert(
            doc,
            Work {
                doc: Automerge::new(),
                graph: None,
                header: fresh,
                pending: Vec::<Pending>::new(),
            },
        );
        writer.adopt(doc, found)?;
        writer.commit()
    }

    /// Every change of a document that any file or row still holds.
    pub(super) fn everything_found(&self, doc: DocId) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        for (_, path) in self.files.list(doc) {
            let Ok(bytes) = std::fs::read(&path) else {
                continue;
            };
            if path.extension().is_some_and(|e| e == "pack") {
                found.extend(decode_pack(&bytes, PackBounds::default()).unwrap_or_default());
            } else if let Some(loaded) = trial::load(&bytes) {
                found.extend(trial::changes_again(&loaded, &[]).unwrap_or_default());
            }
        }
        found.extend(
            self.kv
                .scan(&rows::tail_prefix(doc))
                .filter_map(Result::ok)
                .map(|(_, raw)| raw),
        );
        let mut seen = std::collections::BTreeSet::new();
        found.retain(|raw| seen.insert(*blake3::hash(raw).as_bytes()));
        found
    }
}

impl super::Writer<'_> {
    /// Replaces what is queued of a document by its first `count` changes.
    fn requeue(&mut self, doc: DocId, count: u64) -> Result<(), StoreError> {
        let Some(server) = self.server else {
            return Ok(());
        };
        let mut stale = Vec::new();
        for (key, value) in self.rows_under(&rows::outbox_prefix(server))? {
            let (lseq, of, _) = rows::parse_outbox(&key, &value)?;
            if of == doc {
                stale.push(lseq);
            }
        }
        self.outbox_clear(&stale)?;
        (0..count).try_for_each(|position| self.enqueue(doc, position))
    }
}
