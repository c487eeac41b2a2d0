//! A server's disk and hub in memory for one account, and the shell that does what its sessions ask.

use std::collections::{BTreeMap, BTreeSet};

use domain::{BlobHash, ChangeHash, DeviceId, DocId, IncarnationId, VaultId};
use sync_protocol::server::{
    Admitted, AppendRefusal, Appended, BlobRead, BlobWritten, Compared, Found, LogBody, LogPage,
    LogRow, OfferAnswer, OfferDecision, Output, PackRef,
};
use sync_protocol::{
    Chain, Closing, Cursor, DocChange, DocHeads, Frame, Hello, LogEpoch, NewIdentity, OfferItem,
    PackHash, Quota, Reason, ServerSession, Standing, judge,
};

use super::change::{Change, Document, change_hash, pack};
use super::device::write_blob;

pub type ConnId = u64;
pub type Answer = Box<dyn FnOnce(&mut ServerSession, u64)>;

/// What the others must hear although the session that did it may be gone when the disk is done.
#[derive(Debug, Clone, Copy)]
pub enum News {
    Head(u64),
    Blob(BlobHash),
}

pub enum Effect {
    Send(Frame),
    Answer(Answer),
    Done(Answer, News),
    /// To another session of the account, at once.
    Hub(ConnId, Answer),
    Closed(Closing),
}

#[derive(Debug, Clone)]
pub struct Entry {
    pub doc: DocId,
    pub hash: ChangeHash,
    pub chain: Chain,
    pub pack: Option<PackRef>,
}

#[derive(Debug, Clone)]
pub struct Server {
    pub vault: VaultId,
    pub epoch: LogEpoch,
    pub log: Vec<Entry>,
    pub docs: BTreeMap<DocId, Document>,
    pub packs: BTreeMap<PackHash, Vec<u8>>,
    pub incarnations: BTreeMap<DeviceId, IncarnationId>,
    /// Recorded with the first batch of the connection.
    pub turns: BTreeMap<ConnId, (DeviceId, IncarnationId)>,
    pub identities_made: u8,
    pub blobs: BTreeMap<BlobHash, Vec<u8>>,
    pub parts: BTreeMap<BlobHash, Vec<u8>>,
    pub quota_bytes: u64,
    pub document_quota_bytes: u64,
    pub reserved: BTreeMap<BlobHash, (ConnId, u64)>,
    pub waiting: BTreeMap<BlobHash, BTreeMap<ConnId, u64>>,
    pub pairs: BTreeMap<BlobHash, (ConnId, ConnId)>,
    pub sessions: BTreeSet<ConnId>,
    pub relayed_bytes: u64,
}

impl Server {
    pub fn new(epoch: u8) -> Server {
        Server {
            vault: VaultId::from_bytes([0xaa; 16]),
            epoch: LogEpoch::from_bytes([epoch; 16]),
            log: Vec::new(),
            docs: BTreeMap::new(),
            packs: BTreeMap::new(),
            incarnations: BTreeMap::new(),
            turns: BTreeMap::new(),
            identities_made: 0,
            blobs: BTreeMap::new(),
            parts: BTreeMap::new(),
            quota_bytes: 1 << 30,
            document_quota_bytes: 1 << 28,
            reserved: BTreeMap::new(),
            waiting: BTreeMap::new(),
            pairs: BTreeMap::new(),
            sessions: BTreeSet::new(),
            relayed_bytes: 0,
        }
    }

    pub fn quota(&self) -> Quota {
        let used: u64 = self.blobs.values().map(|bytes| bytes.len() as u64).sum();
        let reserved: u64 = self.reserved.values().map(|(_, bytes)| bytes).sum();
        assert!(
            used + reserved <= self.quota_bytes || reserved == 0,
            "reserved beyond the quota"
        );
        Quota {
            used: used + reserved,
            limit: self.quota_bytes,
        }
    }

    fn chain_at(&self, seq: u64) -> Option<Chain> {
        match seq {
            0 => Some(Chain::START),
            seq => self.log.get(seq as usize - 1).map(|entry| entry.chain),
        }
    }

    pub fn head(&self) -> Cursor {
        self.place(self.log.len() as u64)
    }

    fn place(&self, seq: u64) -> Cursor {
        Cursor {
            epoch: self.epoch,
            seq,
            chain: self.chain_at(seq).unwrap(),
        }
    }

    /// Every inline entry goes into a pack of its document; packs of before stay as they are.
    pub fn seal(&mut self) {
        let mut open: BTreeMap<DocId, Vec<usize>> = BTreeMap::new();
        for (index, entry) in self.log.iter().enumerate() {
            if entry.pack.is_none() {
                open.entry(entry.doc).or_default().push(index);
            }
        }
        for (doc, indexes) in open {
            let changes: Vec<Vec<u8>> = indexes
                .iter()
                .map(|index| self.docs[&doc].changes[&self.log[*index].hash].clone())
                .collect();
            let bytes = pack(&changes);
            let hash = PackHash::from_bytes(*blake3::hash(&bytes).as_bytes());
            let reference = PackRef {
                doc,
                pack: hash,
                bytes: bytes.len() as u64,
            };
            self.packs.insert(hash, bytes);
            indexes
                .iter()
                .for_each(|index| self.log[*index].pack = Some(reference));
        }
    }

    /// All packs become one per document, as compaction does; the old ones are gone.
    pub fn compact(&mut self) {
        self.log.iter_mut().for_each(|entry| entry.pack = None);
        self.packs.clear();
        self.seal();
    }

    fn row(&self, seq: u64) -> LogRow {
        let entry = &self.log[seq as usize - 1];
        let body = match entry.pack {
            Some(pack) => LogBody::Packed(pack),
            None => LogBody::Inline(DocChange {
                doc: entry.doc,
                change: self.docs[&entry.doc].changes[&entry.hash].clone(),
            }),
        };
        LogRow { seq, body }
    }

    fn rows(&self, seqs: impl Iterator<Item = u64>, bytes_max: usize) -> Vec<LogRow> {
        let mut bytes = 0;
        let mut rows = Vec::new();
        for seq in seqs {
            let row = self.row(seq);
            if let LogBody::Inline(item) = &row.body {
                bytes += item.change.len();
            }
            if !rows.is_empty() && bytes > bytes_max {
                break;
            }
            rows.push(row);
        }
        rows
    }

    pub fn execute(&mut self, conn: ConnId, output: Output) -> Vec<Effect> {
        match output {
            Output::Transmit(frame) => vec![Effect::Send(frame)],
            Output::Close(closing) => vec![Effect::Closed(closing)],
            Output::Admit(hello) => self.admit(conn, &hello),
            Output::AnnounceHead(seq) => {
                self.others(conn, move |session, now| session.handle_head(seq, now))
            }
            Output::AbandonBlobs(hashes) => self.abandon(conn, hashes),
            Output::AnnounceBlobs(hashes) => {
                let quota = self.quota();
                let mut effects = self.others(conn, move |session, now| {
                    session.handle_blob_available(&hashes, now)
                });
                effects.push(Effect::Answer(Box::new(move |session, now| {
                    session.handle_quota(quota, now)
                })));
                effects
            }
            Output::BlobSuspect(hash) => panic!("{hash} is suspect"),
            Output::AskOthers(waiting) => self.ask_others(conn, &waiting),
            Output::StopAsking(hashes) => self.stop_asking(conn, &hashes),
            Output::RelayChunk(chunk) => {
                self.relayed_bytes += chunk.bytes.len() as u64;
                match self.pairs.get(&chunk.hash) {
                    Some((source, target)) if *source == conn => {
                        vec![Effect::Hub(
                            *target,
                            Box::new(move |session, now| session.handle_relay_chunk(chunk, now)),
                        )]
                    }
                    _ => vec![Effect::Answer(Box::new(move |session, now| {
                        session.handle_relay_ended(chunk.hash, now)
                    }))],
                }
            }
            Output::RelayCredit { hash, bytes } => match self.pairs.get(&hash) {
                Some((source, target)) if *target == conn => {
                    vec![Effect::Hub(
                        *source,
                        Box::new(move |session, now| session.handle_relay_credit(hash, bytes, now)),
                    )]
                }
                _ => vec![],
            },
            Output::RelayEnded(hash) => self.relay_ended(conn, hash),
            reading => {
                let stored = self.blobs.len();
                let write = match &reading {
                    Output::WriteBlob(write) => Some(write.hash),
                    _ => None,
                };
                let append = matches!(reading, Output::Append { .. });
                let answer = self.answer(conn, reading);
                vec![match write {
                    Some(hash) if self.blobs.len() > stored => {
                        Effect::Done(answer, News::Blob(hash))
                    }
                    None if append => Effect::Done(answer, News::Head(self.log.len() as u64)),
                    _ => Effect::Answer(answer),
                }]
            }
        }
    }

    fn answer(&mut self, conn: ConnId, output: Output) -> Answer {
        match output {
            Output::ReadLog {
                after,
                bytes_max,
                rows_max,
            } => {
                let head_seq = self.log.len() as u64;
                let rows = self.rows((after + 1..=head_seq).take(rows_max), bytes_max);
                let cursor = self.place(rows.last().map_or(after, |row| row.seq));
                Box::new(move |session, now| {
                    session.handle_log(
                        LogPage {
                            rows,
                            cursor,
                            head_seq,
                        },
                        now,
                    )
                })
            }
            Output::ReadPack { pack, offset, len } => {
                let bytes = self
                    .packs
                    .get(&pack.pack)
                    .map(|bytes| bytes[offset as usize..offset as usize + len].to_vec());
                Box::new(move |session, now| session.handle_pack(bytes, now))
            }
            Output::ReadEntries { seqs, bytes_max } => {
                let rows = self.rows(seqs.into_iter(), bytes_max);
                Box::new(move |session, now| session.handle_entries(rows, now))
            }
            Output::Append { batch, items } => {
                let appended = self.append(batch, items);
                if let Some((device, incarnation)) = self.turns.remove(&conn) {
                    self.incarnations.insert(device, incarnation);
                }
                Box::new(move |session, now| session.handle_appended(appended, now))
            }
            Output::Compare {
                after,
                through,
                items,
            } => {
                let compared = self.compare(after, through, &items);
                Box::new(move |session, now| session.handle_compared(compared, now))
            }
            Output::OfferBlobs(items) => {
                let answers = items
                    .iter()
                    .map(|item| OfferAnswer {
                        hash: item.hash,
                        decision: self.decide(conn, item),
                    })
                    .collect();
                Box::new(move |session, now| session.handle_offered(answers, now))
            }
            Output::WriteBlob(write) => {
                let (hash, len) = (write.hash, write.bytes.len());
                assert_eq!(
                    self.reserved.get(&hash).map(|(owner, _)| *owner),
                    Some(conn),
                    "written without a reservation"
                );
                let written = write_blob(&mut self.parts, &mut self.blobs, write);
                if written != BlobWritten::Piece {
                    self.reserved.remove(&hash);
                }
                Box::new(move |session, now| session.handle_blob_written(hash, len, written, now))
            }
            Output::FindBlobs(hashes) => {
                let found = hashes.iter().map(|hash| Found {
                    hash: *hash,
                    bytes: self.blobs.get(hash).map(|bytes| bytes.len() as u64),
                });
                let found: Vec<Found> = found.collect();
                Box::new(move |session, now| session.handle_found(found, now))
            }
            Output::ReadBlob { hash, offset, len } => {
                let read = self.blobs.get(&hash).map_or(BlobRead::Failed, |bytes| {
                    BlobRead::Bytes(bytes[offset as usize..offset as usize + len].to_vec())
                });
                Box::new(move |session, now| session.handle_blob_read(hash, offset, read, now))
            }
            other => panic!("not a question: {other:?}"),
        }
    }

    fn admit(&mut self, conn: ConnId, hello: &Hello) -> Vec<Effect> {
        let standing = Standing {
            epoch: self.epoch,
            seq: self.log.len() as u64,
            chain_at_cursor: hello.cursor.and_then(|cursor| self.chain_at(cursor.seq)),
            incarnation: self.incarnations.get(&hello.device).copied(),
        };
        let judgement = judge(hello, &standing);
        let mut device = hello.device;
        if judgement.forked {
            self.identities_made += 1;
            device = DeviceId::from_bytes([0x80 + self.identities_made; 16]);
        }
        if judgement.forked || !judgement.cursor_ok {
            self.incarnations.insert(device, judgement.incarnation);
        } else {
            self.turns.insert(conn, (device, judgement.incarnation));
        }
        self.sessions.insert(conn);
        let admitted = Admitted {
            vault: self.vault,
            head: self.head(),
            quota: self.quota(),
            cursor_ok: judgement.cursor_ok,
            new_identity: judgement.forked.then(|| NewIdentity {
                device,
                token: "mv1_new".into(),
            }),
            wall_ms: 1_700_000_000_000,
        };
        let wanted: Vec<BlobHash> = self.waiting.keys().copied().collect();
        let mut effects = vec![Effect::Answer(Box::new(move |session, now| {
            session.handle_admitted(admitted, now);
            session.handle_blob_wanted(&wanted, now);
        }))];
        // Appended between the look-up and the session's start: told again, harmless.
        let head = self.log.len() as u64;
        effects.push(Effect::Answer(Box::new(move |session, now| {
            session.handle_head(head, now)
        })));
        effects
    }

    pub fn append(&mut self, batch: u64, items: Vec<DocChange>) -> Appended {
        let mut first_seq = None;
        let mut refused: BTreeMap<u8, AppendRefusal> = BTreeMap::new();
        let mut missing = BTreeSet::new();
        let mut document_bytes: u64 = self
            .docs
            .values()
            .flat_map(|doc| doc.changes.values())
            .map(|bytes| bytes.len() as u64)
            .sum();
        for (position, item) in items.iter().enumerate() {
            let parsed = Change::parse(&item.change).filter(|change| change.doc == item.doc);
            let document = self.docs.entry(item.doc).or_default();
            let reason = match &parsed {
                None => Some(Reason::Malformed),
                Some(change) if document.lacks_dependency(change) => {
                    Some(Reason::UnknownDependency)
                }
                Some(_)
                    if document_bytes + item.change.len() as u64 > self.document_quota_bytes =>
                {
                    Some(Reason::Quota)
                }
                Some(_) => None,
            };
            if let Some(reason) = reason {
                let quota = Quota {
                    used: document_bytes,
                    limit: self.document_quota_bytes,
                };
                let refusal = AppendRefusal {
                    items: vec![],
                    reason,
                    quota,
                    message: reason.to_string(),
                };
                refused
                    .entry(reason.to_u8())
                    .or_insert(refusal)
                    .items
                    .push(position as u32);
                if reason == Reason::UnknownDependency {
                    missing.insert(item.doc);
                }
            } else if document.add(&item.change) {
                document_bytes += item.change.len() as u64;
                let hash = change_hash(&item.change);
                let chain = self.head().chain.then(&item.doc, &hash);
                self.log.push(Entry {
                    doc: item.doc,
                    hash,
                    chain,
                    pack: None,
                });
                first_seq.get_or_insert(self.log.len() as u64);
            }
        }
        let missing = missing
            .into_iter()
            .map(|doc| DocHeads {
                doc,
                heads: self.docs[&doc].heads(),
            })
            .collect();
        Appended {
            batch,
            first_seq,
            head: self.head(),
            refused: refused.into_values().collect(),
            missing,
        }
    }

    fn compare(
        &self,
        after: Option<DocId>,
        through: Option<DocId>,
        items: &[DocHeads],
    ) -> Compared {
        let mut compared = Compared::default();
        let listed: BTreeMap<DocId, &[ChangeHash]> = items
            .iter()
            .map(|item| (item.doc, &item.heads[..]))
            .collect();
        for (doc, heads) in &listed {
            let document = self.docs.get(doc);
            if heads
                .iter()
                .any(|head| document.is_none_or(|document| !document.changes.contains_key(head)))
            {
                compared.missing.push(DocHeads {
                    doc: *doc,
                    heads: document.map(Document::heads).unwrap_or_default(),
                });
            }
        }
        for (index, entry) in self.log.iter().enumerate() {
            let in_range =
                Some(entry.doc) > after && through.is_none_or(|through| entry.doc <= through);
            let heads = listed.get(&entry.doc).copied().unwrap_or_default();
            if in_range && self.docs[&entry.doc].after(heads).contains(&entry.hash) {
                compared.seqs.push(index as u64 + 1);
            }
        }
        compared
    }

    fn decide(&mut self, conn: ConnId, item: &OfferItem) -> OfferDecision {
        if self.blobs.contains_key(&item.hash) {
            return OfferDecision::Held;
        }
        if self
            .reserved
            .get(&item.hash)
            .is_some_and(|(owner, _)| *owner != conn)
        {
            return OfferDecision::Wait;
        }
        let quota = self.quota();
        if quota.used + item.bytes <= quota.limit {
            self.reserved.insert(item.hash, (conn, item.bytes));
            let offset = self.parts.get(&item.hash).map_or(0, Vec::len) as u64;
            return OfferDecision::Grant { offset };
        }
        let targets = self.waiting.get(&item.hash);
        let target =
            targets.and_then(|targets| targets.iter().find(|(target, _)| **target != conn));
        match target {
            Some((target, offset)) if !self.pairs.contains_key(&item.hash) => {
                self.pairs.insert(item.hash, (conn, *target));
                OfferDecision::Relay { offset: *offset }
            }
            _ => OfferDecision::Refuse {
                reason: Reason::Quota,
                quota,
            },
        }
    }
}
