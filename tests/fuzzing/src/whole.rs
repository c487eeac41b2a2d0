//! The short way for whole documents that a device does not know yet (`storage::Arrival`), held against the long one: what it
//! takes is what the intake takes, and what it reads is what Automerge shows. It may leave anything to the long way.

use domain::document::cards::PageView;
use domain::document::deck::DeckView;
use domain::document::events::EventsView;
use domain::document::settings::SettingsView;
use domain::document::{self, DocKind, Source};
use domain::{ChangeHash, DeckId, DocId};
use storage::{Arrival, Writer};

use crate::field::{expect, words};

/// Everything our readers can say of a document, whatever its kind.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct View {
    kind: Option<DocKind>,
    settings: SettingsView,
    deck: DeckView,
    cards: PageView,
    events: EventsView,
}

/// Reads a document by every reader there is.
pub(crate) fn view<D: Source>(doc: &D) -> View {
    View {
        kind: document::kind(doc),
        settings: document::settings::read(doc),
        deck: document::deck::read(doc, DeckId::from(whole_id())),
        cards: document::cards::read(doc),
        events: document::events::read(doc),
    }
}

/// The changes of a document as one arrival, if they go the short way.
pub(crate) fn judge(changes: Vec<Vec<u8>>) -> Option<Arrival<View>> {
    Arrival::judge(changes, None, |plain| view(plain)).ok()
}

/// A device that knows nothing of the document admits it and then holds it as the other one does.
///
/// # Errors
/// What does not hold.
pub(crate) fn admit(
    writer: &mut Writer<'_>,
    arrival: Arrival<View>,
    heads: &[ChangeHash],
) -> Result<(), String> {
    let (received, read) = writer.admit(whole_id(), arrival).map_err(words)?;
    expect(received.after == heads, || {
        "admitted whole, it has other heads".to_owned()
    })?;
    // From here on Automerge has it.
    let shown = view(writer.document(whole_id()).map_err(words)?);
    expect(shown == read, || {
        "admitted whole, it was read as something else than Automerge shows".to_owned()
    })
}

/// Where a document lies that arrived whole.
fn whole_id() -> DocId {
    DocId::from_bytes([0xa8; 16])
}
