//! A few vaults of one account, and the log through which they exchange changes.

use std::collections::BTreeSet;
use std::path::PathBuf;

use client::{Clock, Hold, Joining, Login, Moment, NewCard, NewItem, Vault};
use domain::{BlobHash, CardId, DeckId, OffsetMin, UnixMs, VaultId};
use sync_protocol::device::Apply;
use sync_protocol::{Chain, Cursor, DocChange, LogEpoch};
use tempfile::TempDir;

/// 2026-03-02T12:00:00Z, a Monday.
pub const NOON: i64 = 1_772_452_800_000;
pub const DAY_MS: i64 = 86_400_000;

/// Vaults of one account and their log.
pub struct Relay {
    pub vaults: Vec<Vault>,
    dirs: Vec<TempDir>,
    log: Vec<DocChange>,
    read: Vec<usize>,
    joined: BTreeSet<usize>,
    account: VaultId,
}

pub fn noon(days: i64) -> Clock {
    Clock::Still(moment(days))
}

pub fn moment(days: i64) -> Moment {
    Moment {
        at: UnixMs(NOON + days * DAY_MS),
        offset: OffsetMin(0),
    }
}

pub fn texts(deck: DeckId, front: &str, back: &str) -> NewCard {
    NewCard {
        deck,
        front: vec![NewItem::Text(front.into())],
        back: vec![NewItem::Text(back.into())],
        tags: Vec::new(),
    }
}

/// A file of the repository's media.
/// The media worker, which is the program itself.
pub fn worker() -> media_worker::Worker {
    media_worker::Worker::new(env!("CARGO_BIN_EXE_memoryvault"))
}

/// A picture as `add` makes it of a file.
pub fn picture(file: &std::path::Path, alt: Option<String>) -> client::NewMedia {
    let read = client::MediaFile::read(file, media::Kind::Image, alt).unwrap();
    read.prepare(&worker(), media::Wishes::default()).unwrap()
}

pub fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../fixtures/media")
        .join(name)
}

/// A vault of its own in a fresh folder.
pub fn alone() -> (TempDir, Vault) {
    let dir = tempfile::tempdir().unwrap();
    let mut vault = Vault::init(dir.path(), "alone").unwrap();
    vault.set_clock(noon(0));
    (dir, vault)
}

impl Relay {
    /// So many vaults, all joined to one account.
    pub fn new(count: usize) -> Self {
        let mut relay = Self::apart(count);
        (0..count).for_each(|vault| relay.join(vault));
        relay
    }

    /// So many vaults that know nothing of each other.
    pub fn apart(count: usize) -> Self {
        let dirs: Vec<TempDir> = (0..count).map(|_| tempfile::tempdir().unwrap()).collect();
        let vaults = dirs.iter().enumerate().map(|(number, dir)| {
            let mut vault = Vault::init(dir.path(), &format!("device {number}")).unwrap();
            vault.set_clock(noon(0));
            vault
        });
        Self {
            vaults: vaults.collect(),
            read: vec![0; count],
            dirs,
            log: Vec::new(),
            joined: BTreeSet::new(),
            account: VaultId::from_bytes([7; 16]),
        }
    }

    pub fn join(&mut self, vault: usize) {
        let device = self.vaults[vault].device_id();
        let login = Login {
            url: "http://127.0.0.1:1".into(),
            user: "u".into(),
            ca: None,
            active: true,
        };
        self.vaults[vault]
            .join(&Joining {
                vault: self.account,
                device,
                login,
            })
            .unwrap();
        self.joined.insert(vault);
    }

    /// Sends what a vault has to send.
    pub fn push(&mut self, vault: usize) {
        loop {
            let page = self.vaults[vault].sync_read_outbox(0, 64 * 1024).unwrap();
            if page.is_empty() {
                return;
            }
            let lseqs: Vec<u64> = page.iter().map(|row| row.lseq).collect();
            for row in page {
                if !self.log.contains(&row.item) {
                    self.log.push(row.item);
                }
            }
            self.vaults[vault].sync_clear_outbox(&lseqs, None).unwrap();
        }
    }

    /// Gives a vault what it has not read of the log, `page` changes at a time, each page in reverse if asked.
    pub fn pull(&mut self, vault: usize, page: usize, reverse: bool) {
        for items in self.log[self.read[vault]..].chunks(page) {
            let mut items = items.to_vec();
            if reverse {
                items.reverse();
            }
            let cursor = Cursor {
                epoch: LogEpoch::from_bytes([1; 16]),
                seq: 1,
                chain: Chain::START,
            };
            let apply = Apply {
                packs: Vec::new(),
                items,
                cursor: Some(cursor),
            };
            let done = self.vaults[vault].sync_apply(apply).unwrap();
            assert_eq!(done.set_aside, 0, "honest changes are never set aside");
        }
        self.read[vault] = self.log.len();
    }

    /// What a vault has to send, left where it is.
    pub fn outbox(&mut self, vault: usize) -> Vec<DocChange> {
        let page = self.vaults[vault].sync_read_outbox(0, 1024 * 1024).unwrap();
        page.into_iter().map(|row| row.item).collect()
    }

    /// Gives a vault changes that did not come through the log.
    pub fn give(&mut self, vault: usize, items: Vec<DocChange>) {
        self.vaults[vault]
            .sync_apply(Apply {
                packs: Vec::new(),
                items,
                cursor: None,
            })
            .unwrap();
    }

    /// Makes a vault read the log from its start, as one whose cursor was lost.
    pub fn forget_reading(&mut self, vault: usize) {
        self.read[vault] = 0;
    }

    pub fn sync(&mut self, vault: usize) {
        self.push(vault);
        self.pull(vault, 40, false);
    }

    /// Everybody sends and reads until all know everything.
    pub fn settle(&mut self) {
        let joined = self.joined.clone();
        for round in 0..2 {
            for &vault in &joined {
                self.push(vault);
                self.pull(vault, 7 + vault * 30, round == 0 && vault % 2 == 1);
            }
        }
        for vault in joined {
            self.pull(vault, 1000, false);
        }
    }

    pub fn assert_equal(&mut self) {
        let digests: Vec<String> = self
            .vaults
            .iter()
            .map(|vault| vault.state_digest().unwrap())
            .collect();
        assert!(
            digests.iter().all(|digest| *digest == digests[0]),
            "{digests:?}"
        );
        for vault in &mut self.vaults {
            let report = vault.verify().unwrap();
            assert_eq!(report.problems, Vec::<String>::new());
            assert_eq!(report.state_digest, digests[0]);
        }
    }

    /// Ends a vault's process without a word and opens the vault again.
    pub fn reopen(&mut self, vault: usize) {
        let clock = Clock::Still(self.vaults[vault].now());
        let path = self.path(vault);
        drop(self.vaults.remove(vault));
        let mut again = Vault::open(&path, "test", Hold::Short).unwrap();
        again.set_clock(clock);
        self.vaults.insert(vault, again);
    }

    pub fn path(&self, vault: usize) -> PathBuf {
        self.dirs[vault].path().to_owned()
    }

    /// Copies blobs that a vault wants from the others that have them.
    pub fn copy_blobs(&mut self, vault: usize) -> Vec<BlobHash> {
        let wants = self.vaults[vault]
            .sync_read_wants(None, 1000)
            .unwrap()
            .items;
        let mut arrived = Vec::new();
        for want in wants {
            let bytes = self
                .vaults
                .iter()
                .find_map(|other| other.blobs().read(&want.hash).ok());
            if let Some(bytes) = bytes {
                self.vaults[vault].blobs().put_bytes(&bytes).unwrap();
                arrived.push(want.hash);
            }
        }
        self.vaults[vault].sync_blobs_arrived(&arrived).unwrap();
        arrived
    }

    /// A deck with one card, known to all.
    pub fn shared_card(&mut self) -> (DeckId, CardId) {
        let deck = self.vaults[0].deck_add("Capitals").unwrap();
        let card = self.vaults[0]
            .add_card(&texts(deck, "Norway", "Oslo"))
            .unwrap();
        self.settle();
        (deck, card)
    }
}
