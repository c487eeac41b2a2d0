//! Blobs on their way to this device: asked for in pages, the card on screen first, resumed from what is here, remembered as absent until the server
//! has them.

use std::collections::{BTreeMap, BTreeSet};

use domain::BlobHash;

use super::{BlobFailure, BlobWritten, DeviceSession, Output, Phase, Want, WantPage};
use crate::close::CloseCode;
use crate::frame::{BlobBad, BlobData, BlobGet, BlobStored, GetItem, Reason};
use crate::limit::{ABSENT_MAX, BLOBS_A_FRAME_MAX, WANTS_IN_FLIGHT_MAX};
use crate::receiver::{Answer, Received};

#[derive(Debug)]
pub(super) struct Downloads {
    after: Option<BlobHash>,
    reading: bool,
    scanned: bool,
    added: bool,
    /// Received since the read under way began, which may still name them.
    arrived: BTreeSet<BlobHash>,
    /// Asked for: its priority, and whether this is the second try.
    asked: BTreeMap<BlobHash, Asked>,
    /// The server does not have it; from where to go on when it does.
    absent: BTreeMap<BlobHash, Want>,
    /// Not asked for again in this session.
    failed: BTreeSet<BlobHash>,
    fetch_all: bool,
}

#[derive(Debug, Clone, Copy)]
struct Asked {
    priority: u64,
    retried: bool,
}

impl Downloads {
    pub fn new(fetch_all: bool) -> Downloads {
        Downloads {
            after: None,
            reading: false,
            scanned: !fetch_all,
            added: false,
            arrived: BTreeSet::new(),
            asked: BTreeMap::new(),
            absent: BTreeMap::new(),
            failed: BTreeSet::new(),
            fetch_all,
        }
    }

    pub fn scan_again(&mut self) {
        self.added = self.fetch_all;
        if self.scanned && self.fetch_all {
            self.scanned = false;
            self.after = None;
        }
    }

    pub fn is_settled(&self) -> bool {
        self.scanned && self.asked.is_empty()
    }

    fn knows(&self, hash: &BlobHash) -> bool {
        self.asked.contains_key(hash)
            || self.absent.contains_key(hash)
            || self.failed.contains(hash)
            || self.arrived.contains(hash)
    }
}

impl DeviceSession {
    pub(super) fn advance_downloads(&mut self) {
        let downloads = &mut self.downloads;
        // Half empty before more are read, so that pages are worth their read.
        if !downloads.scanned
            && !downloads.reading
            && downloads.asked.len() <= WANTS_IN_FLIGHT_MAX / 2
        {
            downloads.reading = true;
            downloads.arrived.clear();
            downloads.added &= downloads.after.is_some();
            let (after, count_max) = (downloads.after, WANTS_IN_FLIGHT_MAX / 2);
            self.outputs
                .push_back(Output::ReadWants { after, count_max });
        }
    }

    pub(super) fn wants_read(&mut self, page: WantPage, now_ms: u64) {
        let downloads = &mut self.downloads;
        downloads.reading = false;
        let last = page.items.last().map(|want| want.hash);
        let more = page.more && last.is_some() && last > downloads.after;
        // Absent ones are remembered; too many of them would be a flood to the server.
        if more && downloads.absent.len() < ABSENT_MAX {
            downloads.after = last;
        } else {
            downloads.scanned = !std::mem::take(&mut downloads.added);
            downloads.after = None;
        }
        let fresh: Vec<Want> = page
            .items
            .into_iter()
            .filter(|want| !downloads.knows(&want.hash))
            .collect();
        if page.some_are_here {
            self.uploads.scan_again();
        }
        self.get(fresh, now_ms);
    }

    pub(super) fn want_first(&mut self, wants: Vec<Want>, now_ms: u64) {
        let mut gets = Vec::new();
        for mut want in wants {
            if self.downloads.absent.contains_key(&want.hash) {
                continue;
            }
            self.downloads.failed.remove(&want.hash);
            if let Some(offset) = self.receiver.next_offset(&want.hash) {
                want.offset = offset;
            }
            gets.push(want);
        }
        self.get(gets, now_ms);
    }

    fn get(&mut self, wants: Vec<Want>, now_ms: u64) {
        if self.phase != Phase::Open {
            return;
        }
        let mut items: Vec<GetItem> = Vec::with_capacity(wants.len());
        for Want {
            hash,
            offset,
            priority,
        } in wants
        {
            let retried = self
                .downloads
                .asked
                .get(&hash)
                .is_some_and(|asked| asked.retried);
            self.downloads
                .asked
                .insert(hash, Asked { priority, retried });
            if !self.receiver.expects(&hash) {
                self.receiver.expect(
                    hash,
                    offset,
                    None,
                    u64::from(self.limits.blob_bytes_max),
                    now_ms,
                );
            }
            items.push(GetItem {
                hash,
                offset,
                priority,
            });
        }
        while !items.is_empty() {
            let rest = items.split_off(items.len().min(BLOBS_A_FRAME_MAX));
            self.transmit(BlobGet {
                items: std::mem::replace(&mut items, rest),
            });
        }
    }

    pub(super) fn on_data(&mut self, data: BlobData, now_ms: u64) {
        if !self.receiver.expects(&data.hash)
            && let Some(want) = self.downloads.absent.remove(&data.hash)
        {
            // Another device has it: the bytes come without being asked for again.
            let bytes_max = u64::from(self.limits.blob_bytes_max);
            self.receiver
                .expect(data.hash, want.offset, None, bytes_max, now_ms);
            self.downloads.asked.insert(
                data.hash,
                Asked {
                    priority: want.priority,
                    retried: false,
                },
            );
        }
        match self.receiver.handle_data(data, now_ms) {
            Ok(Received::Write(write)) => self.outputs.push_back(Output::WriteBlob(write)),
            Ok(Received::Stray) => {}
            Err(violation) => self.fail(CloseCode::Malformed, &violation.to_string()),
        }
    }

    pub(super) fn blob_written(
        &mut self,
        hash: BlobHash,
        bytes: usize,
        written: BlobWritten,
        now_ms: u64,
    ) {
        let Answer::Current { relayed } = self.receiver.handle_written(&hash, bytes, now_ms) else {
            return;
        };
        if self.phase != Phase::Open {
            return;
        }
        match written {
            BlobWritten::Piece => {}
            BlobWritten::Stored => {
                let total = self.receiver.forget(&hash).unwrap_or(0);
                self.downloads.asked.remove(&hash);
                if self.downloads.reading {
                    self.downloads.arrived.insert(hash);
                }
                self.counters.blobs_received += 1;
                if relayed {
                    self.transmit(BlobStored { hashes: vec![hash] });
                    self.relayed(hash, total);
                } else {
                    self.outputs.push_back(Output::BlobsStored(vec![hash]));
                }
            }
            BlobWritten::Bad(reason) => {
                self.transmit(BlobBad { hash, reason });
                self.download_was_bad(hash, now_ms);
            }
            BlobWritten::Failed(reason) => {
                self.receiver.forget(&hash);
                self.downloads.asked.remove(&hash);
                self.downloads.failed.insert(hash);
                self.transmit(BlobBad { hash, reason });
                self.outputs.push_back(Output::BlobFailed {
                    hash,
                    why: BlobFailure::Unwritable,
                });
            }
        }
    }

    pub(super) fn on_bad(&mut self, bad: BlobBad, now_ms: u64) {
        if self.downloads.asked.contains_key(&bad.hash) && bad.reason == Reason::WrongLength {
            // The part file here is longer than the blob.
            self.download_was_bad(bad.hash, now_ms);
        } else {
            self.upload_was_bad(&bad);
        }
    }

    /// Once more from the start, then a person hears of it.
    fn download_was_bad(&mut self, hash: BlobHash, now_ms: u64) {
        self.receiver.forget(&hash);
        let Some(asked) = self.downloads.asked.get_mut(&hash) else {
            return;
        };
        if std::mem::replace(&mut asked.retried, true) {
            self.downloads.asked.remove(&hash);
            self.downloads.failed.insert(hash);
            self.outputs.push_back(Output::BlobFailed {
                hash,
                why: BlobFailure::Damaged,
            });
            return;
        }
        let priority = asked.priority;
        self.get(
            vec![Want {
                hash,
                offset: 0,
                priority,
            }],
            now_ms,
        );
    }

    pub(super) fn on_absent(&mut self, hashes: Vec<BlobHash>) {
        for hash in hashes {
            let Some(asked) = self.downloads.asked.remove(&hash) else {
                continue;
            };
            let offset = self.receiver.forget(&hash).unwrap_or(0);
            self.downloads.absent.insert(
                hash,
                Want {
                    hash,
                    offset,
                    priority: asked.priority,
                },
            );
        }
    }

    pub(super) fn on_available(&mut self, hashes: Vec<BlobHash>, now_ms: u64) {
        let wants = hashes
            .iter()
            .filter_map(|hash| self.downloads.absent.remove(hash))
            .collect();
        self.get(wants, now_ms);
    }
}
