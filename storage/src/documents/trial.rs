//! Where Automerge meets bytes: on a thread with a deep stack, under a guard, on a clone that is thrown away when anything is wrong.

use std::collections::BTreeMap;

use automerge::{Automerge, Change, ChangeHash, ReadDoc};

use super::quiet::quiet_this_thread;
use super::{SchemaCheck, kept};
use crate::limit::INTAKE_STACK_BYTES;

/// Runs `work` with a deep stack; `None` when it panicked.
pub(super) fn on_deep_stack<T: Send>(work: impl FnOnce() -> T + Send) -> Option<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .name("intake".to_owned())
            .stack_size(INTAKE_STACK_BYTES)
            .spawn_scoped(scope, || {
                quiet_this_thread();
                work()
            });
        match thread {
            Ok(thread) => thread.join().ok(),
            Err(e) => {
                tracing::error!(error = %e, "no thread for the intake");
                None
            }
        }
    })
}

/// The document with these changes, if all of them apply, come back byte for byte, and pass the schema check.
pub(super) fn apply(
    base: &Automerge,
    changes: &[&[u8]],
    schema: Option<SchemaCheck>,
) -> Result<Automerge, String> {
    on_deep_stack(|| {
        let parsed = parse(changes)?;
        let before = base.get_heads();
        let mut doc = base.clone();
        doc.apply_changes(parsed.iter().cloned())
            .map_err(|e| format!("it cannot be applied: {e}"))?;
        if !doc.get_missing_deps(&[]).is_empty() {
            return Err("a change it needs is missing".to_owned());
        }
        let now: BTreeMap<_, _> = doc
            .get_changes(&before)
            .into_iter()
            .map(|c| (c.hash(), c))
            .collect();
        for change in &parsed {
            let same = now
                .get(&change.hash())
                .is_some_and(|c| c.raw_bytes() == change.raw_bytes());
            if !same {
                return Err("the document does not give it back as it was".to_owned());
            }
        }
        if let Some(check) = schema {
            check(&doc, &parsed)?;
        }
        Ok(doc)
    })
    .unwrap_or_else(|| Err("applying it failed inside Automerge".to_owned()))
}

/// Applies what can be applied. Returns the document, and for each change whether it is in, or why not.
pub(super) fn apply_what_fits(
    base: Automerge,
    changes: &[&[u8]],
    schema: Option<SchemaCheck>,
) -> (Automerge, Vec<Result<(), String>>) {
    match apply(&base, changes, schema) {
        Ok(doc) => (doc, vec![Ok(()); changes.len()]),
        Err(reason) if changes.len() <= 1 => (base, vec![Err(reason); changes.len()]),
        Err(_) => {
            let (left, right) = changes.split_at(changes.len() / 2);
            let (doc, mut outcomes) = apply_what_fits(base, left, schema);
            let (doc, rest) = apply_what_fits(doc, right, schema);
            outcomes.extend(rest);
            (doc, outcomes)
        }
    }
}

/// A saved document of this device's own making.
pub(super) fn load(saved: &[u8]) -> Option<Automerge> {
    on_deep_stack(|| Automerge::load(saved).ok()).flatten()
}

/// The saved form, if it loads again with the same heads.
pub(super) fn save(doc: &Automerge) -> Option<Vec<u8>> {
    on_deep_stack(|| {
        let saved = doc.save();
        let again = Automerge::load(&saved).ok()?;
        (again.get_heads() == doc.get_heads()).then_some(saved)
    })
    .flatten()
}

/// The changes that are not ancestors of `heads`, made again from the document; `None` when Automerge cannot make them.
pub(super) fn changes_again(doc: &Automerge, heads: &[ChangeHash]) -> Option<Vec<Vec<u8>>> {
    on_deep_stack(|| doc.get_changes(heads).iter().map(kept).collect())
}

fn parse(changes: &[&[u8]]) -> Result<Vec<Change>, String> {
    changes
        .iter()
        .map(|raw| Change::from_bytes(raw.to_vec()).map_err(|e| format!("it cannot be read: {e}")))
        .collect()
}
