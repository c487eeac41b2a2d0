//! What this device knows of itself and of its server: identity, logical clock, login, figures last heard, the reviews that
//! `undo` can take back, the pages it is filling. Kept in rows beside the index, never synced, never rebuilt. Changing it is
//! part of the same commits as everything else.

use domain::{DeckId, DeviceId, DocId, Hlc, IncarnationId, VaultId};
use minicbor::{Decode, Encode};
use sync_protocol::Stamps;

use crate::clock::Moment;
use crate::index::field::id16;
use crate::index::{ReadRows, Rows, key};
use crate::vault::{VaultError, VaultResult};

/// Everything of this device that fits in one row.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(crate) struct LocalState {
    #[cbor(n(0), with = "id16")]
    pub(crate) vault: VaultId,
    #[cbor(n(1), with = "id16")]
    pub(crate) device: DeviceId,
    #[n(2)]
    pub(crate) device_name: String,
    /// Stamp of the last session that sent something.
    #[cbor(n(3), with = "id16")]
    pub(crate) incarnation: IncarnationId,
    /// Stamp of the session that has something to send and was perhaps not answered.
    #[n(4)]
    pub(crate) next_incarnation: Option<Stamp>,
    #[n(5)]
    pub(crate) login: Option<Login>,
    #[n(6)]
    pub(crate) quota: Option<QuotaFigures>,
    /// How far the server's clock is ahead.
    #[n(7)]
    pub(crate) clock_ahead_ms: i64,
    /// Settings documents of vault ids that were left by joining an account: kept, never sent.
    #[n(8)]
    pub(crate) retired: Vec<Retired>,
    /// The server's words about changes it did not take, if it said any in the last session.
    #[n(9)]
    pub(crate) changes_refused: Option<String>,
    /// How many of the next sessions still try to be a repair, because something the server sent had to be set aside: a
    /// change damaged on its way is not sent again to a device that stands behind it, unless both compare what they have.
    #[cbor(n(10), default)]
    pub(crate) repairs_due: u8,
    /// Something was sent in a session that had said no next stamp: the next session says one.
    #[cbor(n(11), default)]
    pub(crate) turn_due: bool,
    /// Only pictures and sounds of cards that are looked at are fetched.
    #[cbor(n(12), default)]
    pub(crate) media_lazy: bool,
    /// The last word of other devices on unused blobs that this one has heard.
    #[cbor(n(13), default)]
    pub(crate) unused_seen: u64,
    /// When the server was last told of unused blobs.
    #[cbor(n(14), default)]
    pub(crate) unused_told_ms: i64,
}

impl LocalState {
    /// The stamps that tell this vault from a copy of it.
    pub(crate) fn stamps(&self) -> Stamps {
        Stamps {
            present: self.incarnation,
            next: self.next_incarnation.map(|Stamp(next)| next),
            turn_due: self.turn_due,
        }
    }

    /// Keeps stamps that turned.
    pub(crate) fn set_stamps(&mut self, stamps: Stamps) {
        self.incarnation = stamps.present;
        self.next_incarnation = stamps.next.map(Stamp);
        self.turn_due = stamps.turn_due;
    }
}

/// An incarnation as an optional field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Stamp(#[cbor(n(0), with = "id16")] pub(crate) IncarnationId);

/// A document that is no longer used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Retired(#[cbor(n(0), with = "id16")] pub(crate) DocId);

/// The account this vault belongs to. The token is in its own file.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Login {
    /// Address of the server, as typed at login.
    #[n(0)]
    pub url: String,
    /// User name there.
    #[n(1)]
    pub user: String,
    /// The certificates (PEM) that alone are trusted, when the person named some.
    #[n(2)]
    pub ca: Option<String>,
    /// Whether the device is logged in; a logged-out device keeps its outbox.
    #[n(3)]
    pub active: bool,
}

/// Bytes of blobs, as last heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub(crate) struct QuotaFigures {
    #[n(0)]
    pub(crate) used: u64,
    #[n(1)]
    pub(crate) limit: u64,
}

/// The page of a deck that this device is filling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub(crate) struct OpenPage {
    #[cbor(n(0), with = "id16")]
    pub(crate) page: DocId,
    #[n(1)]
    pub(crate) cards: u32,
    #[n(2)]
    pub(crate) item_bytes: u64,
}

/// A blob the server did not take in the last session.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(crate) struct RefusedRow {
    #[n(0)]
    pub(crate) bytes: u64,
    #[n(1)]
    pub(crate) reason: String,
}

const STATE: &str = "state";
const CLOCK: &str = "hlc";

impl LocalState {
    /// A device that begins, in a vault of its own.
    pub(crate) fn fresh(device_name: &str, now: Moment) -> VaultResult<Self> {
        let now_ms = u64::try_from(now.at.0).unwrap_or(0);
        Ok(Self {
            vault: VaultId::v7(now_ms, random()?),
            device: DeviceId::v7(now_ms, random()?),
            device_name: device_name.to_owned(),
            incarnation: IncarnationId::from_bytes(random()?),
            next_incarnation: None,
            login: None,
            quota: None,
            clock_ahead_ms: 0,
            retired: Vec::new(),
            changes_refused: None,
            repairs_due: 0,
            turn_due: false,
            media_lazy: false,
            unused_seen: 0,
            unused_told_ms: now.at.0,
        })
    }
}

/// Key of the device's state.
pub(crate) fn state_key() -> Vec<u8> {
    key::local(STATE)
}

/// Reads the device's state.
pub(crate) fn read<R: ReadRows>(rows: &R) -> VaultResult<LocalState> {
    let key = key::local(STATE);
    rows.read(&key)?.ok_or_else(|| crate::index::damaged(&key))
}

/// Writes the device's state.
pub(crate) fn write<R: Rows>(rows: &mut R, state: &LocalState) {
    rows.write(key::local(STATE), state);
}

/// Reads the logical clock.
pub(crate) fn read_clock<R: ReadRows>(rows: &R) -> VaultResult<Hlc> {
    Ok(Hlc::from_u64(rows.read(&key::local(CLOCK))?.unwrap_or(0)))
}

/// Writes the logical clock.
pub(crate) fn write_clock<R: Rows>(rows: &mut R, clock: Hlc) {
    rows.write(key::local(CLOCK), &clock.to_u64());
}

/// The page of a deck that is being filled.
pub(crate) fn open_page<R: ReadRows>(rows: &R, deck: DeckId) -> VaultResult<Option<OpenPage>> {
    rows.read(&page_key(deck))
}

/// Notes the page of a deck that is being filled.
pub(crate) fn put_open_page<R: Rows>(rows: &mut R, deck: DeckId, page: &OpenPage) {
    rows.write(page_key(deck), page);
}

/// The segment of a month that is being filled, by device.
pub(crate) fn open_segment<R: ReadRows>(
    rows: &R,
    device: DeviceId,
    month: u32,
) -> VaultResult<u16> {
    Ok(rows.read(&segment_key(device, month))?.unwrap_or(0))
}

/// Notes the segment of a month that is being filled.
pub(crate) fn put_open_segment<R: Rows>(rows: &mut R, device: DeviceId, month: u32, segment: u16) {
    rows.write(segment_key(device, month), &segment);
}

fn page_key(deck: DeckId) -> Vec<u8> {
    key::local(&format!("page/{deck}"))
}

fn segment_key(device: DeviceId, month: u32) -> Vec<u8> {
    key::local(&format!("segment/{device}/{month}"))
}

/// Fresh random bytes.
pub(crate) fn random<const N: usize>() -> VaultResult<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|why| VaultError::Random(why.to_string()))?;
    Ok(bytes)
}
