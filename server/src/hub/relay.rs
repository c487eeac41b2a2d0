//! Pairs of sessions between which a blob goes through without being stored.

use std::collections::BTreeMap;

use domain::BlobHash;
use sync_protocol::server::RelayChunk;

use super::{Account, Seat, SessionId};
use crate::limit;

/// Who sends which blob to whom.
#[derive(Debug, Default)]
pub(super) struct Relays {
    target_by_source: BTreeMap<(SessionId, BlobHash), SessionId>,
    source_by_target: BTreeMap<(SessionId, BlobHash), SessionId>,
}

impl Relays {
    fn pair(&mut self, hash: BlobHash, source: SessionId, target: SessionId) {
        self.target_by_source.insert((source, hash), target);
        self.source_by_target.insert((target, hash), source);
    }

    /// Ends a session's part in relaying a blob; gives the other ends.
    fn end(&mut self, id: SessionId, hash: BlobHash) -> Vec<SessionId> {
        let mut others = Vec::new();
        if let Some(target) = self.target_by_source.remove(&(id, hash)) {
            self.source_by_target.remove(&(target, hash));
            others.push(target);
        }
        if let Some(source) = self.source_by_target.remove(&(id, hash)) {
            self.target_by_source.remove(&(source, hash));
            others.push(source);
        }
        others
    }

    fn of(&self, id: SessionId) -> Vec<BlobHash> {
        let as_source = self.target_by_source.keys();
        let as_target = self.source_by_target.keys();
        as_source
            .chain(as_target)
            .filter(|(session, _)| *session == id)
            .map(|(_, hash)| *hash)
            .collect()
    }
}

impl Account {
    /// Ends all relays of a session that leaves.
    pub(super) fn end_relays_of(&mut self, id: SessionId) {
        for hash in self.relays.of(id) {
            self.end_relay(id, hash);
        }
    }

    /// Whether a session has heard that its last relay of the blob is over. Until then it would take the next one for the last.
    fn knows_of_end(&self, id: SessionId, hash: BlobHash) -> bool {
        let mailbox = self.sessions.get(&id).map(|session| &session.mailbox);
        mailbox.is_some_and(|mailbox| !mailbox.look(|mail| mail.relays_ended.contains(&hash)))
    }

    /// Pairs two sessions. What still lies in their boxes is of the relay before and would end this one.
    fn begin_relay(&mut self, hash: BlobHash, source: SessionId, target: SessionId) {
        self.relays.pair(hash, source, target);
        self.tell(source, |mail| {
            mail.relays_ended.remove(&hash);
            mail.credits.remove(&hash);
        });
        self.tell(target, |mail| {
            mail.chunks.retain(|chunk| chunk.hash != hash)
        });
    }

    /// Tells the other end; a target that loses its source still waits, so others are asked.
    fn end_relay(&mut self, id: SessionId, hash: BlobHash) {
        for other in self.relays.end(id, hash) {
            self.tell(other, |mail| {
                mail.relays_ended.insert(hash);
            });
            let waits = self
                .waiting
                .get(&hash)
                .is_some_and(|sessions| sessions.contains_key(&other));
            if waits {
                for (third, session) in &self.sessions {
                    if *third != other && *third != id {
                        session.mailbox.put(|mail| {
                            mail.wanted.insert(hash);
                        });
                    }
                }
            }
        }
    }
}

impl Seat {
    /// Pairs this session, which has a blob, with one that waits for it and has no source yet; says from where to send.
    pub(crate) fn relay_from_me(&self, hash: BlobHash) -> Option<u64> {
        self.with(|id, table| {
            let relays = &table.relays;
            if relays.target_by_source.contains_key(&(id, hash)) {
                return None;
            }
            let waiting = table.waiting.get(&hash)?.iter();
            let (target, offset) =
                waiting
                    .map(|(target, offset)| (*target, *offset))
                    .find(|(target, _)| {
                        *target != id
                            && !relays.source_by_target.contains_key(&(*target, hash))
                            && table.knows_of_end(*target, hash)
                    })?;
            table.begin_relay(hash, id, target);
            Some(offset)
        })
    }

    /// Hands a piece on to the target.
    pub(crate) fn relay_chunk(&self, chunk: RelayChunk) {
        self.with(|id, table| {
            let hash = chunk.hash;
            let Some(target) = table.relays.target_by_source.get(&(id, hash)).copied() else {
                return table.tell(id, |mail| {
                    mail.relays_ended.insert(hash);
                });
            };
            let mut full = false;
            table.tell(target, |mail| {
                full = mail.chunks.len() >= limit::RELAY_CHUNKS_MAX;
                if !full {
                    mail.chunks.push_back(chunk);
                }
            });
            if full {
                table.tell(id, |mail| {
                    mail.relays_ended.insert(hash);
                });
                table.end_relay(id, hash);
            }
        });
    }

    /// Hands credit back to the source.
    pub(crate) fn relay_credit(&self, hash: BlobHash, bytes: u64) {
        self.with(|id, table| {
            if let Some(source) = table.relays.source_by_target.get(&(id, hash)).copied() {
                table.tell(source, |mail| {
                    *mail.credits.entry(hash).or_default() += bytes;
                });
            }
        });
    }

    /// This session's part in relaying the blob is over.
    pub(crate) fn relay_ended(&self, hash: BlobHash) {
        self.with(|id, table| table.end_relay(id, hash));
    }
}

#[cfg(test)]
mod tests {
    use domain::DeviceId;
    use sync_protocol::server::Waiting;

    use super::*;
    use crate::hub::Hub;
    use crate::store::AccountId;

    fn chunk(hash: BlobHash) -> RelayChunk {
        RelayChunk {
            hash,
            offset: 0,
            total: 1,
            bytes: vec![7],
        }
    }

    #[test]
    fn a_relay_is_paired_fed_credited_and_ended() {
        let hub = Hub::default();
        let account = AccountId::from_bytes([1; 16]);
        let join = |n| hub.join(account, DeviceId::from_bytes([n; 16])).unwrap();
        let (source, target, third) = (join(1), join(2), join(3));
        let hash = BlobHash::from_bytes([9; 32]);
        assert_eq!(source.relay_from_me(hash), None);
        target.ask_others(&[Waiting { hash, offset: 5 }]);
        assert_eq!(target.relay_from_me(hash), None);
        assert_eq!(source.relay_from_me(hash), Some(5));
        assert_eq!(third.relay_from_me(hash), None);

        source.relay_chunk(chunk(hash));
        assert_eq!(target.mailbox.take().chunks.len(), 1);
        target.relay_credit(hash, 1);
        assert_eq!(source.mailbox.take().credits.get(&hash), Some(&1));

        third.mailbox.take();
        drop(source);
        assert!(target.mailbox.take().relays_ended.contains(&hash));
        assert!(third.mailbox.take().wanted.contains(&hash));
        assert_eq!(third.relay_from_me(hash), Some(5));
        target.stop_asking(&[hash]);
        target.relay_ended(hash);
        assert!(third.mailbox.take().relays_ended.contains(&hash));
        third.relay_chunk(chunk(hash));
        assert!(third.mailbox.take().relays_ended.contains(&hash));
    }

    #[test]
    fn word_of_the_last_relay_does_not_end_the_next() {
        let hub = Hub::default();
        let account = AccountId::from_bytes([1; 16]);
        let join = |n| hub.join(account, DeviceId::from_bytes([n; 16])).unwrap();
        let (source, first, second) = (join(1), join(2), join(3));
        let hash = BlobHash::from_bytes([9; 32]);
        let waiting = Waiting { hash, offset: 0 };
        first.ask_others(&[waiting]);
        assert_eq!(source.relay_from_me(hash), Some(0));
        second.ask_others(&[waiting]);
        // The first has it whole. Before the source looks into its box it sends to the second.
        first.relay_ended(hash);
        first.stop_asking(&[hash]);
        assert_eq!(source.relay_from_me(hash), Some(0));
        assert!(source.mailbox.take().relays_ended.is_empty());

        // The second loses its source and does not know yet: another's pieces would not fit what it has.
        let other = join(4);
        source.relay_ended(hash);
        assert_eq!(other.relay_from_me(hash), None);
        assert!(second.mailbox.take().relays_ended.contains(&hash));
        assert_eq!(other.relay_from_me(hash), Some(0));
    }

    #[test]
    fn a_source_without_measure_is_cut() {
        let hub = Hub::default();
        let account = AccountId::from_bytes([1; 16]);
        let join = |n| hub.join(account, DeviceId::from_bytes([n; 16])).unwrap();
        let (source, target) = (join(1), join(2));
        let hash = BlobHash::from_bytes([9; 32]);
        target.ask_others(&[Waiting { hash, offset: 0 }]);
        assert!(source.relay_from_me(hash).is_some());
        for _ in 0..=limit::RELAY_CHUNKS_MAX {
            source.relay_chunk(chunk(hash));
        }
        assert!(source.mailbox.take().relays_ended.contains(&hash));
        let mail = target.mailbox.take();
        assert_eq!(mail.chunks.len(), limit::RELAY_CHUNKS_MAX);
        assert!(mail.relays_ended.contains(&hash));
    }
}
