//! The stamps that tell a directory from its copy: what a device keeps of them, and what its server records. A stamp turns with what is sent, so that a
//! session that only looks writes nothing at either end. Pure: who calls it keeps the stamps, in the commits named here.

use domain::IncarnationId;

use crate::frame::Hello;

/// A device's stamps, kept with its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamps {
    /// Of the last session that sent something.
    pub present: IncarnationId,
    /// Of a session that had something to send and was perhaps not answered.
    pub next: Option<IncarnationId>,
    /// Something was sent in a session that said no next one.
    pub turn_due: bool,
}

impl Stamps {
    /// Whether a session that begins now draws a next stamp; it is kept before `Hello`. One that was drawn before is said again: the server may have taken
    /// it already, and another pair would look like a copy.
    pub fn needs_next(&self, has_news: bool) -> bool {
        self.next.is_none() && (has_news || self.turn_due)
    }

    /// The next stamp as `Hello` says it: with nothing to turn to, the present one.
    pub fn said_next(&self) -> IncarnationId {
        self.next.unwrap_or(self.present)
    }

    /// The server has appended something in this session, and recorded what it had said: to be kept in the commit that clears the outbox. `turning` tells
    /// whether the session had said a next stamp.
    pub fn acknowledged(&mut self, turning: bool) {
        match self.next.take() {
            Some(next) => {
                self.present = next;
                self.turn_due = false;
            }
            None => self.turn_due |= !turning,
        }
    }

    /// The server gave a new identity, and recorded this stamp for it.
    pub fn renamed(&mut self, present: IncarnationId) {
        self.present = present;
        self.next = None;
    }
}

/// The stamp that a device takes with the first batch it sends in a session, as its server is to record it in the commit of that batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    from: IncarnationId,
    to: IncarnationId,
}

/// Another copy of the directory was faster: the session ends, and the next hello tells which of the two this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a copy of this device's directory sent something meanwhile")]
pub struct Overtaken;

impl Turn {
    /// What is left to record for a hello that was judged to come from the device itself; nothing if it is recorded already.
    pub fn of(hello: &Hello, recorded: Option<IncarnationId>) -> Option<Turn> {
        (recorded != Some(hello.next_incarnation)).then_some(Turn {
            from: hello.incarnation,
            to: hello.next_incarnation,
        })
    }

    /// The stamp to record, given the one that is.
    ///
    /// # Errors
    /// When that is neither of the two the device said.
    pub fn record(self, recorded: Option<IncarnationId>) -> Result<IncarnationId, Overtaken> {
        let is_own = recorded.is_none_or(|seen| seen == self.from || seen == self.to);
        if is_own { Ok(self.to) } else { Err(Overtaken) }
    }
}
