//! A device's vault with the documents to try changes on, and what must hold of it whatever arrives.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use automerge::transaction::Transactable;
use automerge::{Automerge, ROOT};
use domain::document::{self, DocKind};
use domain::intake::{GatedChange, GraphError, Verdict, gate};
use domain::{ChangeHash, DeckId, DocId};
use storage::{LockKind, Received, StoreError, StoreOptions, VaultStore, Writer};
use tempfile::TempDir;

use crate::bases::{Base, document_id};
use crate::case::Case;
use crate::ledger::Ledger;
use crate::tally::{Fate, Tally};
use crate::whole;

/// One arrival in so many is tried as part of a whole document too, where the document is large.
const LARGE_WHOLE_ONCE_IN: u64 = 8;

/// A vault in a temporary folder that holds some documents.
#[derive(Debug)]
pub struct Field {
    folder: TempDir,
    store: VaultStore,
    bases: Vec<Base>,
    ledgers: Vec<Ledger>,
}

impl Field {
    /// Makes the vault.
    pub fn new(bases: Vec<Base>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let store = VaultStore::create(&folder.path().join("vault"), &options(&folder))
            .expect("a vault can be made");
        store.finish().expect("a vault can be finished");
        let mut field = Self {
            folder,
            store,
            bases,
            ledgers: Vec::new(),
        };
        for (number, base) in field.bases.iter().enumerate() {
            let mut ledger = Ledger::default();
            for raw in &base.changes {
                ledger.add(&gate(raw).expect("honest changes pass the gate"));
            }
            field.ledgers.push(ledger);
            let mut writer = field.store.begin();
            let received = writer.receive(document_id(number), base.changes.clone());
            let applied = received.map(|received| received.applied.len());
            assert_eq!(
                applied.ok(),
                Some(base.changes.len()),
                "{} arrives",
                base.name
            );
            writer.commit().expect("honest documents can be stored");
        }
        field
    }

    /// The documents.
    pub fn bases(&self) -> &[Base] {
        &self.bases
    }

    /// The graph of the document a case is tried on.
    pub fn ledger(&self, base: u8) -> &Ledger {
        self.ledgers
            .get(usize::from(base) % self.ledgers.len())
            .expect("there are documents")
    }

    /// Begins with a document as it was made.
    pub fn round<'a>(&'a mut self, number: usize, tally: &'a mut Tally) -> Round<'a> {
        let number = number % self.bases.len();
        let (base, ledger) = (self.bases.get(number), self.ledgers.get(number));
        let (base, ledger) = base.zip(ledger).expect("there are documents");
        Round {
            writer: self.store.begin(),
            base,
            doc: document_id(number),
            ledger: ledger.clone(),
            waiting: BTreeMap::new(),
            accepted: Vec::new(),
            arrivals: 0,
            set_aside: 0,
            tally,
        }
    }

    /// Tries a case on a document as it was made, each change alone.
    ///
    /// # Errors
    /// What does not hold.
    pub fn run(&mut self, case: &Case, tally: &mut Tally) -> Result<(), String> {
        let mut round = self.round(usize::from(case.base), tally);
        for change in &case.changes {
            round.give(vec![change.clone()])?;
        }
        round.finish().map(drop)
    }

    /// Closes the vault and looks at it as a later run of the program would, after a round that was kept.
    ///
    /// # Errors
    /// What does not hold.
    pub fn reopen(mut self, kept: &Kept) -> Result<(), String> {
        drop(self.store);
        let dir = self.folder.path().join("vault");
        self.store = VaultStore::open(&dir, &options(&self.folder)).map_err(words)?;
        let report = self.store.verify().map_err(words)?;
        expect(
            report.damaged.is_empty() && report.healed.is_empty(),
            || format!("after reopening: {report:?}"),
        )?;
        expect(report.set_aside.is_empty() == (kept.set_aside == 0), || {
            format!(
                "{} were set aside, verify names {}",
                kept.set_aside,
                report.set_aside.len()
            )
        })?;
        let heads = self.store.heads(kept.doc).map_err(words)?;
        expect(heads == kept.heads, || {
            format!("reopened with heads {heads:?}, not {:?}", kept.heads)
        })?;
        let mut writer = self.store.begin();
        honest_edit(&mut writer, kept.doc)?;
        writer.commit().map_err(words)
    }
}

/// What a round that was kept has left in the vault.
#[derive(Debug)]
pub struct Kept {
    doc: DocId,
    heads: Vec<ChangeHash>,
    set_aside: u64,
}

/// Changes arriving for one document, one batch after the other.
#[derive(Debug)]
pub struct Round<'a> {
    writer: Writer<'a>,
    base: &'a Base,
    doc: DocId,
    /// What the document consists of, as a server would know it.
    ledger: Ledger,
    waiting: BTreeMap<ChangeHash, GatedChange>,
    accepted: Vec<Vec<u8>>,
    arrivals: u64,
    set_aside: u64,
    tally: &'a mut Tally,
}

impl Round<'_> {
    /// The graph of the document so far.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// What was accepted so far.
    pub fn accepted(&self) -> &[Vec<u8>] {
        &self.accepted
    }

    /// Hands over changes as one arrival.
    ///
    /// # Errors
    /// What does not hold.
    pub fn give(&mut self, batch: Vec<Vec<u8>>) -> Result<(), String> {
        let gated: Vec<GatedChange> = batch.iter().filter_map(|raw| gate(raw).ok()).collect();
        let alone = match gated.as_slice() {
            [one] if batch.len() == 1 => Some(self.ledger.judge(one)),
            _ => None,
        };
        let whole = self.whole_with(&batch);
        let begun = Instant::now();
        let received = self
            .writer
            .receive(self.doc, batch.clone())
            .map_err(words)?;
        self.tally.took(begun.elapsed(), self.base.name, &batch);
        let fates = self.fates(&batch, &gated, &received)?;
        if let (Some(verdict), [fate]) = (alone, fates.as_slice()) {
            expect(agree(&verdict, *fate), || {
                format!("a server says {verdict:?}, the device {fate:?}")
            })?;
        }
        if let Some(read) = whole {
            self.compare(&read, &fates, &received)?;
        }
        fates.into_iter().for_each(|fate| self.tally.count(fate));
        self.take(gated, &received)
    }

    /// Whether a device that knows nothing of the document takes it with this batch without Automerge.
    pub fn takes_whole(&self, batch: &[Vec<u8>]) -> bool {
        let held = self.base.changes.iter().chain(&self.accepted);
        whole::judge(held.chain(batch).cloned().collect()).is_some()
    }

    /// What a device that knows nothing of the document reads when it and this batch come at once, if that goes the short way.
    fn whole_with(&mut self, batch: &[Vec<u8>]) -> Option<whole::View> {
        self.arrivals += 1;
        if self.base.is_large && !self.arrivals.is_multiple_of(LARGE_WHOLE_ONCE_IN) {
            return None;
        }
        let held = self.base.changes.iter().chain(&self.accepted);
        whole::judge(held.chain(batch).cloned().collect()).map(|arrival| arrival.read)
    }

    /// The short way took the batch: so did the intake, and Automerge shows what was read.
    fn compare(
        &mut self,
        read: &whole::View,
        fates: &[Fate],
        received: &Received,
    ) -> Result<(), String> {
        self.tally.whole += fates.len() as u64;
        let took = |fate: &Fate| matches!(fate, Fate::Accepted | Fate::Known);
        expect(fates.iter().all(took), || {
            format!("taken with the whole document, but alone {fates:?}")
        })?;
        // What had waited for the batch is in the document now, and was not in the arrival.
        if received.applied.len() > fates.len() {
            return Ok(());
        }
        let shown = whole::view(self.writer.document(self.doc).map_err(words)?);
        expect(shown == *read, || {
            format!("as a whole it is read as {read:?}, Automerge shows {shown:?}")
        })
    }

    /// Where each input of the batch ended.
    fn fates(
        &mut self,
        batch: &[Vec<u8>],
        gated: &[GatedChange],
        received: &Received,
    ) -> Result<Vec<Fate>, String> {
        let mut fates = Vec::new();
        let mut reasons: BTreeMap<[u8; 32], &str> = BTreeMap::new();
        for aside in &received.set_aside {
            reasons.insert(aside.bytes_hash, &aside.reason);
        }
        self.set_aside += received.set_aside.len() as u64;
        for raw in batch {
            let name = *blake3::hash(raw).as_bytes();
            let change = gated.iter().find(|change| change.raw() == raw);
            let fate = match (change, reasons.get(&name)) {
                (None, Some(_)) => Fate::Gate,
                (None, None) => return Err("what the gate refuses was not set aside".to_owned()),
                (Some(_), Some(reason)) => Fate::of_reason(reason)
                    .ok_or_else(|| format!("set aside for a reason not counted here: {reason}"))?,
                (Some(change), None) if received.applied.contains(&change.hash()) => Fate::Accepted,
                (Some(change), None) if self.ledger.get(&change.hash()).is_some() => Fate::Known,
                (Some(_), None) => Fate::Waiting,
            };
            fates.push(fate);
        }
        Ok(fates)
    }

    /// Follows the device in what it took.
    fn take(&mut self, gated: Vec<GatedChange>, received: &Received) -> Result<(), String> {
        for change in gated {
            self.waiting.insert(change.hash(), change);
        }
        for hash in &received.applied {
            let change = self
                .waiting
                .remove(hash)
                .ok_or("a change was taken that never came")?;
            let verdict = self.ledger.judge(&change);
            expect(verdict == Ok(Verdict::Fresh), || {
                format!("the device took a change of which a server says {verdict:?}")
            })?;
            self.ledger.add(&change);
            self.accepted.push(change.kept().to_vec());
        }
        let held = self.ledger.heads();
        expect(sorted(&received.after) == held, || {
            format!("heads {:?}, by the changes taken {held:?}", received.after)
        })
    }

    /// Looks at the document and leaves the vault as it was.
    ///
    /// # Errors
    /// What does not hold.
    pub fn finish(mut self) -> Result<(), String> {
        self.check()
    }

    /// Looks at the document and stores it.
    ///
    /// # Errors
    /// What does not hold.
    pub fn keep(mut self) -> Result<Kept, String> {
        self.check()?;
        let heads = heads_of(self.writer.document(self.doc).map_err(words)?);
        self.writer.commit().map_err(words)?;
        self.tally.vaults += 1;
        Ok(Kept {
            doc: self.doc,
            heads,
            set_aside: self.set_aside,
        })
    }

    /// The document can be saved and loaded, made again from its changes, read, and edited by an honest device.
    fn check(&mut self) -> Result<(), String> {
        let held = self.ledger.heads();
        let doc = self.writer.document(self.doc).map_err(words)?;
        let saved = doc.save();
        let again =
            Automerge::load(&saved).map_err(|e| format!("saved, it cannot be loaded: {e}"))?;
        expect(sorted(&heads_of(&again)) == held, || {
            "loaded, it has other heads".to_owned()
        })?;
        read_all(&again);
        self.arrive_at_once()?;
        self.arrive_whole()?;
        honest_edit(&mut self.writer, self.doc)?;
        self.tally.documents += 1;
        Ok(())
    }

    /// Another device, to which everything comes in one arrival, holds the same document then.
    fn arrive_at_once(&mut self) -> Result<(), String> {
        let all = self.base.changes.iter().chain(&self.accepted);
        let received = self
            .writer
            .receive(again_id(), all.cloned().collect())
            .map_err(words)?;
        expect(
            received.set_aside.is_empty() && received.waiting == 0,
            || {
                format!(
                    "arriving at once, {} are refused: {:?}",
                    received.set_aside.len(),
                    received.set_aside.first()
                )
            },
        )?;
        let held = self.ledger.heads();
        expect(sorted(&received.after) == held, || {
            "arriving at once, it has other heads".to_owned()
        })
    }

    /// Another device takes all of it without Automerge, where that is possible.
    fn arrive_whole(&mut self) -> Result<(), String> {
        let all = self.base.changes.iter().chain(&self.accepted);
        match whole::judge(all.cloned().collect()) {
            Some(arrival) => whole::admit(&mut self.writer, arrival, &self.ledger.heads()),
            None => Ok(()),
        }
    }
}

/// Where a document lies that is made again from its changes.
fn again_id() -> DocId {
    DocId::from_bytes([0xa9; 16])
}

/// Whether the server's view of a change and the device's are the same as far as both look at the same things.
fn agree<E>(verdict: &Result<Verdict, GraphError<E>>, fate: Fate) -> bool {
    match verdict {
        Ok(Verdict::Known) => fate == Fate::Known,
        Ok(Verdict::Fresh) => matches!(
            fate,
            Fate::Accepted | Fate::Trial | Fate::Panic | Fate::Schema | Fate::DocumentFull
        ),
        Err(GraphError::MissingDep(_)) => matches!(fate, Fate::Waiting | Fate::TooManyWait),
        Err(_) => fate == Fate::Graph,
    }
}

fn read_all(doc: &Automerge) {
    let id = document_id(0);
    match document::kind(doc) {
        Some(DocKind::Settings) => drop(document::settings::read(doc)),
        Some(DocKind::Deck) => drop(document::deck::read(doc, DeckId::from(id))),
        Some(DocKind::Cards) => drop(document::cards::read(doc)),
        Some(DocKind::Events) => drop(document::events::read(doc)),
        None => {}
    }
}

/// This device writes into the document; what it writes passes its own gate, or the edit fails.
fn honest_edit(writer: &mut Writer<'_>, doc: DocId) -> Result<(), String> {
    let edited = writer.edit(doc, 1_800_000_000, |tx| {
        let failed = StoreError::edit(doc);
        tx.put(ROOT, "edited after all", 1).map_err(failed)
    });
    match edited {
        // Honest devices go on in a new page then.
        Err(StoreError::DocumentFull { .. }) => Ok(()),
        other => other.map_err(|e| format!("it can no longer be edited: {e}")),
    }
}

fn options(folder: &TempDir) -> StoreOptions {
    StoreOptions {
        who: "fuzzing".to_owned(),
        kind: LockKind::Short,
        wait: Duration::ZERO,
        schema: |after, changes| {
            domain::intake::check_schema(after, changes).map_err(|e| e.to_string())
        },
        runtime_dir: Some(folder.path().join("runtime")),
    }
}

fn heads_of(doc: &Automerge) -> Vec<ChangeHash> {
    let heads = doc.get_heads();
    heads
        .iter()
        .map(|head| ChangeHash::from_bytes(head.0))
        .collect()
}

fn sorted(heads: &[ChangeHash]) -> Vec<ChangeHash> {
    let mut heads = heads.to_vec();
    heads.sort();
    heads
}

pub(crate) fn expect(holds: bool, else_say: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(else_say()) }
}

pub(crate) fn words(error: impl std::error::Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        words.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    words
}
