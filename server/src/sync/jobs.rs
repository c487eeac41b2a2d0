//! Disk work of a session: each output that asks for something becomes a job, each job an answer for the machine.

use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::sync::Arc;

use domain::BlobHash;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use sync_protocol::server::{
    Admitted, Appended, BlobRead, BlobWritten, Compared, Found, LogPage, LogRow, WriteBlob,
};
use sync_protocol::{DocChange, Quota};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::service::{DiskError, Lane, Service, Work};
use crate::store::admission::Turn;
use crate::store::blobs::Offered;
use crate::store::{Store, StoreError};

/// An answer for the machine.
#[derive(Debug)]
pub(super) enum Done {
    /// And what the device is to be recorded as with its first batch.
    Admitted(Admitted, Option<Turn>),
    Log(LogPage),
    Pack(Option<Vec<u8>>),
    Appended(Appended),
    /// A batch whose append failed, with the number of its items.
    AppendFailed(u64, u32, DiskError),
    Compared(Compared),
    Entries(Vec<LogRow>),
    Offered(Offered),
    /// Bytes of a blob's last piece are with the system; the piece is answered when they are flushed.
    Taken(BlobHash, usize),
    /// Pieces of one blob, in order, with what was not told of their lengths; and the account's figures if it is whole now.
    Written(BlobHash, Vec<(usize, BlobWritten)>, Option<Quota>),
    Found(Vec<Found>),
    Read(BlobHash, u64, BlobRead),
    Quota(Quota),
    /// No receiver any more for these.
    Freed(Vec<BlobHash>),
    /// A suspect blob was verified, and is gone if it was damaged.
    Verified(BlobHash),
    Failed(DiskError),
}

type Job = Pin<Box<dyn Future<Output = Done> + Send>>;

/// The jobs of one session: most run side by side, appends one after the other, and so do the pieces of one blob.
pub(super) struct Jobs {
    service: Arc<Service>,
    running: FuturesUnordered<Job>,
    appends: VecDeque<(u64, Vec<DocChange>)>,
    is_appending: bool,
    /// Recorded with the next batch.
    turn: Option<Turn>,
    /// Pieces that wait for the one before them; an entry while a job of its blob runs.
    pieces: BTreeMap<BlobHash, Vec<WriteBlob>>,
    /// Bounded by the session's credit.
    taken: UnboundedReceiver<(BlobHash, usize)>,
    taken_to: UnboundedSender<(BlobHash, usize)>,
}

impl Jobs {
    pub(super) fn new(service: Arc<Service>) -> Self {
        let (taken_to, taken) = unbounded_channel();
        Self {
            service,
            taken,
            taken_to,
            running: FuturesUnordered::new(),
            appends: VecDeque::new(),
            is_appending: false,
            turn: None,
            pieces: BTreeMap::new(),
        }
    }

    /// Jobs under way or waiting.
    pub(super) fn len(&self) -> usize {
        self.running.len() + self.appends.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        // What was told may be found after the answer of its job.
        self.running.is_empty() && self.taken.is_empty()
    }

    /// The next answer. Nothing is lost when the wait is dropped.
    pub(super) async fn next(&mut self) -> Option<Done> {
        tokio::select! {
            // What a job has told comes before its answer.
            biased;
            Some((hash, bytes)) = self.taken.recv() => Some(Done::Taken(hash, bytes)),
            done = self.running.next() => done,
        }
    }

    /// Runs a job beside the others.
    pub(super) fn start<T, F, D>(&mut self, work: Work, job: F, done: D)
    where
        T: Send + 'static,
        F: FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
        D: FnOnce(T) -> Done + Send + 'static,
    {
        let service = Arc::clone(&self.service);
        self.running.push(Box::pin(async move {
            match service.disk(work, job).await {
                Ok(value) => done(value),
                Err(error) => Done::Failed(error),
            }
        }));
    }

    /// Queues a batch behind those before it.
    pub(super) fn append(
        &mut self,
        account: crate::store::AccountId,
        batch: u64,
        items: Vec<DocChange>,
    ) {
        self.appends.push_back((batch, items));
        self.next_append(account);
    }

    /// Starts the next batch, when none is under way.
    pub(super) fn next_append(&mut self, account: crate::store::AccountId) {
        if self.is_appending {
            return;
        }
        let Some((batch, items)) = self.appends.pop_front() else {
            return;
        };
        self.is_appending = true;
        let service = Arc::clone(&self.service);
        let turn = self.turn;
        let work = Lane::Documents.of(account);
        let count = u32::try_from(items.len()).unwrap_or(u32::MAX);
        self.running.push(Box::pin(async move {
            let append = move |store: &Store| store.append(account, batch, &items, turn);
            match service.disk(work, append).await {
                Ok(appended) => Done::Appended(appended),
                Err(error) => Done::AppendFailed(batch, count, error),
            }
        }));
    }

    /// Notes that the batch under way is on the disk.
    pub(super) fn appended(&mut self) {
        self.is_appending = false;
        self.turn = None;
    }

    /// Notes that the batch under way is not on the disk and will not be.
    pub(super) fn not_appended(&mut self) {
        self.is_appending = false;
    }

    /// The device takes this incarnation with the first batch that gets to the disk.
    pub(super) fn turn_with_next_append(&mut self, turn: Option<Turn>) {
        self.turn = turn;
    }

    /// Queues a piece behind those of its blob.
    pub(super) fn write(&mut self, seat: Place, piece: WriteBlob) {
        let hash = piece.hash;
        match self.pieces.get_mut(&hash) {
            Some(waiting) => waiting.push(piece),
            None => {
                self.pieces.insert(hash, Vec::new());
                self.write_now(seat, vec![piece]);
            }
        }
    }

    /// Goes on with the pieces of a blob that came while its job ran.
    pub(super) fn written(&mut self, seat: Place, hash: BlobHash) {
        match self.pieces.get_mut(&hash).map(std::mem::take) {
            Some(waiting) if !waiting.is_empty() => self.write_now(seat, waiting),
            _ => drop(self.pieces.remove(&hash)),
        }
    }

    fn write_now(&mut self, seat: Place, pieces: Vec<WriteBlob>) {
        let Some(hash) = pieces.first().map(|piece| piece.hash) else {
            return;
        };
        let taken_to = self.taken_to.clone();
        let write = move |store: &Store| {
            let now_ms = crate::clock::wall_ms();
            let written = pieces
                .iter()
                .map(|piece| {
                    let mut untold = piece.bytes.len();
                    let taken = || {
                        // A session that is over needs no credit for its device.
                        taken_to.send((hash, std::mem::take(&mut untold))).ok();
                    };
                    let written =
                        store.write_blob(seat.account, seat.session, piece, now_ms, taken)?;
                    Ok((untold, written))
                })
                .collect::<Result<Vec<_>, StoreError>>()?;
            let is_whole = written
                .iter()
                .any(|(_, written)| *written == BlobWritten::Stored);
            let quota = is_whole.then(|| store.quota(seat.account)).transpose()?;
            Ok((written, quota))
        };
        self.start(
            Lane::Blobs.of(seat.account),
            write,
            move |(written, quota)| Done::Written(hash, written, quota),
        );
    }
}

/// Whose work it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) account: crate::store::AccountId,
    pub(super) session: crate::hub::SessionId,
}
