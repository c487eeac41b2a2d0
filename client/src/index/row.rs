//! The rows of the derived index: what a row holds and how it is read from and written to bytes. The same content gives the
//! same bytes, so that a rebuilt index can be compared with the stored one. Which row stands under which key is `key`'s.

mod card;
mod conflict;
mod deck;

use std::collections::BTreeSet;

use domain::{Event, EventId};
use minicbor::{Decode, Encode};

pub(crate) use card::{CardRow, Content, NoteRow};
pub(crate) use conflict::ConflictRow;
pub(crate) use deck::{DeckRow, SumRow};

/// What was studied of a deck on a day, over all devices.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct DayRow {
    /// Cards met for the first time.
    #[n(0)]
    pub(crate) new: u32,
    /// Other cards answered.
    #[n(1)]
    pub(crate) reviews: u32,
}

/// A blob that cards name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct BlobRow {
    /// How many shown cards name it.
    #[n(0)]
    pub(crate) cards: u32,
}

/// A card that names a blob, and as what.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(crate) struct ReferenceRow {
    #[n(0)]
    pub(crate) bytes: u64,
    #[n(1)]
    pub(crate) mime: String,
}

/// How many texts of a card or deck wait for a choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub(crate) struct ConflictsRow {
    /// A deck's own texts, not a card's.
    #[n(0)]
    pub(crate) of_deck: bool,
    #[n(1)]
    pub(crate) count: u32,
}

/// Figures over the whole vault.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct TotalsRow {
    /// Different blobs that shown cards name.
    #[n(0)]
    pub(crate) blobs: u64,
}

/// A row of the index that is no row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BadRow;

/// The bytes of a row.
pub(crate) fn encode<T: Encode<()>>(row: &T) -> Vec<u8> {
    minicbor::to_vec(row).expect("writing into memory cannot fail")
}

/// Reads a row.
pub(crate) fn decode<'b, T: Decode<'b, ()>>(bytes: &'b [u8]) -> Result<T, BadRow> {
    minicbor::decode(bytes).map_err(|_| BadRow)
}

/// Packs one row of events: each as id, length, packed bytes.
pub(crate) fn encode_events<'a>(events: impl IntoIterator<Item = &'a Event>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for event in events {
        let packed = event.pack();
        bytes.extend_from_slice(event.id.as_bytes());
        bytes.push(u8::try_from(packed.len()).expect("a packed event has at most 80 bytes"));
        bytes.extend_from_slice(&packed);
    }
    bytes
}

/// Reads one row of events.
pub(crate) fn decode_events(mut bytes: &[u8], into: &mut BTreeSet<Event>) -> Result<(), BadRow> {
    while let Some((id, rest)) = bytes.split_first_chunk::<16>() {
        let (len, rest) = rest.split_first().ok_or(BadRow)?;
        let (packed, rest) = rest.split_at_checked(usize::from(*len)).ok_or(BadRow)?;
        into.insert(Event::unpack(EventId::from_bytes(*id), packed).map_err(|_| BadRow)?);
        bytes = rest;
    }
    if bytes.is_empty() {
        Ok(())
    } else {
        Err(BadRow)
    }
}
