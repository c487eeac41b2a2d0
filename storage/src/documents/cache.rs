//! Documents kept loaded, least recently used first out, bounded by their raw bytes.

use std::collections::BTreeMap;
use std::sync::Arc;

use automerge::Automerge;
use domain::DocId;

use super::graph::Graph;
use crate::limit::{LOADED_BYTES_MAX, LOADED_DOCUMENTS_MAX};

/// A loaded document, equal to what the store holds.
#[derive(Debug, Clone)]
pub(super) struct Loaded {
    pub(super) doc: Arc<Automerge>,
    pub(super) graph: Option<Graph>,
    pub(super) bytes: u64,
}

#[derive(Debug, Default)]
pub(super) struct Cache {
    entries: BTreeMap<DocId, (u64, Loaded)>,
    clock: u64,
    bytes: u64,
}

impl Cache {
    pub(super) fn get(&mut self, doc: DocId) -> Option<Arc<Automerge>> {
        self.clock += 1;
        let (used, loaded) = self.entries.get_mut(&doc)?;
        *used = self.clock;
        Some(Arc::clone(&loaded.doc))
    }

    pub(super) fn take(&mut self, doc: DocId) -> Option<Loaded> {
        let (_, loaded) = self.entries.remove(&doc)?;
        self.bytes -= loaded.bytes;
        Some(loaded)
    }

    pub(super) fn put(&mut self, doc: DocId, loaded: Loaded) {
        self.take(doc);
        self.clock += 1;
        self.bytes += loaded.bytes;
        self.entries.insert(doc, (self.clock, loaded));
        while self.entries.len() > 1
            && (self.bytes > LOADED_BYTES_MAX || self.entries.len() > LOADED_DOCUMENTS_MAX)
        {
            let oldest = self
                .entries
                .iter()
                .min_by_key(|(_, (used, _))| *used)
                .map(|(doc, _)| *doc);
            match oldest {
                Some(oldest) => self.take(oldest),
                None => break,
            };
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}
