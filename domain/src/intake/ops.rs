//! Walking the operations of a change, all columns side by side: that they have the same length, refer to nothing that
//! cannot exist yet, overwrite something where only that makes sense, nest no deeper than our documents do, and that every
//! value is what its type says.

use crate::intake::GateError;
use crate::intake::columns::{BoolColumn, Column, DeltaColumn};
use crate::intake::cursor::Cursor;
use crate::limit;

/// Bytes of each column our changes can have; empty when a change has none. The columns of marks on rich text are not
/// among them: we write none, and a mutated mark makes a document that cannot be loaded again.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ColumnBytes<'a> {
    pub(super) object_actor: &'a [u8],
    pub(super) object_counter: &'a [u8],
    pub(super) key_actor: &'a [u8],
    pub(super) key_counter: &'a [u8],
    pub(super) key_text: &'a [u8],
    pub(super) insert: &'a [u8],
    pub(super) action: &'a [u8],
    pub(super) value_meta: &'a [u8],
    pub(super) value: &'a [u8],
    pub(super) predecessor_count: &'a [u8],
    pub(super) predecessor_actor: &'a [u8],
    pub(super) predecessor_counter: &'a [u8],
}

/// What the operations are numbered and named by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    /// Number of the first operation.
    pub(super) start_op: u64,
    /// How many actors the change names, its own (number 0) included.
    pub(super) actors: u64,
}

/// Make map, set, make list, delete, make text, increment, make table; 7 would be a mark.
const ACTION_MAX: u64 = 6;
const DELETE: u64 = 3;
const INCREMENT: u64 = 5;

/// What a walk over all operations found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Walked {
    /// How many there are.
    pub(super) ops: u64,
    /// Whether the columns are as Automerge would write them for these operations.
    pub(super) canonical: bool,
}

/// One operation, as its columns say.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Op<'a> {
    /// Its number.
    pub(crate) number: u64,
    /// The object operated on; none for the root.
    pub(crate) object: Option<Name>,
    pub(crate) key: Key<'a>,
    /// Whether it makes a new element of a list, behind `key`.
    pub(crate) insert: bool,
    pub(crate) action: u64,
    /// Type of the value and its bytes, which are what the type says.
    pub(crate) value: (u64, &'a [u8]),
    /// How many values it overwrites.
    pub(crate) predecessors: u64,
    /// The last of those.
    pub(crate) predecessor: Option<Name>,
}

impl Op<'_> {
    /// What is new overwrites nothing; what changes an element of a list, deletes or increments, overwrites something, and
    /// that is the proof that there is such a thing. Automerge has no place for a change to an element that is not there,
    /// and puts it to whatever arrives in the same batch.
    const fn overwrites_as_it_must(&self) -> bool {
        let changes = matches!(self.action, DELETE | INCREMENT);
        match (self.insert, self.key) {
            (true, _) => self.predecessors == 0 && !changes,
            (false, Key::Text(_)) => self.predecessors > 0 || !changes,
            (false, Key::Element(_)) => self.predecessors > 0,
            (false, Key::Head) => false,
        }
    }
}

/// Where in its object an operation works.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Key<'a> {
    Text(&'a str),
    /// Before the first element of a list.
    Head,
    Element(Name),
}

/// An earlier operation: who made it, by place in the change's list of actors with its own at 0, and its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) actor: u64,
    pub(crate) counter: u64,
}

/// Walks all operations, handing each to `each` once it is found harmless.
pub(super) fn walk<'a>(
    bytes: &ColumnBytes<'a>,
    frame: Frame,
    mut each: impl FnMut(Op<'a>),
) -> Result<Walked, GateError> {
    let ops = Column::<u64>::new("operations", bytes.action).count(limit::CHANGE_OPS_MAX)?;
    let mut walk = Walk::new(bytes, frame);
    for index in 0..ops {
        each(walk.op(index)?);
    }
    walk.finish()?;
    let canonical = walk.is_canonical();
    Ok(Walked { ops, canonical })
}

struct Walk<'a> {
    frame: Frame,
    object_actor: Column<'a, u64>,
    object_counter: Column<'a, u64>,
    key_actor: Column<'a, u64>,
    key_counter: DeltaColumn<'a>,
    key_text: Column<'a, &'a str>,
    insert: BoolColumn<'a>,
    action: Column<'a, u64>,
    value_meta: Column<'a, u64>,
    value: Cursor<'a>,
    predecessor_count: Column<'a, u64>,
    predecessor_actor: Column<'a, u64>,
    predecessor_counter: DeltaColumn<'a>,
    /// For each operation so far, how deep the object it makes lies below what was there before; 0 when it makes none.
    depths: Vec<u8>,
    text_bytes: u64,
    predecessors: u64,
    /// A bit for each actor that some operation refers to.
    named: u128,
}

impl<'a> Walk<'a> {
    fn new(bytes: &ColumnBytes<'a>, frame: Frame) -> Self {
        Self {
            frame,
            object_actor: Column::new("object column", bytes.object_actor),
            object_counter: Column::new("object column", bytes.object_counter),
            key_actor: Column::new("key column", bytes.key_actor),
            key_counter: DeltaColumn::new("key column", bytes.key_counter),
            key_text: Column::new("key column", bytes.key_text),
            insert: BoolColumn::new("insert column", bytes.insert),
            action: Column::new("action column", bytes.action),
            value_meta: Column::new("value column", bytes.value_meta),
            value: Cursor::new(bytes.value),
            predecessor_count: Column::new("predecessor column", bytes.predecessor_count),
            predecessor_actor: Column::new("predecessor column", bytes.predecessor_actor),
            predecessor_counter: DeltaColumn::new("predecessor column", bytes.predecessor_counter),
            depths: Vec::new(),
            text_bytes: 0,
            predecessors: 0,
            named: 1,
        }
    }

    fn op(&mut self, index: u64) -> Result<Op<'a>, GateError> {
        let number = self.frame.start_op + index;
        let action = self.action.required()?;
        if action > ACTION_MAX {
            return Err(GateError::Malformed("action column"));
        }
        let (object, parent_depth) = self.object(number)?;
        // The even codes make an object.
        let depth = if action.is_multiple_of(2) {
            parent_depth.saturating_add(1)
        } else {
            0
        };
        if usize::from(depth) > limit::OBJECT_DEPTH_MAX {
            let max = u64::try_from(limit::OBJECT_DEPTH_MAX).unwrap_or(u64::MAX);
            return Err(GateError::TooMuch {
                what: "levels of nesting",
                found: u64::from(depth),
                max,
            });
        }
        self.depths.push(depth);
        let (key, insert) = self.key(number)?;
        let value = self.read_value()?;
        let (predecessors, predecessor) = self.read_predecessors(number)?;
        let op = Op {
            number,
            object,
            key,
            insert,
            action,
            value,
            predecessors,
            predecessor,
        };
        if op.overwrites_as_it_must() {
            Ok(op)
        } else {
            Err(GateError::Malformed("predecessor column"))
        }
    }

    /// The object operated on, and its depth as far as this change made it.
    fn object(&mut self, number: u64) -> Result<(Option<Name>, u8), GateError> {
        let malformed = GateError::Malformed("object column");
        match (self.object_actor.next()?, self.object_counter.next()?) {
            (None, None) => Ok((None, 0)),
            (Some(actor), Some(counter)) => {
                let name = self.reference(actor, counter, number).ok_or(malformed)?;
                let Some(offset) = counter.checked_sub(self.frame.start_op) else {
                    return Ok((Some(name), 0));
                };
                let depth = usize::try_from(offset)
                    .ok()
                    .and_then(|offset| self.depths.get(offset))
                    .copied();
                let depth = depth.filter(|depth| *depth > 0).ok_or(malformed)?;
                Ok((Some(name), depth))
            }
            _ => Err(malformed),
        }
    }

    fn key(&mut self, number: u64) -> Result<(Key<'a>, bool), GateError> {
        let malformed = GateError::Malformed("key column");
        let insert = self.insert.next()?;
        let key = match (
            self.key_text.next()?,
            self.key_actor.next()?,
            self.key_counter.next()?,
        ) {
            (Some(text), None, None) if !insert => {
                self.count_text(text)?;
                Key::Text(text)
            }
            (None, None, Some(0)) => Key::Head,
            (None, Some(actor), Some(counter)) => {
                Key::Element(self.reference(actor, counter, number).ok_or(malformed)?)
            }
            _ => return Err(malformed),
        };
        Ok((key, insert))
    }

    fn read_value(&mut self) -> Result<(u64, &'a [u8]), GateError> {
        let malformed = GateError::Malformed("value column");
        let meta = self.value_meta.required()?;
        let (kind, length) = (meta & 0xf, meta >> 4);
        let max = u64::try_from(limit::VALUE_BYTES_MAX).unwrap_or(u64::MAX);
        if length > max {
            return Err(GateError::TooMuch {
                what: "bytes of one value",
                found: length,
                max,
            });
        }
        let bytes = self.value.take(length)?;
        let mut number = Cursor::new(bytes);
        let fits = match kind {
            0..=2 => bytes.is_empty(),
            3 => number.uleb().is_ok() && number.is_empty(),
            4 | 8 | 9 => number.sleb().is_ok() && number.is_empty(),
            5 => bytes.len() == 8,
            6 => std::str::from_utf8(bytes).is_ok(),
            7 => true,
            _ => false,
        };
        if fits {
            Ok((kind, bytes))
        } else {
            Err(malformed)
        }
    }

    fn read_predecessors(&mut self, number: u64) -> Result<(u64, Option<Name>), GateError> {
        let malformed = GateError::Malformed("predecessor column");
        let count = self.predecessor_count.required()?;
        self.predecessors = self.predecessors.saturating_add(count);
        if self.predecessors > limit::CHANGE_PREDECESSORS_MAX {
            return Err(GateError::TooMuch {
                what: "overwritten values",
                found: self.predecessors,
                max: limit::CHANGE_PREDECESSORS_MAX,
            });
        }
        let mut last = None;
        for _ in 0..count {
            match (
                self.predecessor_actor.next()?,
                self.predecessor_counter.next()?,
            ) {
                (Some(actor), Some(counter)) => {
                    last = Some(self.reference(actor, counter, number).ok_or(malformed)?);
                }
                _ => return Err(malformed),
            }
        }
        Ok((count, last))
    }

    /// Whether an operation can be referred to from operation `number` of this change: another actor's was there before
    /// this change began, its own is earlier.
    fn reference(&mut self, actor: u64, counter: u64, number: u64) -> Option<Name> {
        let before = if actor == 0 {
            number
        } else {
            self.frame.start_op
        };
        let bit = u32::try_from(actor)
            .ok()
            .and_then(|actor| 1_u128.checked_shl(actor));
        self.named |= bit.unwrap_or(0);
        (actor < self.frame.actors && counter > 0 && counter < before)
            .then_some(Name { actor, counter })
    }

    fn count_text(&mut self, text: &str) -> Result<(), GateError> {
        let bytes = u64::try_from(text.len()).unwrap_or(u64::MAX);
        self.text_bytes = self.text_bytes.saturating_add(bytes);
        let max = limit::CHANGE_EXPANDED_BYTES_MAX;
        if self.text_bytes > max {
            return Err(GateError::TooMuch {
                what: "bytes of keys",
                found: self.text_bytes,
                max,
            });
        }
        Ok(())
    }

    /// Whether every column is as Automerge writes it, and every actor listed is one that an operation refers to.
    fn is_canonical(&self) -> bool {
        let numbers = [
            &self.object_actor,
            &self.object_counter,
            &self.key_actor,
            &self.value_meta,
            &self.predecessor_count,
            &self.predecessor_actor,
            &self.action,
        ];
        numbers.iter().all(|column| column.is_canonical())
            && self.key_counter.is_canonical()
            && self.predecessor_counter.is_canonical()
            && self.key_text.is_canonical()
            && !self.insert.is_absent()
            && u64::from(self.named.count_ones()) == self.frame.actors
    }

    fn finish(&self) -> Result<(), GateError> {
        for column in [
            &self.object_actor,
            &self.object_counter,
            &self.key_actor,
            &self.value_meta,
        ] {
            column.finish()?;
        }
        for column in [
            &self.predecessor_count,
            &self.predecessor_actor,
            &self.action,
        ] {
            column.finish()?;
        }
        for column in [&self.key_counter, &self.predecessor_counter] {
            column.finish()?;
        }
        self.key_text.finish()?;
        self.insert.finish()?;
        if self.value.is_empty() {
            Ok(())
        } else {
            Err(GateError::Malformed("value column"))
        }
    }
}
