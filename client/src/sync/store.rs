//! The queue to the thread that works on the vault for a sync, and what the vault does for each of the session's outputs. Everything
//! runs in the order it was asked, one thing after another; answers go back to the network thread.

use std::sync::mpsc;

use domain::BlobHash;
use sync_protocol::device::{Config, OutboxItem, Output, Welcomed};
use sync_protocol::limit::OPENING_BYTES_MAX;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::session::Answer;
use super::{SyncError, SyncEvent};
use crate::Vault;
use crate::account::Token;
use crate::shared::SharedVault;

type Job = Box<dyn FnOnce(&mut Vault) + Send>;

enum Asked {
    Work(Job),
    Tell(SyncEvent),
}

/// How a session begins.
pub(super) struct Begin {
    pub(super) config: Config,
    /// The front of the outbox.
    pub(super) outbox: Vec<OutboxItem>,
    /// When the configuration's clock was read.
    pub(super) at: Instant,
}

/// The asking end; clones ask the same thread.
#[derive(Clone)]
pub(super) struct StoreQueue(mpsc::Sender<Asked>);

/// The working end, on the thread that called for the sync.
pub(super) struct Jobs(mpsc::Receiver<Asked>);

impl Jobs {
    /// Works until nobody can ask any more.
    pub(super) fn serve(self, vault: &SharedVault, each: &mut dyn FnMut(SyncEvent)) {
        for asked in self.0 {
            match asked {
                Asked::Work(job) => job(&mut vault.lock_for_sync()),
                Asked::Tell(event) => each(event),
            }
        }
    }
}

impl StoreQueue {
    pub(super) fn new() -> (Self, Jobs) {
        let (sender, receiver) = mpsc::channel();
        (Self(sender), Jobs(receiver))
    }

    /// Tells the caller of the sync what happens.
    pub(super) fn tell(&self, event: SyncEvent) {
        self.push(Asked::Tell(event));
    }

    /// Prepares a session: the stored cursor, and the next incarnation, persisted; and what can be sent at once.
    pub(super) async fn begin(&self, repair: bool) -> Result<Begin, SyncError> {
        let (answer, answered) = oneshot::channel();
        self.push(Asked::Work(Box::new(move |vault| {
            let begin = vault.sync_begin(repair).and_then(|config| {
                let outbox = vault.sync_read_outbox(0, OPENING_BYTES_MAX)?;
                let at = Instant::now();
                Ok(Begin { config, outbox, at })
            });
            // Nobody waits any more when the sync was stopped meanwhile.
            answer.send(begin).ok();
        })));
        let begin = answered
            .await
            .map_err(|_| SyncError::Failed("the vault's thread has ended".to_owned()))?;
        Ok(begin?)
    }

    /// Has the vault do an output of the session.
    pub(super) fn ask(&self, output: Output, answer_to: UnboundedSender<Answer>) {
        self.work(answer_to, move |vault| carry_out(vault, output));
    }

    /// Has the vault note blobs that are here now, and blobs that the server has.
    pub(super) fn note_blobs(
        &self,
        arrived: Vec<BlobHash>,
        stored: Vec<BlobHash>,
        answer_to: UnboundedSender<Answer>,
    ) {
        self.work(answer_to, move |vault| {
            vault.sync_blobs_noted(&arrived, &stored)?;
            Ok(Some(Answer::Noted))
        });
    }

    /// Has the vault say what somebody looks at and lacks.
    pub(super) fn viewed(&self, answer_to: UnboundedSender<Answer>) {
        self.work(answer_to, |vault| {
            Ok(Some(Answer::Viewed(vault.sync_read_viewed()?)))
        });
    }

    fn work(
        &self,
        answer_to: UnboundedSender<Answer>,
        job: impl FnOnce(&mut Vault) -> Result<Option<Answer>, SyncError> + Send + 'static,
    ) {
        self.push(Asked::Work(Box::new(move |vault| {
            let answer = job(vault).unwrap_or_else(|error| Some(Answer::Failed(error)));
            // A session that has ended wants no answers; its work is done all the same.
            if let Some(answer) = answer {
                answer_to.send(answer).ok();
            }
        })));
    }

    fn push(&self, asked: Asked) {
        // The other end lives until this one is dropped, see `sync`.
        self.0.send(asked).ok();
    }
}

/// What the vault does for an output, and the answer where one is wanted.
fn carry_out(vault: &mut Vault, output: Output) -> Result<Option<Answer>, SyncError> {
    let answer = match output {
        Output::Welcomed(welcomed) => {
            take_welcome(vault, &welcomed)?;
            return Ok(None);
        }
        Output::QuotaSeen(quota) => {
            vault.sync_quota_seen(quota)?;
            return Ok(None);
        }
        Output::ClearOutbox { lseqs, cursor } => {
            vault.sync_clear_outbox(&lseqs, cursor)?;
            return Ok(None);
        }
        Output::ChangesRefused(refused) => {
            vault.sync_changes_refused(&refused)?;
            return Ok(None);
        }
        Output::StartRepair => {
            vault.sync_start_repair()?;
            return Ok(None);
        }
        Output::BlobRefused(refused) => {
            vault.sync_blob_refused(&refused)?;
            return Ok(None);
        }
        Output::ReadOutbox { after, bytes_max } => {
            Answer::Outbox(vault.sync_read_outbox(after, bytes_max)?)
        }
        Output::EnqueueAfter { doc, heads } => {
            Answer::Enqueued(doc, vault.sync_enqueue_after(doc, &heads)?)
        }
        Output::Apply(apply) => Answer::Applied(vault.sync_apply(apply)?),
        Output::ReadInventory { after, count_max } => {
            Answer::Inventory(vault.sync_read_inventory(after, count_max)?)
        }
        Output::ReadOffers { after, count_max } => {
            Answer::Offers(vault.sync_read_offers(after, count_max)?)
        }
        Output::FindBlobs { hashes } => Answer::Found(vault.sync_find_blobs(&hashes)?),
        Output::ReadWants { after, count_max } => {
            Answer::Wants(vault.sync_read_wants(after, count_max)?)
        }
        // The session's loop keeps these to itself.
        Output::Transmit(_)
        | Output::ReadBlob { .. }
        | Output::WriteBlob(_)
        | Output::BlobsStored(_)
        | Output::BlobFailed { .. }
        | Output::Settled(_)
        | Output::Close(_) => return Ok(None),
    };
    Ok(Some(answer))
}

/// Takes what the server said in its welcome. A new identity's token is on the disk before the vault becomes it, so that
/// a crash in between leaves a device that can still log in, as the one or the other.
fn take_welcome(vault: &mut Vault, welcomed: &Welcomed) -> Result<(), SyncError> {
    if let Some(identity) = &welcomed.new_identity {
        let token = Token::try_from(identity.token.clone()).map_err(|_| {
            SyncError::Failed("the server gave a token that cannot be one".to_owned())
        })?;
        token.stage(vault.dir(), &identity.device.to_string())?;
    }
    vault.sync_welcomed(welcomed)?;
    Ok(())
}
