//! Pictures and sounds that no card names any more: noted with the edit that removed the last reference, erased here after a grace,
//! reported to the server, which keeps them longer for devices that were away. What another device reported and a card here still names
//! is offered again. `sync` carries reports and news; the command line sweeps, restores and purges by hand.

use std::collections::BTreeSet;
use std::path::Path;

use domain::{BlobHash, UnixMs};
use minicbor::{Decode, Encode};
use serde::Serialize;
use storage::Erased;

use super::{Vault, VaultError, VaultResult};
use crate::account::{UnusedNews, UnusedReport};
use crate::index::{ReadRows, Rows, damaged, key};
use crate::limit;

/// A blob that no card names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub(crate) struct UnusedRow {
    /// Since when; of one that has gone to the server's keeping, until when it is there.
    #[n(0)]
    pub(crate) at_ms: i64,
    #[n(1)]
    pub(crate) stage: Stage,
}

/// How far its going is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum Stage {
    /// It is kept here for a while.
    #[n(0)]
    Kept,
    /// It has gone from here; the server has not been told.
    #[n(1)]
    Gone,
    /// It is to go everywhere at once; the server has not been told.
    #[n(2)]
    Purged,
    /// It has gone from here, and the server will remove it too.
    #[n(3)]
    Reported,
}

/// What a sweep did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Swept {
    /// Blobs that went.
    pub removed: u64,
    /// Their bytes.
    pub removed_bytes: u64,
    /// Unused ones that are kept for a while yet.
    pub kept: u64,
    /// Whether the bytes were overwritten; none when nothing went.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overwritten: Option<bool>,
}

/// What became of a blob that was asked back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Restored {
    /// It is here, and its time begins anew.
    Here,
    /// The next sync asks the server and the other devices for it.
    Asked,
}

impl Vault {
    /// Erases what no card has named for so long, and notes what has lost its last card unseen. The documents themselves are read before
    /// anything goes.
    ///
    /// # Errors
    /// A document cannot be read, so that nobody knows what its cards name; or the disk refuses.
    pub fn sweep_media(&mut self, grace_ms: i64) -> VaultResult<Swept> {
        let now_ms = self.now().at.0;
        self.note_unnamed(now_ms)?;
        let (mut due, mut swept) = (Vec::new(), Swept::default());
        let mut over = Vec::new();
        for (blob, row) in self.unused()? {
            match row.stage {
                Stage::Kept if row.at_ms.saturating_add(grace_ms) > now_ms => swept.kept += 1,
                Stage::Kept => due.push(blob),
                Stage::Reported if row.at_ms <= now_ms => over.push(blob),
                _ => {}
            }
        }
        if !due.is_empty() {
            self.sure_of_unnamed(&due)?;
        }
        let mut worst = Erased::NotHere;
        for blob in &due {
            let bytes = self.blobs.has(blob)?;
            worst = worst.max(self.erase(blob)?);
            swept.removed += u64::from(bytes.is_some());
            swept.removed_bytes += bytes.unwrap_or(0);
        }
        swept.overwritten = overwritten(worst);
        self.write(|tx| {
            for blob in over {
                tx.writer.set(key::unused(blob), None);
            }
            for blob in due {
                set_gone(&mut tx.writer, blob, now_ms, Stage::Gone);
            }
            Ok(())
        })?;
        Ok(swept)
    }

    /// Erases a blob here at once; the next sync has the server and the other devices do the same.
    ///
    /// # Errors
    /// Cards name it, it is unknown, or the disk refuses.
    pub fn purge_media(&mut self, blob: BlobHash) -> VaultResult<Option<bool>> {
        self.may_be_purged(blob)?;
        self.sure_of_unnamed(&[blob])?;
        let now_ms = self.now().at.0;
        // Noted first: cut off here, the bytes go with the report.
        self.write(|tx| {
            set_gone(&mut tx.writer, blob, now_ms, Stage::Purged);
            Ok(())
        })?;
        Ok(overwritten(self.erase(&blob)?))
    }

    /// Refuses a blob that cards name.
    ///
    /// # Errors
    /// Cards name it.
    pub fn may_be_purged(&self, blob: BlobHash) -> VaultResult<()> {
        let named = self.store.scan(&key::references_of(blob)).count();
        if named == 0 {
            return Ok(());
        }
        let words = if named == 1 {
            "a card names it"
        } else {
            "cards name it"
        };
        Err(VaultError::Refused(format!(
            "{words}, see `memoryvault media show {blob}`: take it off with `memoryvault card edit CARD --remove-media`, or remove what names it"
        )))
    }

    /// Keeps an unused blob for another while, or has the next sync bring it back.
    ///
    /// # Errors
    /// The store fails.
    pub fn restore_media(&mut self, blob: BlobHash) -> VaultResult<Restored> {
        let here = self.blobs.has(&blob)?.is_some();
        let now_ms = self.now().at.0;
        self.write(|tx| {
            let named = tx.writer.row(&key::blob(blob))?.is_some();
            if !named {
                keep(&mut tx.writer, blob, now_ms);
            }
            if !here {
                tx.writer.set(key::want(blob), Some(Vec::new()));
                tx.writer.set(key::viewed(blob), Some(Vec::new()));
            }
            Ok(())
        })?;
        Ok(if here {
            Restored::Here
        } else {
            Restored::Asked
        })
    }

    /// Writes a blob into a file that does not exist yet.
    ///
    /// # Errors
    /// It is not here, it is damaged, or the file cannot be made.
    pub fn save_media(&self, blob: BlobHash, to: &Path) -> VaultResult<()> {
        let bytes = self.blobs.read(&blob)?;
        let failed = |source| VaultError::File {
            doing: "write",
            path: to.to_owned(),
            source,
        };
        let mut file = std::fs::File::create_new(to).map_err(failed)?;
        std::io::Write::write_all(&mut file, &bytes).map_err(failed)
    }

    /// Whether sync should sweep and report now: once a day, and whenever the server has not been told of
    /// something that has gone.
    pub(crate) fn unused_is_due(&self) -> VaultResult<bool> {
        let since_ms = self.now().at.0.saturating_sub(self.local.unused_told_ms);
        if !(0..limit::UNUSED_EVERY_MS).contains(&since_ms) {
            return Ok(true);
        }
        let untold = |row: &UnusedRow| matches!(row.stage, Stage::Gone | Stage::Purged);
        Ok(self.unused()?.iter().any(|(_, row)| untold(row)))
    }

    /// What the server is to be told, a page of it.
    pub(crate) fn unused_report(&self) -> VaultResult<UnusedReport> {
        let mut report = UnusedReport {
            seen: self.local.unused_seen,
            ..UnusedReport::default()
        };
        let mut count = 0;
        for (blob, row) in self.unused()? {
            match row.stage {
                _ if count == limit::UNUSED_A_REPORT => break,
                Stage::Gone => report.unused.push(blob),
                Stage::Purged => {
                    // The end of a purge that was cut off.
                    self.erase(&blob)?;
                    report.purged.push(blob);
                }
                Stage::Kept | Stage::Reported => continue,
            }
            count += 1;
        }
        Ok(report)
    }

    /// The server has the report; here is what other devices said. What a card here names is offered again, what was purged and no card
    /// names goes here too. True when there is more to say or to hear.
    pub(crate) fn unused_reported(
        &mut self,
        report: &UnusedReport,
        news: &UnusedNews,
    ) -> VaultResult<bool> {
        for blob in &news.purged {
            if self.store.row(&key::blob(*blob))?.is_none() {
                self.erase(blob)?;
            }
        }
        let now_ms = self.now().at.0;
        let until_ms = now_ms.saturating_add(days_ms(news.grace_days));
        self.write(|tx| {
            for blob in &report.unused {
                if tx.writer.row(&key::unused(*blob))?.is_some() {
                    set_gone(&mut tx.writer, *blob, until_ms, Stage::Reported);
                }
            }
            for blob in &report.purged {
                tx.writer.set(key::unused(*blob), None);
            }
            for blob in news.unused.iter().chain(&news.purged) {
                let named = tx.writer.row(&key::blob(*blob))?.is_some();
                if named && tx.blobs.has(blob)?.is_some() {
                    tx.writer.set(key::offer(*blob), Some(Vec::new()));
                }
            }
            for blob in &news.purged {
                if tx.writer.row(&key::blob(*blob))?.is_none() {
                    tx.writer.set(key::unused(*blob), None);
                }
            }
            tx.local.unused_seen = news.seen;
            tx.local.unused_told_ms = now_ms;
            Ok(())
        })?;
        let next = self.unused_report()?;
        Ok(news.more || !next.unused.is_empty() || !next.purged.is_empty())
    }

    /// The blobs that no card names, as noted.
    pub(crate) fn unused(&self) -> VaultResult<Vec<(BlobHash, UnusedRow)>> {
        let row = |entry: Result<(Vec<u8>, Vec<u8>), _>| {
            let (key, value) = entry?;
            let row = crate::index::row::decode(&value).map_err(|_| damaged(&key))?;
            let blob = key::last32(&key).ok_or_else(|| damaged(&key))?;
            Ok((BlobHash::from_bytes(blob), row))
        };
        self.store.scan(key::UNUSED).map(row).collect()
    }

    /// Notes the blobs that are here, named by no card and not noted: a crash came between a file and its card, or the index was made anew.
    fn note_unnamed(&mut self, now_ms: i64) -> VaultResult<()> {
        let mut unnamed = Vec::new();
        for (blob, _) in self.blobs.list()? {
            let known = self.store.row(&key::blob(blob))?.is_some()
                || self.store.row(&key::unused(blob))?.is_some();
            if !known {
                unnamed.push(blob);
            }
        }
        if unnamed.is_empty() {
            return Ok(());
        }
        self.write(|tx| {
            unnamed
                .iter()
                .for_each(|blob| keep(&mut tx.writer, *blob, now_ms));
            Ok(())
        })
    }

    /// Reads the documents: none of these blobs may be named in them, and all of them must be readable.
    fn sure_of_unnamed(&self, blobs: &[BlobHash]) -> VaultResult<()> {
        let computed = self.compute_index()?;
        if let Some((document, why)) = computed.unreadable.first() {
            return Err(VaultError::Refused(format!(
                "nothing is removed while document {document} cannot be read ({why}): its cards may need it; `memoryvault verify` tells more"
            )));
        }
        if !self.store.set_aside()?.is_empty() {
            return Err(VaultError::Refused(
                "nothing is removed while a change is set aside: its cards may need it; `memoryvault verify` tells more".to_owned(),
            ));
        }
        let wrong: BTreeSet<_> = blobs
            .iter()
            .filter(|blob| computed.rows.contains_key(&key::blob(**blob)))
            .collect();
        match wrong.first() {
            None => Ok(()),
            Some(blob) => Err(VaultError::Damaged {
                row: format!("blob {blob}"),
            }),
        }
    }

    fn erase(&self, blob: &BlobHash) -> VaultResult<Erased> {
        self.drop_thumbnails(*blob)?;
        Ok(self.blobs.erase(blob)?)
    }
}

/// Notes that no card names a blob from now on.
pub(super) fn keep(rows: &mut impl Rows, blob: BlobHash, now_ms: i64) {
    rows.write(
        key::unused(blob),
        &UnusedRow {
            at_ms: now_ms,
            stage: Stage::Kept,
        },
    );
}

/// Notes that a blob has gone from here: nothing of it is offered, asked for or told any more.
fn set_gone(rows: &mut impl Rows, blob: BlobHash, at_ms: i64, stage: Stage) {
    rows.write(key::unused(blob), &UnusedRow { at_ms, stage });
    for key in [
        key::want(blob),
        key::viewed(blob),
        key::offer(blob),
        key::refused(blob),
    ] {
        rows.set(key, None);
    }
}

fn overwritten(erased: Erased) -> Option<bool> {
    match erased {
        Erased::NotHere => None,
        Erased::Overwritten => Some(true),
        Erased::Removed => Some(false),
    }
}

/// So many days in milliseconds.
pub fn days_ms(days: u64) -> i64 {
    i64::try_from(days.saturating_mul(24 * 3_600_000)).unwrap_or(i64::MAX)
}

/// The instant until which an unused blob stays, for a person.
pub(super) fn until(row: UnusedRow) -> UnixMs {
    match row.stage {
        Stage::Kept => UnixMs(row.at_ms.saturating_add(days_ms(limit::UNUSED_GRACE_DAYS))),
        _ => UnixMs(row.at_ms),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, Moment};

    fn vault(dir: &Path) -> Vault {
        Vault::init(dir, "test").expect("a vault")
    }

    fn news(unused: Vec<BlobHash>, purged: Vec<BlobHash>) -> UnusedNews {
        UnusedNews {
            unused,
            purged,
            seen: 7,
            more: false,
            grace_days: 30,
        }
    }

    /// Makes cards name a blob, as far as the index tells.
    fn name(vault: &mut Vault, blob: BlobHash) {
        vault
            .write(|tx| {
                tx.writer
                    .write(key::blob(blob), &crate::index::row::BlobRow { cards: 1 });
                Ok(())
            })
            .expect("a write");
    }

    fn is_offered(vault: &Vault, blob: BlobHash) -> bool {
        vault.store.row(&key::offer(blob)).expect("a row").is_some()
    }

    #[test]
    fn what_a_card_here_names_is_offered_again_and_never_removed() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut vault = vault(dir.path());
        let [named, purged, other] = [b"a", b"b", b"c"].map(|bytes| {
            let put = vault.blobs.put_bytes(bytes).expect("a blob");
            put.hash
        });
        name(&mut vault, named);
        name(&mut vault, purged);
        let report = vault.unused_report().expect("a report");
        let more = vault
            .unused_reported(&report, &news(vec![named, other], vec![purged]))
            .expect("news");
        assert!(!more);
        assert!(is_offered(&vault, named) && is_offered(&vault, purged));
        assert!(!is_offered(&vault, other));
        for blob in [named, purged, other] {
            assert!(vault.blobs.has(&blob).expect("a look").is_some());
        }
        assert_eq!(vault.local.unused_seen, 7);
    }

    #[test]
    fn what_was_purged_elsewhere_goes_here_unless_a_card_names_it() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut vault = vault(dir.path());
        let blob = vault.blobs.put_bytes(b"a").expect("a blob").hash;
        let report = vault.unused_report().expect("a report");
        vault
            .unused_reported(&report, &news(Vec::new(), vec![blob]))
            .expect("news");
        assert_eq!(vault.blobs.has(&blob).expect("a look"), None);
    }

    #[test]
    fn a_day_passes_between_two_reports_and_what_has_gone_is_told_at_once() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut vault = vault(dir.path());
        let begun = vault.now();
        assert!(!vault.unused_is_due().expect("an answer"));
        let later = |ms| {
            Clock::Still(Moment {
                at: UnixMs(begun.at.0 + ms),
                ..begun
            })
        };
        vault.set_clock(later(limit::UNUSED_EVERY_MS + 60_000));
        assert!(vault.unused_is_due().expect("an answer"));
        vault.set_clock(later(1_000));
        let blob = vault.blobs.put_bytes(b"a").expect("a blob").hash;
        assert_eq!(vault.sweep_media(1).expect("a sweep").kept, 1);
        assert!(!vault.unused_is_due().expect("an answer"));
        assert_eq!(vault.sweep_media(0).expect("a sweep").removed, 1);
        assert!(vault.unused_is_due().expect("an answer"));
        assert_eq!(vault.unused_report().expect("a report").unused, [blob]);
    }
}
