//! Blobs that no device names any more. Devices say which; a blob goes when nobody has objected for as long as the person who hosts
//! decided, or at once when its owner said so. Whoever offers or asks for a blob objects.
//!
//! Every such word is a numbered note, kept after the blob has gone: a device that was away reads the notes after the last it knows and
//! offers what it still names, so that a blob which went too early comes back.

use std::time::Duration;

use domain::BlobHash;
use serde::{Deserialize, Serialize};
use storage::{Batch, View};

use super::accounts::{from_json, json};
use super::blobs::{blob_row, forget_sources};
use super::keys::{self, Keys};
use super::quota::ledger_row;
use super::{AccountId, Store, StoreError};
use crate::clock::millis;
use crate::hub::SessionId;
use crate::limit;

/// What a device says.
#[derive(Debug)]
pub(crate) struct Report {
    /// No card of the device names these any more.
    pub(crate) unused: Vec<BlobHash>,
    /// These are to go at once.
    pub(crate) purged: Vec<BlobHash>,
    /// The last note the device knows.
    pub(crate) seen: u64,
}

/// What the devices of the account have said since.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct News {
    pub(crate) notes: Vec<Note>,
    /// The last note read.
    pub(crate) seen: u64,
    pub(crate) more: bool,
}

/// One blob of which a device said that it is not needed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Note {
    pub(crate) hash: BlobHash,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) purged: bool,
}

/// Blobs of an account that were removed.
pub(crate) type Gone = (AccountId, Vec<BlobHash>);

impl Store {
    /// Takes a report and answers with what was said before it, and with what has gone. Purged blobs have, but for those that somebody
    /// has in hand at this moment: they go with the next [`Store::drop_unused`].
    pub(crate) fn report_unused(
        &self,
        account: AccountId,
        report: Report,
        now_ms: u64,
    ) -> Result<(News, Vec<BlobHash>), StoreError> {
        let news = self.unused_news(account, report.seen)?;
        let purged = report.purged.clone();
        self.kv.update_for(account.owner(), move |view| {
            let mut marking = Marking::new(view, account)?;
            for hash in report.unused {
                marking.mark(hash, Some(now_ms))?;
            }
            for hash in report.purged {
                marking.mark(hash, None)?;
            }
            Ok::<_, StoreError>((marking.done()?, ()))
        })?;
        let mut gone = Vec::new();
        for hash in purged {
            if self.drop_condemned(account, hash)? {
                gone.push(hash);
            }
        }
        Ok((news, gone))
    }

    /// The notes after one, a page of them.
    fn unused_news(&self, account: AccountId, seen: u64) -> Result<News, StoreError> {
        let keys = Keys(account);
        let mut news = News {
            notes: Vec::new(),
            seen,
            more: false,
        };
        for entry in self.kv.scan_after(&keys.notes(), &keys.note(seen)) {
            let (key, row) = entry?;
            if news.notes.len() == limit::UNUSED_A_PAGE {
                news.more = true;
                break;
            }
            news.seen = number(&key)?;
            news.notes.push(from_json("note", &row)?);
        }
        Ok(news)
    }

    /// Somebody names these after all.
    pub(super) fn clear_unused(
        &self,
        account: AccountId,
        hashes: Vec<BlobHash>,
    ) -> Result<(), StoreError> {
        self.kv.update_for(account.owner(), move |view| {
            let mut batch = Batch::new();
            for hash in hashes {
                clear(&view, account, hash, &mut batch)?;
            }
            Ok::<_, StoreError>((batch, ()))
        })
    }

    /// Removes every blob that was unused for so long, and tells which.
    pub(crate) fn drop_unused(
        &self,
        grace: Duration,
        now_ms: u64,
    ) -> Result<Vec<Gone>, StoreError> {
        let mut all = Vec::new();
        let until_ms = now_ms.saturating_sub(millis(grace));
        for (_, account) in self.users()? {
            let mut due = Vec::new();
            for entry in self.kv.scan(&Keys(account).condemned_all()) {
                let (key, _) = entry?;
                let (since_ms, hash) =
                    keys::condemned(&key).ok_or(StoreError::Damaged("condemned"))?;
                if since_ms > until_ms {
                    break;
                }
                due.push(hash);
            }
            let mut gone = Vec::new();
            for hash in due {
                if self.drop_condemned(account, hash)? {
                    gone.push(hash);
                }
            }
            if !gone.is_empty() {
                all.push((account, gone));
            }
        }
        Ok(all)
    }

    /// Removes a blob unless somebody has named it since. The claim keeps an upload of the same blob away until its file is gone.
    fn drop_condemned(&self, account: AccountId, hash: BlobHash) -> Result<bool, StoreError> {
        if !self.uploads.claim(account, hash, SessionId::UPKEEP) {
            return Ok(false);
        }
        let dropped = self.drop_claimed(account, hash);
        self.uploads.release(account, hash, SessionId::UPKEEP);
        dropped
    }

    fn drop_claimed(&self, account: AccountId, hash: BlobHash) -> Result<bool, StoreError> {
        let gone = self.kv.update_for(account.owner(), move |view| {
            let mut batch = Batch::new();
            let Some(row) = blob_row(&view, account, hash)? else {
                return Ok::<_, StoreError>((batch, false));
            };
            let Some(since_ms) = row.unreferenced_since_ms else {
                return Ok((batch, false));
            };
            let mut ledger = ledger_row(&view, account)?;
            ledger.used = ledger.used.saturating_sub(row.bytes);
            ledger.blobs = ledger.blobs.saturating_sub(1);
            batch.delete(Keys(account).blob(hash));
            batch.delete(Keys(account).condemned(since_ms, hash));
            forget_sources(account, &row, &mut batch);
            batch.put(Keys(account).quota(), ledger.row());
            Ok((batch, true))
        })?;
        if gone {
            // A crash before this leaves a file without a row, which the next start removes.
            let erased = self.files(account)?.blobs.erase(&hash)?;
            tracing::info!(%account, %hash, ?erased, "an unused blob was removed");
        }
        Ok(gone)
    }
}

/// Takes notes on the writer thread.
struct Marking<'a> {
    view: View<'a>,
    account: AccountId,
    batch: Batch,
    last: u64,
    first: u64,
}

impl<'a> Marking<'a> {
    fn new(view: View<'a>, account: AccountId) -> Result<Self, StoreError> {
        let keys = Keys(account);
        let last = match view.get(&keys.notes_head())? {
            Some(row) => number(&row)?,
            None => 0,
        };
        let first = match view.scan(&keys.notes()).next().transpose()? {
            Some((key, _)) => number(&key)?,
            None => last + 1,
        };
        Ok(Self {
            view,
            account,
            batch: Batch::new(),
            last,
            first,
        })
    }

    /// Notes a blob that is here, unused since then, or to go at once.
    fn mark(&mut self, hash: BlobHash, since_ms: Option<u64>) -> Result<(), StoreError> {
        let keys = Keys(self.account);
        let Some(mut row) = blob_row(&self.view, self.account, hash)? else {
            return Ok(());
        };
        let purged = since_ms.is_none();
        if let Some(before_ms) = row.unreferenced_since_ms {
            if !purged {
                return Ok(());
            }
            self.batch.delete(keys.condemned(before_ms, hash));
        }
        let since_ms = since_ms.unwrap_or(0);
        row.unreferenced_since_ms = Some(since_ms);
        self.batch.put(keys.blob(hash), json(&row)?);
        self.batch.put(keys.condemned(since_ms, hash), []);
        self.last += 1;
        self.batch
            .put(keys.note(self.last), json(&Note { hash, purged })?);
        if self.last - self.first >= limit::UNUSED_NOTES_MAX {
            self.batch.delete(keys.note(self.first));
            self.first += 1;
        }
        Ok(())
    }

    fn done(mut self) -> Result<Batch, StoreError> {
        if !self.batch.is_empty() {
            let head = Keys(self.account).notes_head();
            self.batch.put(head, self.last.to_be_bytes());
        }
        Ok(self.batch)
    }
}

/// Takes a blob off the list of those that will go.
pub(super) fn clear(
    view: &View<'_>,
    account: AccountId,
    hash: BlobHash,
    batch: &mut Batch,
) -> Result<(), StoreError> {
    if let Some(mut row) = blob_row(view, account, hash)?
        && let Some(since_ms) = row.unreferenced_since_ms.take()
    {
        batch.delete(Keys(account).condemned(since_ms, hash));
        batch.put(Keys(account).blob(hash), json(&row)?);
    }
    Ok(())
}

/// The number at the end of a key, or in a row.
fn number(bytes: &[u8]) -> Result<u64, StoreError> {
    let number = keys::tail::<8>(bytes).ok_or(StoreError::Damaged("note"))?;
    Ok(u64::from_be_bytes(number))
}
