//! The table of open sessions: what one session does that another of the same account must hear.
//!
//! News lies in each session's [`Mail`], made of sets and latest values: it cannot overflow, and a slow session never
//! slows another. Only relayed chunks are queued, bounded by the credit of their relay and by a count. Nothing here
//! touches the disk or waits. Each account has a lock of its own: what one does there with thousands of hashes holds no other up.

mod pace;
mod relay;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::{BlobHash, DeviceId};
use sync_protocol::server::{RelayChunk, Waiting};
use sync_protocol::{CloseCode, Quota};
use tokio::sync::Notify;

use crate::clock::steady_ms;
use crate::limit;
use crate::store::AccountId;
use pace::Pace;
use relay::Relays;

/// Names an open session for as long as the process lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SessionId(u64);

impl SessionId {
    /// Stands for the server's own work where a session is named. Sessions count from 1.
    pub(crate) const UPKEEP: Self = Self(0);
}

/// News for one session since it last looked.
#[derive(Debug, Default)]
pub(crate) struct Mail {
    /// The log has grown to here.
    pub(crate) head: Option<u64>,
    /// Stored now.
    pub(crate) available: BTreeSet<BlobHash>,
    /// Their receiver gave up.
    pub(crate) free: BTreeSet<BlobHash>,
    /// Others wait for these.
    pub(crate) wanted: BTreeSet<BlobHash>,
    /// Pieces relayed to this session.
    pub(crate) chunks: VecDeque<RelayChunk>,
    /// What the targets of this session's relays have taken.
    pub(crate) credits: BTreeMap<BlobHash, u64>,
    /// Relays whose other end is done or gone. To be looked at after the chunks.
    pub(crate) relays_ended: BTreeSet<BlobHash>,
    /// The account's figures changed.
    pub(crate) quota: Option<Quota>,
    /// The session is to end.
    pub(crate) close: Option<(CloseCode, &'static str)>,
}

/// A session's letter box.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    mail: Mutex<Mail>,
    arrived: Notify,
}

/// All open sessions.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hub {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    accounts: BTreeMap<AccountId, Arc<Mutex<Account>>>,
    last_session: u64,
    open: usize,
}

/// The open sessions of one account.
#[derive(Debug, Default)]
struct Account {
    sessions: BTreeMap<SessionId, Session>,
    /// Blobs sessions wait for, with the offset each has already.
    waiting: BTreeMap<BlobHash, BTreeMap<SessionId, u64>>,
    relays: Relays,
    pace: Pace,
}

#[derive(Debug)]
struct Session {
    device: DeviceId,
    mailbox: Arc<Mailbox>,
}

/// A session's place in the hub; leaving is dropping it.
#[derive(Debug)]
pub(crate) struct Seat {
    hub: Hub,
    account: AccountId,
    table: Arc<Mutex<Account>>,
    id: SessionId,
    mailbox: Arc<Mailbox>,
}

/// The account, or the server, has as many open sessions as it may have.
#[derive(Debug, thiserror::Error)]
#[error("there are as many open sessions as there may be")]
pub(crate) struct TooManyConnections;

impl Hub {
    /// Takes a seat. At the bound, an older connection of the same device makes room.
    pub(crate) fn join(
        &self,
        account: AccountId,
        device: DeviceId,
    ) -> Result<Seat, TooManyConnections> {
        let mut state = self.lock();
        if state.open >= limit::SESSIONS_MAX {
            return Err(TooManyConnections);
        }
        state.last_session += 1;
        let id = SessionId(state.last_session);
        let shared = Arc::clone(state.accounts.entry(account).or_default());
        let mut table = lock(&shared);
        if table.sessions.len() >= limit::CONNECTIONS_PER_ACCOUNT_MAX {
            let older = table.sessions.values().find(|other| other.device == device);
            let older = older.ok_or(TooManyConnections)?;
            let reason = "a newer connection of this device took its place";
            older
                .mailbox
                .put(|mail| mail.close = Some((CloseCode::Unavailable, reason)));
            if table.sessions.len() >= 2 * limit::CONNECTIONS_PER_ACCOUNT_MAX {
                return Err(TooManyConnections);
            }
        }
        let mailbox = Arc::new(Mailbox::default());
        let session = Session {
            device,
            mailbox: Arc::clone(&mailbox),
        };
        table.sessions.insert(id, session);
        drop(table);
        state.open += 1;
        drop(state);
        Ok(Seat {
            hub: self.clone(),
            account,
            table: shared,
            id,
            mailbox,
        })
    }

    /// Ends every session of an account, or of one of its devices.
    pub(crate) fn close(&self, account: AccountId, device: Option<DeviceId>, reason: &'static str) {
        let Some(table) = self.table(account) else {
            return;
        };
        for session in lock(&table).sessions.values() {
            if device.is_none_or(|device| device == session.device) {
                let close = (CloseCode::Unauthorized, reason);
                session.mailbox.put(|mail| mail.close = Some(close));
            }
        }
    }

    /// Tells every session of an account its figures.
    pub(crate) fn quota(&self, account: AccountId, quota: Quota) {
        if let Some(table) = self.table(account) {
            let table = lock(&table);
            let sessions = table.sessions.values();
            sessions.for_each(|session| session.mailbox.put(|mail| mail.quota = Some(quota)));
        }
    }

    /// Tells every session of an account what is stored now.
    pub(crate) fn blob_stored(&self, account: AccountId, hash: BlobHash) {
        if let Some(table) = self.table(account) {
            let table = lock(&table);
            let sessions = table.sessions.values();
            sessions.for_each(|session| session.mailbox.put(|mail| mail.available.extend([hash])));
        }
    }

    /// A number for work that is no session's but takes the same steps.
    pub(crate) fn session(&self) -> SessionId {
        let mut state = self.lock();
        state.last_session += 1;
        SessionId(state.last_session)
    }

    /// Tells every session of an account what nobody has in hand any more.
    pub(crate) fn blobs_free(&self, account: AccountId, hashes: &[BlobHash]) {
        if let Some(table) = self.table(account) {
            let table = lock(&table);
            let sessions = table.sessions.values();
            sessions.for_each(|session| session.mailbox.put(|mail| mail.free.extend(hashes)));
        }
    }

    fn table(&self, account: AccountId) -> Option<Arc<Mutex<Account>>> {
        self.lock().accounts.get(&account).map(Arc::clone)
    }

    /// The lock of all accounts. Whoever needs that of one too takes it second.
    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl Mailbox {
    fn put(&self, change: impl FnOnce(&mut Mail)) {
        change(&mut lock(&self.mail));
        self.arrived.notify_one();
    }

    fn look<T>(&self, question: impl FnOnce(&Mail) -> T) -> T {
        question(&lock(&self.mail))
    }

    /// Waits for news. Nothing is lost when the wait is dropped.
    pub(crate) async fn arrived(&self) {
        self.arrived.notified().await;
    }

    /// Takes all news.
    pub(crate) fn take(&self) -> Mail {
        std::mem::take(&mut lock(&self.mail))
    }
}

impl Seat {
    pub(crate) fn account(&self) -> AccountId {
        self.account
    }

    pub(crate) fn id(&self) -> SessionId {
        self.id
    }

    pub(crate) fn mailbox(&self) -> Arc<Mailbox> {
        Arc::clone(&self.mailbox)
    }

    /// Tells the others how far the log goes.
    pub(crate) fn announce_head(&self, seq: u64) {
        self.others(|mail| mail.head = mail.head.max(Some(seq)));
    }

    /// Tells the others what is stored now.
    pub(crate) fn announce_blobs(&self, hashes: &[BlobHash]) {
        self.others(|mail| mail.available.extend(hashes));
    }

    /// Tells the others what nobody receives any more.
    pub(crate) fn blobs_free(&self, hashes: &[BlobHash]) {
        if !hashes.is_empty() {
            self.others(|mail| mail.free.extend(hashes));
        }
    }

    /// Learns what the others wait for.
    pub(crate) fn ask_me(&self) {
        self.with(|id, table| {
            let wanted: Vec<_> = table
                .waiting
                .iter()
                .filter(|(_, sessions)| sessions.keys().any(|other| *other != id))
                .map(|(hash, _)| *hash)
                .collect();
            if !wanted.is_empty() {
                table.tell(id, |mail| mail.wanted.extend(wanted));
            }
        });
    }

    /// Notes what this session waits for, and asks the others. Past the account's bound nobody is asked; what comes by itself is
    /// still told.
    pub(crate) fn ask_others(&self, waiting: &[Waiting]) {
        self.with(|id, table| {
            let mut hashes = Vec::with_capacity(waiting.len());
            for item in waiting {
                let is_full = table.waiting.len() >= limit::WAITING_PER_ACCOUNT_MAX;
                if is_full && !table.waiting.contains_key(&item.hash) {
                    continue;
                }
                let sessions = table.waiting.entry(item.hash).or_default();
                sessions.insert(id, item.offset);
                hashes.push(item.hash);
            }
            table.tell_others(id, |mail| mail.wanted.extend(&hashes));
        });
    }

    /// Forgets what this session waited for; if others still wait for it, they are helped anew.
    pub(crate) fn stop_asking(&self, hashes: &[BlobHash]) {
        self.with(|id, table| hashes.iter().for_each(|hash| table.stop_waiting(id, *hash)));
    }

    fn others(&self, change: impl Fn(&mut Mail)) {
        self.with(|id, table| table.tell_others(id, change));
    }

    /// Notes work for nothing that this session gave the server; says until when it should not be listened to.
    pub(crate) fn wasted(&self, items: usize, now_ms: u64) -> u64 {
        self.with(|_, table| table.pace.spend(items, now_ms))
    }

    fn with<T>(&self, act: impl FnOnce(SessionId, &mut Account) -> T) -> T {
        act(self.id, &mut lock(&self.table))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.with(|id, table| {
            table.sessions.remove(&id);
            table.end_relays_of(id);
            let waited: Vec<_> = table.waiting.keys().copied().collect();
            for hash in waited {
                table.stop_waiting(id, hash);
            }
        });
        let mut state = self.hub.lock();
        state.open = state.open.saturating_sub(1);
        // Another session may have come meanwhile. Who wasted the server's time is remembered for as long as it counts.
        let is_over =
            self.with(|_, table| table.sessions.is_empty() && table.pace.is_forgotten(steady_ms()));
        if is_over {
            state.accounts.remove(&self.account);
        }
    }
}

/// Locks what is whole at every moment, so a panicked holder does no harm.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Account {
    fn tell(&self, id: SessionId, change: impl FnOnce(&mut Mail)) {
        if let Some(session) = self.sessions.get(&id) {
            session.mailbox.put(change);
        }
    }

    fn tell_others(&self, id: SessionId, change: impl Fn(&mut Mail)) {
        for (other, session) in &self.sessions {
            if *other != id {
                session.mailbox.put(&change);
            }
        }
    }

    fn stop_waiting(&mut self, id: SessionId, hash: BlobHash) {
        let Some(sessions) = self.waiting.get_mut(&hash) else {
            return;
        };
        let waited = sessions.remove(&id).is_some();
        let left: BTreeSet<SessionId> = sessions.keys().copied().collect();
        if left.is_empty() {
            self.waiting.remove(&hash);
        } else if waited {
            for (other, session) in &self.sessions {
                if !left.contains(other) && *other != id {
                    session.mailbox.put(|mail| {
                        mail.wanted.insert(hash);
                    });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(n: u8) -> BlobHash {
        BlobHash::from_bytes([n; 32])
    }

    fn seats(hub: &Hub, count: u8) -> Vec<Seat> {
        let account = AccountId::from_bytes([1; 16]);
        (0..count)
            .map(|n| hub.join(account, DeviceId::from_bytes([n; 16])).unwrap())
            .collect()
    }

    #[test]
    fn news_reaches_the_others_and_only_this_account() {
        let hub = Hub::default();
        let seats = seats(&hub, 2);
        let stranger = AccountId::from_bytes([2; 16]);
        let stranger = hub.join(stranger, DeviceId::from_bytes([0; 16])).unwrap();
        seats[0].announce_head(7);
        seats[0].announce_head(5);
        seats[0].announce_blobs(&[hash(1)]);
        let mail = seats[1].mailbox.take();
        assert_eq!(mail.head, Some(7));
        assert_eq!(mail.available, BTreeSet::from([hash(1)]));
        assert_eq!(seats[0].mailbox.take().head, None);
        assert_eq!(stranger.mailbox.take().head, None);
    }

    #[test]
    fn who_joins_later_learns_what_is_wanted() {
        let hub = Hub::default();
        let seats = seats(&hub, 2);
        let item = Waiting {
            hash: hash(1),
            offset: 3,
        };
        seats[0].ask_others(&[item]);
        assert!(seats[1].mailbox.take().wanted.contains(&hash(1)));
        seats[1].ask_me();
        assert!(seats[1].mailbox.take().wanted.contains(&hash(1)));
        seats[0].ask_me();
        assert!(seats[0].mailbox.take().wanted.is_empty());
        seats[0].stop_asking(&[hash(1)]);
        seats[1].ask_me();
        assert!(seats[1].mailbox.take().wanted.is_empty());
    }

    #[test]
    fn an_account_asks_its_others_for_so_many_and_no_more() {
        let hub = Hub::default();
        let seats = seats(&hub, 2);
        let waiting = |from: usize, count: usize| -> Vec<_> {
            let hash = |n: usize| *blake3::hash(&n.to_be_bytes()).as_bytes();
            let item = |n| Waiting {
                hash: BlobHash::from_bytes(hash(n)),
                offset: 0,
            };
            (from..from + count).map(item).collect()
        };
        let all = waiting(0, limit::WAITING_PER_ACCOUNT_MAX);
        seats[0].ask_others(&all);
        seats[0].ask_others(&waiting(all.len(), 10));
        assert_eq!(seats[1].mailbox.take().wanted.len(), all.len());
        // What is waited for already may be asked for again, and what is no longer makes room.
        seats[1].ask_others(&all[..3]);
        assert_eq!(seats[0].mailbox.take().wanted.len(), 3);
        seats[0].stop_asking(&[all[5].hash]);
        seats[0].ask_others(&waiting(all.len(), 10));
        assert_eq!(seats[1].mailbox.take().wanted.len(), 1);
    }

    #[test]
    fn who_wasted_much_is_remembered_when_it_comes_back() {
        let hub = Hub::default();
        let free = usize::try_from(limit::WASTE_FREE_ITEMS).unwrap();
        let now_ms = steady_ms();
        assert!(seats(&hub, 1)[0].wasted(free, now_ms) <= now_ms);
        assert!(seats(&hub, 1)[0].wasted(free, now_ms) > now_ms);
        let stranger = AccountId::from_bytes([2; 16]);
        let stranger = hub.join(stranger, DeviceId::from_bytes([0; 16])).unwrap();
        assert!(stranger.wasted(free, now_ms) <= now_ms);
    }

    #[test]
    fn connections_are_bounded_and_the_same_device_replaces_itself() {
        let hub = Hub::default();
        let max = limit::CONNECTIONS_PER_ACCOUNT_MAX as u8;
        let seats = seats(&hub, max);
        let account = AccountId::from_bytes([1; 16]);
        assert!(hub.join(account, DeviceId::from_bytes([max; 16])).is_err());
        let again = hub.join(account, DeviceId::from_bytes([3; 16])).unwrap();
        assert!(seats[3].mailbox.take().close.is_some());
        drop((again, seats));
        assert!(hub.lock().accounts.is_empty());
    }

    #[test]
    fn a_revoked_device_is_told_and_the_others_are_not() {
        let hub = Hub::default();
        let seats = seats(&hub, 2);
        let account = AccountId::from_bytes([1; 16]);
        hub.close(account, Some(DeviceId::from_bytes([1; 16])), "removed");
        assert!(seats[0].mailbox.take().close.is_none());
        let close = seats[1].mailbox.take().close;
        assert_eq!(close, Some((CloseCode::Unauthorized, "removed")));
    }
}
