//! The pool that reads and writes pieces of blobs. A blob belongs to one thread by its hash, so its pieces stay in order;
//! different blobs are flushed side by side and share the disk's journal. How much may be waiting here is bounded by the
//! session's credit.

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::thread::{Builder, JoinHandle};

use domain::BlobHash;
use storage::{BlobError, BlobPart, BlobStore};
use sync_protocol::Reason;
use sync_protocol::device::{BlobRead, BlobWritten, WriteBlob};
use tokio::sync::mpsc::UnboundedSender;

use super::session::Answer;

/// Threads that share the flushes: one after another the disk takes hundreds of files a second, sixteen at once thousands.
const THREADS: usize = 16;

/// What a thread is asked.
pub(super) enum Piece {
    Read {
        hash: BlobHash,
        offset: u64,
        len: usize,
    },
    Write(WriteBlob),
}

/// The threads, started when they are first needed.
pub(super) struct BlobPool {
    store: BlobStore,
    answers: UnboundedSender<Answer>,
    threads: BTreeMap<usize, (mpsc::Sender<Piece>, JoinHandle<()>)>,
}

impl BlobPool {
    pub(super) fn new(store: BlobStore, answers: UnboundedSender<Answer>) -> Self {
        Self {
            store,
            answers,
            threads: BTreeMap::new(),
        }
    }

    /// Gives a piece to the thread of its blob.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn ask(&mut self, piece: Piece) -> std::io::Result<()> {
        let hash = match &piece {
            Piece::Read { hash, .. } => hash,
            Piece::Write(write) => &write.hash,
        };
        let [first, ..] = *hash.as_bytes();
        let place = usize::from(first) % THREADS;
        if !self.threads.contains_key(&place) {
            let (sender, pieces) = mpsc::channel();
            let mut worker = Worker {
                store: self.store.clone(),
                answers: self.answers.clone(),
                parts: BTreeMap::new(),
            };
            let thread = Builder::new()
                .name(format!("blobs-{place}"))
                .spawn(move || worker.serve(&pieces))?;
            self.threads.insert(place, (sender, thread));
        }
        match self.threads.get(&place) {
            Some((sender, _)) if sender.send(piece).is_ok() => Ok(()),
            _ => Err(std::io::Error::other("a blob thread ended unexpectedly")),
        }
    }

    /// Waits for what is under way; its answers are in the channel then.
    pub(super) fn finish(&mut self) {
        for (sender, thread) in std::mem::take(&mut self.threads).into_values() {
            drop(sender);
            // A thread that panicked has told so on stderr; its blobs come again in the next session.
            thread.join().ok();
        }
    }
}

struct Worker {
    store: BlobStore,
    answers: UnboundedSender<Answer>,
    parts: BTreeMap<BlobHash, BlobPart>,
}

impl Worker {
    fn serve(&mut self, pieces: &mpsc::Receiver<Piece>) {
        while let Ok(piece) = pieces.recv() {
            let answer = match piece {
                Piece::Read { hash, offset, len } => Answer::BlobRead {
                    hash,
                    offset,
                    read: self.read(hash, offset, len),
                },
                Piece::Write(write) => {
                    let hash = write.hash;
                    let (bytes, written) = self.write(&write);
                    Answer::BlobWritten {
                        hash,
                        bytes,
                        written,
                    }
                }
            };
            if self.answers.send(answer).is_err() {
                return;
            }
        }
    }

    fn read(&self, hash: BlobHash, offset: u64, len: usize) -> BlobRead {
        match self.store.read_chunk(&hash, offset, len) {
            Ok(bytes) if bytes.len() == len => BlobRead::Bytes(bytes),
            _ => BlobRead::Failed,
        }
    }

    /// What became of a piece, and how much of it the session has not heard of.
    fn write(&mut self, write: &WriteBlob) -> (usize, BlobWritten) {
        let mut untold = write.bytes.len();
        let written = self.append(write, &mut untold).unwrap_or_else(|error| {
            self.parts.remove(&write.hash);
            match error {
                BlobError::Mismatch(_) => BlobWritten::Bad(Reason::WrongHash),
                BlobError::TooLarge { .. } => BlobWritten::Bad(Reason::WrongLength),
                _ => BlobWritten::Failed(Reason::Storage),
            }
        });
        (untold, written)
    }

    fn append(&mut self, write: &WriteBlob, untold: &mut usize) -> Result<BlobWritten, BlobError> {
        let mut part = match self.parts.remove(&write.hash) {
            Some(part) if write.offset != 0 => part,
            _ => self.store.part(&write.hash, write.total)?,
        };
        if write.offset == 0 && part.offset() != 0 {
            part.restart()?;
        }
        if part.offset() != write.offset {
            // Not where the session believes it to be: begin again from what is really there, another time.
            return Ok(BlobWritten::Failed(Reason::Storage));
        }
        part.append(&write.bytes)?;
        if part.is_complete() {
            // The sender need not wait for the flush to go on.
            let (hash, bytes) = (write.hash, std::mem::take(untold));
            self.answers.send(Answer::BlobTaken { hash, bytes }).ok();
            part.finish()?;
            return Ok(BlobWritten::Stored);
        }
        self.parts.insert(write.hash, part);
        Ok(BlobWritten::Piece)
    }
}
