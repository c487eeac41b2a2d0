//! A real vault in a folder of its own, its backups, and what a person does with it.

use std::path::Path;

use client::{
    Answer, CardEdit, CardShown, Clock, Hold, Joining, Login, Moment, NewCard, NewItem, Query,
    SideEdit, Vault,
};
use domain::{CardId, ChangeHash, DeckId, DocId, Grade, OffsetMin, UnixMs, VaultId};
use sim::dice::Dice;
use tempfile::TempDir;

/// 2026-03-02T12:00:00Z.
const NOON_MS: i64 = 1_772_452_800_000;
const HOUR_MS: i64 = 3_600_000;

pub struct Device {
    pub name: String,
    /// Open, but for the moments in which its folder is exchanged.
    vault: Option<Vault>,
    dir: TempDir,
    backups: Vec<(TempDir, u64)>,
    pub token: u64,
    hour: i64,
}

impl Device {
    /// A fresh vault that has joined the account.
    pub fn new(name: &str, account: VaultId) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut vault = Vault::init(dir.path(), name).unwrap();
        let login = Login {
            url: "http://127.0.0.1:1".into(),
            user: "u".into(),
            ca: None,
            active: true,
        };
        let device = vault.device_id();
        vault
            .join(&Joining {
                vault: account,
                device,
                login,
            })
            .unwrap();
        let mut device = Self {
            name: name.into(),
            vault: Some(vault),
            dir,
            backups: Vec::new(),
            token: 0,
            hour: 0,
        };
        device.set_clock();
        device
    }

    pub fn vault(&mut self) -> &mut Vault {
        self.vault.as_mut().unwrap()
    }

    fn set_clock(&mut self) {
        let at = UnixMs(NOON_MS + self.hour * HOUR_MS);
        let offset = OffsetMin(0);
        self.vault().set_clock(Clock::Still(Moment { at, offset }));
    }

    /// Something a person does; what does not apply does nothing.
    pub fn edit(&mut self, dice: &mut Dice) {
        self.hour = (self.hour + dice.roll(40) as i64 - 10).max(0);
        self.set_clock();
        let text = format!("text {}", dice.roll(u64::MAX));
        let long = if dice.chance(100) { 5_000 } else { 0 };
        let padding: String = dice
            .bytes(long)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let (deck, card) = (self.deck(dice), self.card(dice));
        let vault = self.vault();
        match (dice.roll(10), card, deck) {
            (0..4, Some(card), _) => {
                let grades = [Grade::Again, Grade::Good];
                vault.review(card, Answer::now(grades[dice.place(2)])).ok();
            }
            (4..6, Some(card), _) => {
                let edit = CardEdit {
                    front: SideEdit::text(text + &padding),
                    ..CardEdit::default()
                };
                vault.card_edit(card, &edit).ok();
            }
            (6, Some(card), _) => drop(vault.card_remove(card)),
            (_, _, Some(deck)) => {
                let card = NewCard {
                    deck,
                    front: vec![NewItem::Text(text + &padding)],
                    back: vec![NewItem::Text("back".into())],
                    tags: vec!["tag".into()],
                };
                vault.add_card(&card).unwrap();
            }
            _ => drop(vault.deck_add(&text).unwrap()),
        }
    }

    fn deck(&mut self, dice: &mut Dice) -> Option<DeckId> {
        let decks = self.vault().decks().unwrap();
        (!decks.is_empty()).then(|| decks[dice.place(decks.len())].id)
    }

    fn card(&mut self, dice: &mut Dice) -> Option<CardId> {
        let (mut cards, all) = (Vec::new(), Query::parse("").unwrap());
        let mut note = |card: CardShown| {
            cards.push(card.id);
            true
        };
        self.vault().cards(&all, &mut note).unwrap();
        (!cards.is_empty()).then(|| cards[dice.place(cards.len())])
    }

    /// Every document's heads, the journal's reviews in a change of their own.
    pub fn heads(&mut self) -> Vec<(DocId, ChangeHash)> {
        let vault = self.vault();
        vault.fold_journal().unwrap();
        let page = vault.sync_read_inventory(None, 100_000).unwrap();
        let heads = page.items.into_iter();
        heads
            .flat_map(|item| item.heads.into_iter().map(move |head| (item.doc, head)))
            .collect()
    }

    pub fn digest(&mut self) -> String {
        self.vault().state_digest().unwrap()
    }

    pub fn is_drained(&mut self) -> bool {
        self.vault().status().unwrap().pending_changes == 0
    }

    /// The process ends without a word, and another opens the vault.
    pub fn reopen(&mut self) {
        self.vault = None;
        self.vault = Some(Vault::open(self.dir.path(), "test", Hold::Short).unwrap());
        self.set_clock();
    }

    pub fn back_up(&mut self) {
        self.vault = None;
        let backup = tempfile::tempdir().unwrap();
        copy(self.dir.path(), backup.path());
        self.backups.push((backup, self.token));
        self.reopen();
    }

    pub fn restore(&mut self) {
        let Some((backup, token)) = self.backups.last() else {
            return;
        };
        self.vault = None;
        self.token = *token;
        std::fs::remove_dir_all(self.dir.path()).unwrap();
        copy(backup.path(), self.dir.path());
        self.reopen();
    }

    /// The folder copied, and used beside the original.
    pub fn copied(&mut self, number: usize) -> Self {
        self.vault = None;
        let dir = tempfile::tempdir().unwrap();
        copy(self.dir.path(), dir.path());
        self.reopen();
        let mut copied = Self {
            name: format!("device {number}, a copy of {}", self.name),
            vault: Some(Vault::open(dir.path(), "test", Hold::Short).unwrap()),
            dir,
            backups: Vec::new(),
            token: self.token,
            hour: self.hour,
        };
        copied.set_clock();
        copied
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (kind, target) = (entry.file_type().unwrap(), to.join(entry.file_name()));
        if kind.is_dir() {
            copy(&entry.path(), &target);
        } else if kind.is_file() {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
