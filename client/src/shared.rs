//! A vault that several threads of one process use in turn: a sync that stays connected, and the commands that other
//! processes hand over to it meanwhile. Turns are given in the order in which they were asked for, so that neither a busy
//! sync nor a row of commands makes the other wait for ever. Nobody keeps a turn while waiting for a person or the network.

use std::ops::{Deref, DerefMut};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::sync::SyncControl;
use crate::vault::Vault;

/// A vault that several threads use in turn.
#[derive(Debug)]
pub struct SharedVault {
    turns: Turns,
    vault: Mutex<Vault>,
    sync: Mutex<Option<RunningSync>>,
    sync_ended: Condvar,
}

/// The vault, for one thread, until this is dropped. A sync that runs is told at once of what was written.
#[derive(Debug)]
pub struct VaultTurn<'a> {
    // The order matters: the vault is let go before the next one's turn begins.
    vault: MutexGuard<'a, Vault>,
    _turn: Turn<'a>,
    /// Whom to tell of writes, and how many there were before.
    listener: Option<(&'a SharedVault, u64)>,
}

/// A sync that runs on this vault.
#[derive(Debug, Clone)]
pub(crate) struct RunningSync {
    pub(crate) control: SyncControl,
    /// It stays connected, and answers when it is asked for a round.
    pub(crate) watch: bool,
}

/// Whether a thread may sync now.
#[derive(Debug)]
pub(crate) enum Claim<'a> {
    /// Nobody else does, until this is dropped.
    Mine(SyncClaim<'a>),
    /// Another thread stays connected.
    Watched(SyncControl),
}

/// The right to be the one sync of a vault, or to keep any from beginning.
#[derive(Debug)]
pub struct SyncClaim<'a>(&'a SharedVault);

impl SharedVault {
    /// Shares a vault.
    pub fn new(vault: Vault) -> Self {
        Self {
            turns: Turns::default(),
            vault: Mutex::new(vault),
            sync: Mutex::new(None),
            sync_ended: Condvar::new(),
        }
    }

    /// Waits for this thread's turn. A thread that has one must not ask for another.
    pub fn lock(&self) -> VaultTurn<'_> {
        let mut turn = self.lock_for_sync();
        turn.listener = Some((self, turn.vault.writes()));
        turn
    }

    /// As [`SharedVault::lock`], without telling the sync of writes that are its own.
    pub(crate) fn lock_for_sync(&self) -> VaultTurn<'_> {
        let turn = self.turns.take();
        VaultTurn {
            vault: locked(&self.vault),
            _turn: turn,
            listener: None,
        }
    }

    /// Whether a sync stays connected, in whichever thread.
    pub fn is_watched(&self) -> bool {
        locked(&self.sync).as_ref().is_some_and(|sync| sync.watch)
    }

    /// Keeps syncs from running while the vault changes its account; waits for one that will end by itself. None when one
    /// stays connected.
    pub fn without_sync(&self) -> Option<SyncClaim<'_>> {
        let nobody = RunningSync {
            control: SyncControl::default(),
            watch: false,
        };
        match self.claim_sync(&nobody) {
            Claim::Mine(claim) => Some(claim),
            Claim::Watched(_) => None,
        }
    }

    /// Becomes the one sync of this vault; waits for one that will end by itself.
    pub(crate) fn claim_sync(&self, wanted: &RunningSync) -> Claim<'_> {
        let mut sync = locked(&self.sync);
        loop {
            match &*sync {
                None => {
                    *sync = Some(wanted.clone());
                    return Claim::Mine(SyncClaim(self));
                }
                Some(running) if running.watch && running.control.takes_rounds() => {
                    return Claim::Watched(running.control.clone());
                }
                Some(_) => {
                    sync = self
                        .sync_ended
                        .wait(sync)
                        .unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }

    fn tell_sync(&self) {
        if let Some(running) = &*locked(&self.sync) {
            running.control.local_changes();
        }
    }
}

impl Drop for SyncClaim<'_> {
    fn drop(&mut self) {
        *locked(&self.0.sync) = None;
        self.0.sync_ended.notify_all();
    }
}

impl Deref for VaultTurn<'_> {
    type Target = Vault;

    fn deref(&self) -> &Vault {
        &self.vault
    }
}

impl DerefMut for VaultTurn<'_> {
    fn deref_mut(&mut self) -> &mut Vault {
        &mut self.vault
    }
}

impl Drop for VaultTurn<'_> {
    fn drop(&mut self) {
        if let Some((shared, before)) = self.listener
            && self.vault.writes() != before
        {
            shared.tell_sync();
        }
    }
}

/// Who is next: numbers drawn in the order of asking. A mutex alone would let the thread that has just given a turn back
/// take the next one too.
#[derive(Debug, Default)]
struct Turns {
    numbers: Mutex<Numbers>,
    moved: Condvar,
}

#[derive(Debug, Default)]
struct Numbers {
    next: u64,
    now: u64,
}

#[derive(Debug)]
struct Turn<'a>(&'a Turns);

impl Turns {
    fn take(&self) -> Turn<'_> {
        let mut numbers = locked(&self.numbers);
        let mine = numbers.next;
        numbers.next += 1;
        while numbers.now != mine {
            numbers = self
                .moved
                .wait(numbers)
                .unwrap_or_else(PoisonError::into_inner);
        }
        Turn(self)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        locked(&self.0.numbers).now += 1;
        self.0.moved.notify_all();
    }
}

/// A write that panics leaves the vault as it was before, so the next thread may go on with it.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_thread_that_asks_again_and_again_does_not_keep_others_waiting() {
        let dir = tempfile::tempdir().expect("a folder");
        let shared = SharedVault::new(Vault::init(dir.path(), "test").expect("a vault"));
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let (began, begun) = mpsc::channel();
            scope.spawn(|| {
                let began = began;
                while !stop.load(Ordering::SeqCst) {
                    let turn = shared.lock_for_sync();
                    began.send(()).ok();
                    drop(turn);
                }
            });
            begun.recv().expect("the greedy one runs");
            for _ in 0..1_000 {
                drop(shared.lock());
            }
            stop.store(true, Ordering::SeqCst);
        });
    }

    #[test]
    fn one_sync_at_a_time() {
        let dir = tempfile::tempdir().expect("a folder");
        let shared = SharedVault::new(Vault::init(dir.path(), "test").expect("a vault"));
        let once = RunningSync {
            control: SyncControl::default(),
            watch: false,
        };
        let watch = RunningSync {
            watch: true,
            ..once.clone()
        };
        std::thread::scope(|scope| {
            let Claim::Mine(first) = shared.claim_sync(&once) else {
                panic!("nobody syncs yet")
            };
            let second = scope.spawn(|| matches!(shared.claim_sync(&watch), Claim::Mine(_)));
            drop(first);
            assert!(second.join().expect("it ends"), "it waited for its turn");
        });
        let Claim::Mine(_watching) = shared.claim_sync(&watch) else {
            panic!("nobody syncs any more")
        };
        assert!(shared.is_watched());
        assert!(matches!(shared.claim_sync(&once), Claim::Watched(_)));
    }
}
