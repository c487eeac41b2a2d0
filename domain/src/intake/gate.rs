//! The byte gate: whether some bytes are one change that Automerge can be handed without harm. Parses without allocating
//! by the numbers it finds, in time bounded by the limits; whether the change continues what is held is `graph`'s to say.

use std::io::Read;

use crate::id::{ActorId, ChangeHash};
use crate::intake::ChangeMeta;
use crate::intake::chunk::{self, DEFLATED, MAGIC, PLAIN};
use crate::intake::cursor::Cursor;
use crate::intake::ops::{self, ColumnBytes, Frame, Op};
use crate::limit;

/// A change whose bytes have passed the gate: one chunk, whole, its checksum right, every number within bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatedChange {
    hash: ChangeHash,
    meta: ChangeMeta,
    ops: u64,
    time_s: i64,
    others: Vec<ActorId>,
    canonical: bool,
    raw: Vec<u8>,
    inflated: Option<Vec<u8>>,
}

/// Why bytes are not one harmless change. All of these are final: the same bytes will never pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GateError {
    /// Not the beginning of a chunk.
    #[error("these bytes are not a change")]
    NotAChange,
    /// A whole document, a bundle, or a kind there is not.
    #[error("a chunk of kind {0} is not taken: only single changes are")]
    ChunkKind(u8),
    /// The bytes end too early.
    #[error("the change is cut off")]
    Truncated,
    /// Bytes follow the change.
    #[error("bytes follow the change")]
    Trailing,
    /// What was deflated cannot be inflated.
    #[error("the change cannot be inflated")]
    Deflate,
    /// The checksum does not fit the bytes.
    #[error("the change is damaged: its checksum does not fit")]
    Checksum,
    /// A part is not as Automerge writes it.
    #[error("the change has a malformed {0}")]
    Malformed(&'static str),
    /// A number that should be small for ever is not; taken, it would end the document for every device.
    #[error("the change has the {what} {found}, the highest taken is {max}")]
    OutOfRange {
        /// Which number.
        what: &'static str,
        /// Its value.
        found: u64,
        /// The bound.
        max: u64,
    },
    /// There is more of something than is taken.
    #[error("the change has {found} {what}, at most {max} are taken")]
    TooMuch {
        /// Of what.
        what: &'static str,
        /// How many.
        found: u64,
        /// The bound.
        max: u64,
    },
}

/// Judges the bytes of one change.
pub fn gate(raw: &[u8]) -> Result<GatedChange, GateError> {
    at_most("bytes", length(raw), length_of(limit::CHANGE_BYTES_MAX))?;
    let mut rest = Cursor::new(raw);
    if rest.array()? != MAGIC {
        return Err(GateError::NotAChange);
    }
    let checksum: [u8; 4] = rest.array()?;
    let [kind] = rest.array()?;
    let body_bytes = rest.uleb()?;
    if kind != PLAIN && kind != DEFLATED {
        return Err(GateError::ChunkKind(kind));
    }
    let body = rest.take(body_bytes)?;
    if !rest.is_empty() {
        return Err(GateError::Trailing);
    }
    let inflated = if kind == DEFLATED {
        Some(inflate(body)?)
    } else {
        None
    };
    let body = inflated.as_deref().unwrap_or(body);
    let hash = chunk::hash(body);
    if !hash.as_bytes().starts_with(&checksum) {
        return Err(GateError::Checksum);
    }
    let head = parse_head(body)?;
    let walked = ops::walk(&head.columns, head.frame, |_| {})?;
    let next_op = positive(
        "next operation",
        head.frame.start_op + walked.ops,
        limit::OP_MAX,
    )?;
    Ok(GatedChange {
        hash,
        canonical: head.canonical && walked.canonical,
        meta: ChangeMeta {
            actor: head.actor,
            seq: head.seq,
            start_op: head.frame.start_op,
            max_op: next_op - 1,
            deps: head.deps,
        },
        ops: walked.ops,
        time_s: head.time_s,
        others: head.others,
        inflated: inflated
            .as_deref()
            .map(|body| chunk::with_hash(&hash, body)),
        raw: raw.to_vec(),
    })
}

impl GatedChange {
    /// Its hash, which is its name.
    pub const fn hash(&self) -> ChangeHash {
        self.hash
    }

    /// Who wrote it.
    pub const fn actor(&self) -> ActorId {
        self.meta.actor
    }

    /// Its number among its actor's changes, from 1.
    pub const fn seq(&self) -> u64 {
        self.meta.seq
    }

    /// Number of its first operation.
    pub const fn start_op(&self) -> u64 {
        self.meta.start_op
    }

    /// Number of its last operation; `start_op - 1` when it has none.
    pub const fn max_op(&self) -> u64 {
        self.meta.max_op
    }

    /// The changes it was made upon.
    pub fn deps(&self) -> &[ChangeHash] {
        &self.meta.deps
    }

    /// How many operations it has.
    pub const fn ops(&self) -> u64 {
        self.ops
    }

    /// Commit time in seconds, as its writer says.
    pub const fn time_s(&self) -> i64 {
        self.time_s
    }

    /// What has to be remembered of it.
    pub const fn meta(&self) -> &ChangeMeta {
        &self.meta
    }

    /// The bytes as received.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// The bytes to keep: plain, which packs compress far better together, unless only the deflated form is within the
    /// bound of a change.
    pub fn kept(&self) -> &[u8] {
        let plain = self.uncompressed();
        if plain.len() <= limit::CHANGE_BYTES_MAX {
            plain
        } else {
            &self.raw
        }
    }

    /// Whether Automerge would write the same operations as the same bytes.
    pub(crate) const fn is_canonical(&self) -> bool {
        self.canonical
    }

    /// The other actors that its operations name.
    pub(crate) fn others(&self) -> &[ActorId] {
        &self.others
    }

    /// Hands out its operations in order.
    pub(crate) fn each_op<'a>(&'a self, each: impl FnMut(Op<'a>)) {
        let walked = chunk::plain_body(self.uncompressed())
            .ok_or(GateError::NotAChange)
            .and_then(parse_head)
            .and_then(|head| ops::walk(&head.columns, head.frame, each));
        debug_assert!(walked.is_ok(), "the gate has walked the same bytes before");
    }

    /// The bytes to keep, as [`GatedChange::kept`].
    pub fn into_kept(self) -> Vec<u8> {
        match self.inflated {
            Some(plain) if plain.len() <= limit::CHANGE_BYTES_MAX => plain,
            _ => self.raw,
        }
    }

    /// The change as an uncompressed chunk: what `Change::raw_bytes` of Automerge gives back for it.
    pub fn uncompressed(&self) -> &[u8] {
        self.inflated.as_deref().unwrap_or(&self.raw)
    }
}

fn inflate(deflated: &[u8]) -> Result<Vec<u8>, GateError> {
    let max = length_of(limit::CHANGE_INFLATED_BYTES_MAX);
    let mut decoder = flate2::bufread::DeflateDecoder::new(deflated);
    let mut inflated = Vec::new();
    decoder
        .by_ref()
        .take(max + 1)
        .read_to_end(&mut inflated)
        .map_err(|_| GateError::Deflate)?;
    at_most("bytes when inflated", length(&inflated), max)?;
    if decoder.into_inner().is_empty() {
        Ok(inflated)
    } else {
        Err(GateError::Trailing)
    }
}

/// Everything of a change but its operations.
struct Head<'a> {
    deps: Vec<ChangeHash>,
    actor: ActorId,
    seq: u64,
    time_s: i64,
    others: Vec<ActorId>,
    columns: ColumnBytes<'a>,
    frame: Frame,
    /// Whether Automerge would write it the same way.
    canonical: bool,
}

fn parse_head(body: &[u8]) -> Result<Head<'_>, GateError> {
    let mut body = Cursor::new(body);
    let count = at_most("dependencies", body.uleb()?, limit::CHANGE_DEPS_MAX)?;
    let mut deps = Vec::new();
    for _ in 0..count {
        deps.push(ChangeHash::from_bytes(body.array()?));
    }
    let actor = actor(&mut body)?;
    let seq = positive("sequence number", body.uleb()?, limit::SEQ_MAX)?;
    let start_op = positive("first operation", body.uleb()?, limit::OP_MAX)?;
    let time_s = body.sleb()?;
    let message_bytes = at_most(
        "bytes of message",
        body.uleb()?,
        limit::CHANGE_MESSAGE_BYTES_MAX,
    )?;
    std::str::from_utf8(body.take(message_bytes)?).map_err(|_| GateError::Malformed("message"))?;
    let count = at_most("other actors", body.uleb()?, limit::CHANGE_ACTORS_MAX)?;
    let mut others: Vec<ActorId> = Vec::new();
    for _ in 0..count {
        let other = self::actor(&mut body)?;
        // Automerge writes them sorted; twice the same, or its own again, would give an operation two names.
        if other == actor || others.last().is_some_and(|previous| *previous >= other) {
            return Err(GateError::Malformed("list of actors"));
        }
        others.push(other);
    }
    let (columns, no_empty_column) = parse_columns(&mut body)?;
    Ok(Head {
        canonical: no_empty_column && deps.is_sorted_by(|a, b| a < b),
        deps,
        actor,
        seq,
        time_s,
        others,
        columns,
        frame: Frame {
            start_op,
            actors: count + 1,
        },
    })
}

/// The columns, and whether none of them is written down without having any bytes.
fn parse_columns<'a>(body: &mut Cursor<'a>) -> Result<(ColumnBytes<'a>, bool), GateError> {
    let count = at_most("columns", body.uleb()?, limit::CHANGE_COLUMNS_MAX)?;
    let mut specs = Vec::new();
    for _ in 0..count {
        let spec = (body.uleb()?, body.uleb()?);
        if specs
            .last()
            .is_some_and(|(previous, _)| *previous >= spec.0)
        {
            return Err(GateError::Malformed("order of columns"));
        }
        specs.push(spec);
    }
    let no_empty_column = specs.iter().all(|(_, bytes)| *bytes > 0);
    let mut columns = ColumnBytes::default();
    for (spec, bytes) in specs {
        let bytes = body.take(bytes)?;
        // Number of the column in the upper bits, its type in the lower three; bit 3 would mean deflated.
        let column = match spec {
            0x01 => &mut columns.object_actor,
            0x02 => &mut columns.object_counter,
            0x11 => &mut columns.key_actor,
            0x13 => &mut columns.key_counter,
            0x15 => &mut columns.key_text,
            0x34 => &mut columns.insert,
            0x42 => &mut columns.action,
            0x56 => &mut columns.value_meta,
            0x57 => &mut columns.value,
            0x70 => &mut columns.predecessor_count,
            0x71 => &mut columns.predecessor_actor,
            0x73 => &mut columns.predecessor_counter,
            _ => return Err(GateError::Malformed("column that is not known")),
        };
        *column = bytes;
    }
    if body.is_empty() {
        Ok((columns, no_empty_column))
    } else {
        Err(GateError::Trailing)
    }
}

fn actor(body: &mut Cursor<'_>) -> Result<ActorId, GateError> {
    if body.uleb()? != 16 {
        return Err(GateError::Malformed("actor: ours have 16 bytes"));
    }
    body.array().map(ActorId::from_bytes)
}

fn at_most(what: &'static str, found: u64, max: u64) -> Result<u64, GateError> {
    if found > max {
        Err(GateError::TooMuch { what, found, max })
    } else {
        Ok(found)
    }
}

fn positive(what: &'static str, found: u64, max: u64) -> Result<u64, GateError> {
    if found == 0 {
        return Err(GateError::Malformed(what));
    }
    if found > max {
        Err(GateError::OutOfRange { what, found, max })
    } else {
        Ok(found)
    }
}

fn length(bytes: &[u8]) -> u64 {
    length_of(bytes.len())
}

fn length_of(bytes: usize) -> u64 {
    u64::try_from(bytes).expect("a usize has at most 64 bits")
}
