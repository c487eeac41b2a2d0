//! What the world uses for a change: a document, what it builds on, and the blobs it names. The machines never look inside.

use domain::{BlobHash, ChangeHash, DocId};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub doc: DocId,
    pub deps: Vec<ChangeHash>,
    pub blobs: Vec<BlobHash>,
    pub nonce: u64,
    pub padding: usize,
}

impl Change {
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.doc.to_bytes().to_vec();
        bytes.push(self.deps.len() as u8);
        self.deps
            .iter()
            .for_each(|dep| bytes.extend(dep.to_bytes()));
        bytes.push(self.blobs.len() as u8);
        self.blobs
            .iter()
            .for_each(|blob| bytes.extend(blob.to_bytes()));
        bytes.extend(self.nonce.to_be_bytes());
        bytes.extend(std::iter::repeat_n(0x55, self.padding));
        bytes
    }

    pub fn parse(bytes: &[u8]) -> Option<Change> {
        let (doc, rest) = bytes.split_first_chunk::<16>()?;
        let (deps, rest) = hashes(rest)?;
        let (blobs, rest) = hashes(rest)?;
        let (nonce, padding) = rest.split_first_chunk::<8>()?;
        Some(Change {
            doc: DocId::from_bytes(*doc),
            deps: deps.into_iter().map(ChangeHash::from_bytes).collect(),
            blobs: blobs.into_iter().map(BlobHash::from_bytes).collect(),
            nonce: u64::from_be_bytes(*nonce),
            padding: padding.len(),
        })
    }
}

fn hashes(bytes: &[u8]) -> Option<(Vec<[u8; 32]>, &[u8])> {
    let (count, mut rest) = bytes.split_first()?;
    let mut hashes = Vec::new();
    for _ in 0..*count {
        let (hash, after) = rest.split_first_chunk::<32>()?;
        hashes.push(*hash);
        rest = after;
    }
    Some((hashes, rest))
}

pub fn change_hash(bytes: &[u8]) -> ChangeHash {
    ChangeHash::from_bytes(*blake3::hash(bytes).as_bytes())
}

pub fn blob_hash(bytes: &[u8]) -> BlobHash {
    BlobHash::from_bytes(*blake3::hash(bytes).as_bytes())
}

/// Changes in an order in which each stands after what it builds on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Document {
    pub order: Vec<ChangeHash>,
    pub changes: std::collections::BTreeMap<ChangeHash, Vec<u8>>,
}

impl Document {
    /// `false`: known already.
    pub fn add(&mut self, bytes: &[u8]) -> bool {
        let hash = change_hash(bytes);
        let fresh = self.changes.insert(hash, bytes.to_vec()).is_none();
        if fresh {
            self.order.push(hash);
        }
        fresh
    }

    pub fn lacks_dependency(&self, change: &Change) -> bool {
        change
            .deps
            .iter()
            .any(|dep| !self.changes.contains_key(dep))
    }

    pub fn heads(&self) -> Vec<ChangeHash> {
        let mut heads: std::collections::BTreeSet<ChangeHash> =
            self.changes.keys().copied().collect();
        for bytes in self.changes.values() {
            for dep in Change::parse(bytes).unwrap().deps {
                heads.remove(&dep);
            }
        }
        heads.into_iter().collect()
    }

    /// Changes that are not ancestors of (or among) `heads`, in order.
    pub fn after(&self, heads: &[ChangeHash]) -> Vec<ChangeHash> {
        let mut known = std::collections::BTreeSet::new();
        let mut rest: Vec<ChangeHash> = heads.to_vec();
        while let Some(hash) = rest.pop() {
            if let Some(bytes) = self.changes.get(&hash)
                && known.insert(hash)
            {
                rest.extend(Change::parse(bytes).unwrap().deps);
            }
        }
        self.order
            .iter()
            .copied()
            .filter(|hash| !known.contains(hash))
            .collect()
    }
}

pub fn pack(changes: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for change in changes {
        bytes.extend((change.len() as u32).to_be_bytes());
        bytes.extend(change);
    }
    bytes
}

pub fn unpack(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut changes = Vec::new();
    while let Some((len, rest)) = bytes.split_first_chunk::<4>() {
        let (change, rest) = rest.split_at(u32::from_be_bytes(*len) as usize);
        changes.push(change.to_vec());
        bytes = rest;
    }
    changes
}
