//! Whole documents that this device does not know yet, judged and read without Automerge where they are plain
//! (`domain::intake::Plain`), away from the writer and several at once. A new device meets nothing else.

use std::collections::BTreeSet;

use domain::intake::{GatedChange, Plain, gate};
use domain::{ChangeHash, DocId};

use super::graph::Graph;
use super::intake::{Candidate, sort};
use super::rows::{self, Header};
use super::writer::{Pending, Work};
use super::{Received, StoreError, Writer, seal, trial};
use crate::limit::{ARRIVAL_ZSTD_LEVEL, DOCUMENT_BYTES_HARD_MAX};
use crate::pack::{PackBounds, decode_pack, encode_pack_at, pack_hash};

/// A whole document that passed the gate and the graph check and is plain, and what was read of it.
#[derive(Debug)]
pub struct Arrival<T> {
    /// What `read` made of the document.
    pub read: T,
    applied: Vec<ChangeHash>,
    known: usize,
    heads: Vec<ChangeHash>,
    body: Body,
}

/// The changes to keep, in the order of application.
#[derive(Debug)]
enum Body {
    /// Few enough for a tail.
    Tail(Vec<Vec<u8>>),
    /// As the pack that will be written.
    Pack(Packed),
}

/// Changes as a pack.
#[derive(Debug)]
pub(super) struct Packed {
    pub(super) pack: Vec<u8>,
    count: u64,
    bytes: u64,
}

/// A document admitted by a writer and not yet in its store; Automerge has not seen it.
#[derive(Debug)]
pub(super) struct Admitted {
    header: Header,
    body: Body,
}

impl<T> Arrival<T> {
    /// Judges the changes of a document of which none is known here, and has it read. `pack` is the pack that all of them came in, if
    /// they did: then it is kept as it is.
    ///
    /// # Errors
    /// Gives the changes back when they are for [`Writer::receive`] to judge: some is not plain, waits for another, or is harmful.
    pub fn judge(
        changes: Vec<Vec<u8>>,
        pack: Option<Vec<u8>>,
        read: impl FnOnce(&Plain<'_>) -> T,
    ) -> Result<Self, Vec<Vec<u8>>> {
        let Some((ready, known)) = in_order(&changes) else {
            return Err(changes);
        };
        let Some(read) = Plain::read(&ready).map(|plain| read(&plain)) else {
            return Err(changes);
        };
        let deps: BTreeSet<&ChangeHash> = ready.iter().flat_map(GatedChange::deps).collect();
        let applied: Vec<ChangeHash> = ready.iter().map(GatedChange::hash).collect();
        let mut heads: Vec<ChangeHash> = applied
            .iter()
            .filter(|hash| !deps.contains(hash))
            .copied()
            .collect();
        heads.sort_unstable();
        let kept: Vec<Vec<u8>> = ready.into_iter().map(GatedChange::into_kept).collect();
        let pack = pack.filter(|_| kept == changes);
        Ok(Self {
            read,
            applied,
            known,
            heads,
            body: Body::of(kept, pack),
        })
    }
}

impl Body {
    fn of(changes: Vec<Vec<u8>>, pack: Option<Vec<u8>>) -> Self {
        if !seal::is_long(&changes) {
            return Self::Tail(changes);
        }
        Self::Pack(Packed {
            count: changes.len() as u64,
            bytes: seal::bytes_of(&changes),
            pack: pack.unwrap_or_else(|| encode_pack_at(&changes, ARRIVAL_ZSTD_LEVEL)),
        })
    }

    fn to_changes(&self, doc: DocId) -> Result<Vec<Vec<u8>>, StoreError> {
        match self {
            Self::Tail(changes) => Ok(changes.clone()),
            Self::Pack(Packed { pack, .. }) => decode_pack(pack, PackBounds::default())
                .map_err(|source| StoreError::Pack { doc, source }),
        }
    }
}

/// The changes behind those they rest on, if all of them pass, and how many came twice.
fn in_order(changes: &[Vec<u8>]) -> Option<(Vec<GatedChange>, usize)> {
    let gated: Result<Vec<GatedChange>, _> = changes.iter().map(|raw| gate(raw)).collect();
    let candidates: Vec<Candidate> = gated.ok()?.into_iter().map(Candidate::received).collect();
    let bytes: usize = candidates
        .iter()
        .map(|candidate| candidate.change.uncompressed().len())
        .sum();
    let sorted = sort(&mut Graph::default(), candidates);
    let whole = sorted.waiting.is_empty() && sorted.refused.is_empty();
    (whole && bytes as u64 <= DOCUMENT_BYTES_HARD_MAX).then(|| {
        let ready = sorted.ready.into_iter().map(|candidate| candidate.change);
        (ready.collect(), sorted.known.len())
    })
}

impl Writer<'_> {
    /// Whether nothing is known of a document: no change, and none that waits.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn is_unknown(&self, doc: DocId) -> Result<bool, StoreError> {
        Ok(!self.work.contains_key(&doc)
            && !self.admitted.contains_key(&doc)
            && self.store.header(doc)?.is_none()
            && self.rows_under(&rows::waiting_prefix(doc))?.is_empty())
    }

    /// Takes in a document of which nothing was known, and tells what was read of it.
    ///
    /// # Errors
    /// Only when the store itself fails.
    ///
    /// # Panics
    /// When something of it is known.
    pub fn admit<T>(
        &mut self,
        doc: DocId,
        arrival: Arrival<T>,
    ) -> Result<(Received, T), StoreError> {
        assert!(
            self.is_unknown(doc)?,
            "only documents nobody knows are judged apart"
        );
        let Arrival {
            read,
            applied,
            known,
            heads,
            body,
        } = arrival;
        let received = Received {
            applied,
            known,
            after: heads.clone(),
            ..Received::default()
        };
        let header = Header {
            // Files without a row are left from a store that was lost; a new generation must not collide with them.
            generation: self.store.files.last_generation(doc),
            heads,
            ..Header::default()
        };
        self.forget_set_aside(doc, || body.to_changes(doc))?;
        self.admitted.insert(doc, Admitted { header, body });
        Ok((received, read))
    }

    /// An admitted document as one that is worked on: now Automerge sees it.
    pub(super) fn open_admitted(&self, doc: DocId, admitted: Admitted) -> Result<Work, StoreError> {
        let changes = admitted.body.to_changes(doc)?;
        let raws: Vec<&[u8]> = changes.iter().map(Vec::as_slice).collect();
        let opened = trial::apply(&automerge::Automerge::new(), &raws, None)
            .map_err(|reason| StoreError::Damaged { doc, reason })?;
        let pending = |raw| Pending { raw, queue: false };
        Ok(Work {
            doc: opened,
            graph: None,
            header: Header {
                heads: Vec::new(),
                ..admitted.header
            },
            pending: changes.into_iter().map(pending).collect(),
        })
    }

    /// Rows of the admitted documents: the short ones as tails, the long ones as packs that are durable when this returns. A disk that
    /// refuses those is no reason to refuse the documents: their changes stay as tails.
    pub(super) fn commit_admitted(&mut self) -> Result<Vec<(DocId, u64)>, StoreError> {
        let mut packs = Vec::new();
        for (doc, Admitted { header, body }) in std::mem::take(&mut self.admitted) {
            match body {
                Body::Tail(changes) => self.put_tail(doc, header, changes),
                Body::Pack(packed) => packs.push((doc, header, packed)),
            }
        }
        let files = packs
            .iter()
            .map(|(doc, header, packed)| (*doc, header.generation + 1, packed.pack.as_slice()));
        let written = self.store.files.write_packs(&files.collect::<Vec<_>>());
        let mut sealed = Vec::new();
        for ((doc, header, packed), written) in packs.into_iter().zip(written) {
            if let Err(e) = written {
                tracing::warn!(%doc, error = %e, "what arrived stays as a tail: its pack could not be written");
                let changes = Body::Pack(packed).to_changes(doc)?;
                self.put_tail(doc, header, changes);
                continue;
            }
            let header = Header {
                generation: header.generation + 1,
                sealed_count: packed.count,
                sealed_bytes: packed.bytes,
                pack_hash: pack_hash(&packed.pack),
                ..header
            };
            sealed.push((doc, header.generation));
            self.rows
                .insert(rows::header_key(doc), Some(header.encode()));
        }
        Ok(sealed)
    }

    fn put_tail(&mut self, doc: DocId, header: Header, changes: Vec<Vec<u8>>) {
        let header = Header {
            tail_count: changes.len() as u64,
            tail_bytes: seal::bytes_of(&changes),
            ..header
        };
        self.rows
            .insert(rows::header_key(doc), Some(header.encode()));
        for (position, raw) in (0..).zip(changes) {
            self.rows.insert(rows::tail_key(doc, position), Some(raw));
        }
    }
}
