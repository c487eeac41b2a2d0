//! Vaults, documents and changes for the tests.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use automerge::transaction::Transactable;
use automerge::{Automerge, ROOT, ReadDoc};
use domain::{ChangeHash, DocId};
use storage::{LockKind, ServerKey, StoreError, StoreOptions, VaultStore};
use tempfile::TempDir;

pub const SERVER: ServerKey = ServerKey([1; 16]);

/// A vault in a temporary folder, with its own runtime folder.
pub struct World {
    root: TempDir,
}

impl World {
    pub fn new() -> Self {
        Self {
            root: tempfile::tempdir().unwrap(),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub fn options(&self) -> StoreOptions {
        StoreOptions {
            who: "a test".to_owned(),
            kind: LockKind::Short,
            wait: Duration::ZERO,
            schema: |doc, changes| {
                domain::intake::check_schema(doc, changes).map_err(|e| e.to_string())
            },
            runtime_dir: Some(self.path("runtime")),
        }
    }

    pub fn create(&self, name: &str) -> VaultStore {
        VaultStore::create(&self.path(name), &self.options()).unwrap()
    }

    pub fn open(&self, name: &str) -> VaultStore {
        VaultStore::open(&self.path(name), &self.options()).unwrap()
    }

    /// What `cp -a` or a backup program does.
    pub fn copy(&self, from: &str, to: &str) {
        let status = Command::new("cp")
            .arg("-a")
            .arg(self.path(from))
            .arg(self.path(to))
            .status()
            .unwrap();
        assert!(status.success());
    }

    pub fn rename(&self, from: &str, to: &str) {
        std::fs::rename(self.path(from), self.path(to)).unwrap();
    }

    pub fn remove(&self, name: &str) {
        std::fs::remove_dir_all(self.path(name)).unwrap();
    }
}

pub fn doc(n: u8) -> DocId {
    DocId::from_bytes([n; 16])
}

/// Sets `key` to `value` in a document that is one of ours to the schema check.
pub fn put(store: &mut VaultStore, doc: DocId, key: &str, value: &str) {
    let mut writer = store.begin();
    edit(&mut writer, doc, key, value).unwrap();
    writer.commit().unwrap();
}

pub fn edit(
    writer: &mut storage::Writer<'_>,
    doc: DocId,
    key: &str,
    value: &str,
) -> Result<(), StoreError> {
    writer.edit(doc, 0, |tx| {
        let failed = StoreError::edit(doc);
        if tx.get(ROOT, "kind").map_err(failed)?.is_none() {
            tx.put(ROOT, "kind", "deck").map_err(failed)?;
            tx.put(ROOT, "v", 1).map_err(failed)?;
        }
        tx.put(ROOT, key, value).map_err(failed)
    })
}

pub fn text(loaded: &Automerge, key: &str) -> Option<String> {
    let (value, _) = loaded.get(ROOT, key).unwrap()?;
    value.into_string().ok()
}

pub fn read(store: &VaultStore, doc: DocId, key: &str) -> Option<String> {
    text(&store.load(doc).unwrap(), key)
}

/// A remote device: plain Automerge, and the raw changes it made.
pub struct Remote {
    pub doc: Automerge,
    sent: Vec<automerge::ChangeHash>,
}

impl Remote {
    pub fn new(actor: u8) -> Self {
        Self {
            doc: Automerge::new().with_actor([actor; 16].into()),
            sent: Vec::new(),
        }
    }

    pub fn set(&mut self, key: &str, value: &str) {
        self.doc
            .transact::<_, _, automerge::AutomergeError>(|tx| {
                if tx.get(ROOT, "kind")?.is_none() {
                    tx.put(ROOT, "kind", "deck")?;
                    tx.put(ROOT, "v", 1)?;
                }
                tx.put(ROOT, key, value)
            })
            .unwrap();
    }

    /// Changes made since the last call, in order.
    pub fn take(&mut self) -> Vec<Vec<u8>> {
        let changes = self
            .doc
            .get_changes(&self.sent)
            .iter()
            .map(|c| c.raw_bytes().to_vec())
            .collect();
        self.sent = self.doc.get_heads();
        changes
    }

    pub fn apply(&mut self, changes: &[Vec<u8>]) {
        let parsed = changes
            .iter()
            .map(|raw| automerge::Change::from_bytes(raw.clone()).unwrap())
            .collect::<Vec<_>>();
        self.doc.apply_changes(parsed).unwrap();
    }
}

pub fn hashes(doc: &Automerge) -> Vec<ChangeHash> {
    doc.get_heads()
        .iter()
        .map(|h| ChangeHash::from_bytes(h.0))
        .collect()
}

/// The example binary that writes until it is killed; cargo builds it together with the tests.
pub fn cut_writer() -> Command {
    let exe = std::env::current_exe().unwrap();
    let path = exe
        .parent()
        .and_then(Path::parent)
        .unwrap()
        .join("examples/cut_writer");
    assert!(
        path.exists(),
        "{} is missing: run the tests with `cargo test -p storage`, which builds it",
        path.display()
    );
    Command::new(path)
}

/// Flips one byte in the middle of a file.
pub fn damage(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let mut bytes = std::fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x55;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(path, bytes).unwrap();
}
