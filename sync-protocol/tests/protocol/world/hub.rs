//! The server's table of an account's open sessions: who waits for which blob, who relays it, and what the others must hear.

use domain::BlobHash;
use sync_protocol::ServerSession;
use sync_protocol::server::Waiting;

use super::server::{Answer, ConnId, Effect, News, Server};

impl Server {
    pub fn others(
        &self,
        conn: ConnId,
        input: impl Fn(&mut ServerSession, u64) + Clone + 'static,
    ) -> Vec<Effect> {
        let others = self.sessions.iter().filter(|other| **other != conn);
        others
            .map(|other| {
                let input = input.clone();
                Effect::Hub(
                    *other,
                    Box::new(move |session: &mut ServerSession, now| input(session, now)) as Answer,
                )
            })
            .collect()
    }

    pub fn abandon(&mut self, conn: ConnId, hashes: Vec<BlobHash>) -> Vec<Effect> {
        self.reserved
            .retain(|hash, (owner, _)| *owner != conn || !hashes.contains(hash));
        self.others(conn, move |session, now| {
            session.handle_blob_free(&hashes, now)
        })
    }

    pub fn ask_others(&mut self, conn: ConnId, waiting: &[Waiting]) -> Vec<Effect> {
        for Waiting { hash, offset } in waiting {
            self.waiting.entry(*hash).or_default().insert(conn, *offset);
        }
        let hashes: Vec<BlobHash> = waiting.iter().map(|waiting| waiting.hash).collect();
        self.others(conn, move |session, now| {
            session.handle_blob_wanted(&hashes, now)
        })
    }

    pub fn stop_asking(&mut self, conn: ConnId, hashes: &[BlobHash]) -> Vec<Effect> {
        let mut still_wanted = Vec::new();
        for hash in hashes {
            if let Some(targets) = self.waiting.get_mut(hash) {
                targets.remove(&conn);
                if targets.is_empty() {
                    self.waiting.remove(hash);
                } else {
                    still_wanted.push(*hash);
                }
            }
        }
        self.others(0, move |session, now| {
            session.handle_blob_wanted(&still_wanted, now)
        })
    }

    pub fn relay_ended(&mut self, conn: ConnId, hash: BlobHash) -> Vec<Effect> {
        match self.pairs.get(&hash).copied() {
            Some((source, target)) if source == conn || target == conn => {
                self.pairs.remove(&hash);
                let other = if source == conn { target } else { source };
                vec![Effect::Hub(
                    other,
                    Box::new(move |session, now| session.handle_relay_ended(hash, now)),
                )]
            }
            _ => vec![],
        }
    }

    /// What the shell tells the others when the session that did it is gone.
    pub fn news(&self, news: News) -> Vec<Effect> {
        match news {
            News::Head(seq) => self.others(0, move |session, now| session.handle_head(seq, now)),
            News::Blob(hash) => self.others(0, move |session, now| {
                session.handle_blob_available(&[hash], now)
            }),
        }
    }

    /// What the shell does when a session is gone.
    pub fn session_ended(&mut self, conn: ConnId) -> Vec<Effect> {
        self.sessions.remove(&conn);
        self.turns.remove(&conn);
        let reserved: Vec<BlobHash> = self
            .reserved
            .iter()
            .filter(|(_, (owner, _))| *owner == conn)
            .map(|(hash, _)| *hash)
            .collect();
        let mut effects = self.abandon(conn, reserved);
        let waited: Vec<BlobHash> = self
            .waiting
            .iter()
            .filter(|(_, targets)| targets.contains_key(&conn))
            .map(|(hash, _)| *hash)
            .collect();
        effects.extend(self.stop_asking(conn, &waited));
        let paired: Vec<BlobHash> = self
            .pairs
            .iter()
            .filter(|(_, (source, target))| *source == conn || *target == conn)
            .map(|(hash, _)| *hash)
            .collect();
        for hash in paired {
            effects.extend(self.relay_ended(conn, hash));
        }
        effects
    }
}
