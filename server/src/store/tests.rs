//! The store on a real disk: no sockets, every promise of its files.

mod devices;
mod log;
mod packs;
#[path = "../../tests/server/picture.rs"]
mod picture;
mod quota;
mod unused;

use automerge::transaction::Transactable;
use automerge::{ActorId as Actor, Automerge, ROOT};
use domain::{BlobHash, DocId};
use sync_protocol::server::Appended;
use sync_protocol::{DocChange, OfferItem};
use tempfile::TempDir;

use super::{AccountId, Store};
use crate::auth::user_name::UserName;
use picture::picture;

/// A store in a directory of its own, with one account.
struct Fixture {
    dir: TempDir,
    store: Option<Store>,
    account: AccountId,
}

impl Fixture {
    fn new(quota: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), quota, None).unwrap();
        let account = add_account(&store, "ann");
        Self {
            dir,
            store: Some(store),
            account,
        }
    }

    fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    /// Ends the process, as far as the disk is concerned, and starts the next.
    fn restart(&mut self, quota: u64) {
        drop(self.store.take());
        self.store = Some(Store::open(self.dir.path(), quota, None).unwrap());
    }

    fn push(&self, items: &[DocChange]) -> Appended {
        let store = self.store();
        store.append(self.account, 1, items, None).unwrap()
    }
}

fn add_account(store: &Store, name: &str) -> AccountId {
    let name = UserName::parse(name).unwrap();
    store.add_account(&name, "hash".into(), 1).unwrap().0
}

fn doc(n: u8) -> DocId {
    DocId::from_bytes([n; 16])
}

/// A device's copy of a document, which writes honest changes.
struct Writer {
    doc: DocId,
    inner: Automerge,
}

impl Writer {
    fn new(doc: DocId, actor: u8) -> Self {
        let inner = Automerge::new().with_actor(Actor::from([actor; 16].as_slice()));
        Self { doc, inner }
    }

    fn write(&mut self, value: &str) -> DocChange {
        let mut transaction = self.inner.transaction();
        transaction.put(ROOT, "key", value).unwrap();
        transaction.commit();
        let change = self.inner.get_last_local_change().unwrap();
        DocChange {
            doc: self.doc,
            change: change.raw_bytes().to_vec(),
        }
    }

    fn many(&mut self, count: usize) -> Vec<DocChange> {
        (0..count).map(|n| self.write(&n.to_string())).collect()
    }

    fn fork(&self, actor: u8) -> Self {
        let actor = Actor::from([actor; 16].as_slice());
        Self {
            doc: self.doc,
            inner: self.inner.fork().with_actor(actor),
        }
    }

    fn merge(&mut self, other: &mut Self) {
        self.inner.merge(&mut other.inner).unwrap();
    }

    fn heads(&self) -> Vec<domain::ChangeHash> {
        let heads = self.inner.get_heads();
        heads
            .iter()
            .map(|head| domain::ChangeHash::from_bytes(head.0))
            .collect()
    }
}

fn offer_of(bytes: &[u8]) -> OfferItem {
    OfferItem {
        hash: BlobHash::from_bytes(*blake3::hash(bytes).as_bytes()),
        bytes: bytes.len() as u64,
        mime: "image/png".into(),
    }
}
