//! The operations of a change, one by one, as far as a mutation wants to change them: read out of the columns and written
//! back, with the change's own operations named by their place in it, so that the whole can be put on another document.

use std::collections::{BTreeMap, BTreeSet};

use crate::chunk::Parts;
use crate::columns::{cut, deltas, flags, put_deltas, put_flags, put_runs, runs};

const OBJECT_ACTOR: u64 = 0x01;
const OBJECT_COUNTER: u64 = 0x02;
const KEY_ACTOR: u64 = 0x11;
const KEY_COUNTER: u64 = 0x13;
const KEY_TEXT: u64 = 0x15;
const INSERT: u64 = 0x34;
const ACTION: u64 = 0x42;
const VALUE_META: u64 = 0x56;
const VALUE: u64 = 0x57;
const PREDECESSOR_COUNT: u64 = 0x70;
const PREDECESSOR_ACTOR: u64 = 0x71;
const PREDECESSOR_COUNTER: u64 = 0x73;

/// The name of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Name {
    /// One of the same change, counted from 0.
    Own(i64),
    /// Any other.
    Of(Vec<u8>, i64),
}

/// Where in its object an operation writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// In a map.
    Text(Vec<u8>),
    /// Before the first element of a list.
    Head,
    /// At or behind an element of a list.
    Element(Name),
}

/// One operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Op {
    /// The object written into; the root when there is none.
    pub object: Option<Name>,
    /// Where in it.
    pub key: Key,
    /// A new element rather than a new value.
    pub insert: bool,
    /// What it does.
    pub action: u64,
    /// Type of its value.
    pub kind: u64,
    /// Its value.
    pub value: Vec<u8>,
    /// What it overwrites.
    pub predecessors: Vec<Name>,
}

/// The operations of a change; nothing when its columns cannot be read.
pub fn read(parts: &Parts) -> Option<Vec<Op>> {
    let column = |number| parts.columns.get(&number);
    let actions = runs::<u64>(column(ACTION), 0)?;
    let len = actions.len();
    let object_actors = runs::<u64>(column(OBJECT_ACTOR), len)?;
    let object_counters = runs::<u64>(column(OBJECT_COUNTER), len)?;
    let key_actors = runs::<u64>(column(KEY_ACTOR), len)?;
    let key_counters = deltas(column(KEY_COUNTER), len)?;
    let key_texts = runs::<Vec<u8>>(column(KEY_TEXT), len)?;
    let inserts = flags(column(INSERT), len)?;
    let metas = runs::<u64>(column(VALUE_META), len)?;
    let mut values = column(VALUE).map(Vec::as_slice).unwrap_or_default();
    let counts = runs::<u64>(column(PREDECESSOR_COUNT), len)?;
    let mut predecessor_actors = runs::<u64>(column(PREDECESSOR_ACTOR), 0)?.into_iter();
    let mut predecessor_counters = deltas(column(PREDECESSOR_COUNTER), 0)?.into_iter();
    let mut ops = Vec::new();
    for index in 0..len {
        let object = match (*object_actors.get(index)?, *object_counters.get(index)?) {
            (None, None) => None,
            (actor, counter) => Some(name(parts, actor?, i64::try_from(counter?).ok()?)?),
        };
        let key = match (
            key_texts.get(index)?,
            *key_actors.get(index)?,
            *key_counters.get(index)?,
        ) {
            (Some(text), _, _) => Key::Text(text.clone()),
            (None, None, _) => Key::Head,
            (None, Some(actor), counter) => Key::Element(name(parts, actor, counter?)?),
        };
        let meta = (*metas.get(index)?)?;
        let mut predecessors = Vec::new();
        for _ in 0..(*counts.get(index)?)? {
            let (actor, counter) = (predecessor_actors.next()?, predecessor_counters.next()?);
            predecessors.push(name(parts, actor?, counter?)?);
        }
        ops.push(Op {
            object,
            key,
            insert: *inserts.get(index)?,
            action: (*actions.get(index)?)?,
            kind: meta & 0xf,
            value: cut(&mut values, meta >> 4)?.to_vec(),
            predecessors,
        });
    }
    Some(ops)
}

fn name(parts: &Parts, actor: u64, counter: i64) -> Option<Name> {
    let place = i64::try_from(parts.start_op)
        .ok()
        .map(|first| counter.wrapping_sub(first));
    if actor == 0 {
        return Some(match place {
            Some(place @ 0..) => Name::Own(place),
            _ => Name::Of(parts.actor.clone(), counter),
        });
    }
    let other = parts
        .others
        .get(usize::try_from(actor).ok()?.checked_sub(1)?)?;
    Some(Name::Of(other.clone(), counter))
}

/// Puts the operations into a change: its columns and its table of other actors. Columns beside those of operations stay.
pub fn write(parts: &mut Parts, ops: &[Op]) {
    let mut columns = Columns::new(parts, ops);
    ops.iter().for_each(|op| columns.op(op));
    let done = [
        (OBJECT_ACTOR, put_runs(&columns.object_actors)),
        (OBJECT_COUNTER, put_runs(&columns.object_counters)),
        (KEY_ACTOR, put_runs(&columns.key_actors)),
        (KEY_COUNTER, put_deltas(&columns.key_counters)),
        (KEY_TEXT, put_runs(&columns.key_texts)),
        (INSERT, put_flags(&columns.inserts)),
        (ACTION, put_runs(&columns.actions)),
        (VALUE_META, put_runs(&columns.metas)),
        (VALUE, columns.values),
        (PREDECESSOR_COUNT, put_runs(&columns.counts)),
        (PREDECESSOR_ACTOR, put_runs(&columns.predecessor_actors)),
        (
            PREDECESSOR_COUNTER,
            put_deltas(&columns.predecessor_counters),
        ),
    ];
    parts.others = columns.others;
    for (number, column) in done {
        if column.is_empty() {
            parts.columns.remove(&number);
        } else {
            parts.columns.insert(number, column);
        }
    }
}

/// The columns under construction.
struct Columns {
    start_op: u64,
    others: Vec<Vec<u8>>,
    numbers: BTreeMap<Vec<u8>, u64>,
    object_actors: Vec<Option<u64>>,
    object_counters: Vec<Option<u64>>,
    key_actors: Vec<Option<u64>>,
    key_counters: Vec<Option<i64>>,
    key_texts: Vec<Option<Vec<u8>>>,
    inserts: Vec<bool>,
    actions: Vec<Option<u64>>,
    metas: Vec<Option<u64>>,
    values: Vec<u8>,
    counts: Vec<Option<u64>>,
    predecessor_actors: Vec<Option<u64>>,
    predecessor_counters: Vec<Option<i64>>,
}

impl Columns {
    fn new(parts: &Parts, ops: &[Op]) -> Self {
        let others: BTreeSet<Vec<u8>> = ops
            .iter()
            .flat_map(Op::names)
            .filter_map(|name| match name {
                Name::Of(actor, _) if *actor != parts.actor => Some(actor.clone()),
                _ => None,
            })
            .collect();
        let others: Vec<Vec<u8>> = others.into_iter().collect();
        Self {
            start_op: parts.start_op,
            numbers: others.iter().cloned().zip(1..).collect(),
            others,
            object_actors: Vec::new(),
            object_counters: Vec::new(),
            key_actors: Vec::new(),
            key_counters: Vec::new(),
            key_texts: Vec::new(),
            inserts: Vec::new(),
            actions: Vec::new(),
            metas: Vec::new(),
            values: Vec::new(),
            counts: Vec::new(),
            predecessor_actors: Vec::new(),
            predecessor_counters: Vec::new(),
        }
    }

    fn op(&mut self, op: &Op) {
        let object = op.object.as_ref().map(|object| self.number(object));
        self.object_actors.push(object.map(|(actor, _)| actor));
        self.object_counters
            .push(object.map(|(_, counter)| counter.cast_unsigned()));
        let (text, actor, counter) = match &op.key {
            Key::Text(text) => (Some(text.clone()), None, None),
            Key::Head => (None, None, Some(0)),
            Key::Element(element) => {
                let (actor, counter) = self.number(element);
                (None, Some(actor), Some(counter))
            }
        };
        self.key_texts.push(text);
        self.key_actors.push(actor);
        self.key_counters.push(counter);
        self.inserts.push(op.insert);
        self.actions.push(Some(op.action));
        self.metas
            .push(Some((op.value.len() as u64) << 4 | (op.kind & 0xf)));
        self.values.extend(&op.value);
        self.counts.push(Some(op.predecessors.len() as u64));
        for predecessor in &op.predecessors {
            let (actor, counter) = self.number(predecessor);
            self.predecessor_actors.push(Some(actor));
            self.predecessor_counters.push(Some(counter));
        }
    }

    fn number(&self, name: &Name) -> (u64, i64) {
        match name {
            Name::Own(place) => (0, self.start_op.cast_signed().wrapping_add(*place)),
            Name::Of(actor, counter) => (self.numbers.get(actor).copied().unwrap_or(0), *counter),
        }
    }
}

impl Op {
    fn names(&self) -> impl Iterator<Item = &Name> {
        let element = match &self.key {
            Key::Element(element) => Some(element),
            _ => None,
        };
        self.object.iter().chain(element).chain(&self.predecessors)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bases;

    /// Else a mutation would be refused for this encoder's habits, and prove nothing.
    #[test]
    fn honest_changes_come_back_byte_for_byte() {
        for base in [bases::small(), bases::large()].concat() {
            for raw in base.changes.iter().chain(&base.next) {
                let parts = Parts::of(raw).expect("an honest change comes apart");
                assert_eq!(parts.chunk(), *raw);
                let mut again = parts.clone();
                write(&mut again, &read(&parts).expect("its operations too"));
                assert_eq!(again.chunk(), *raw, "{}", base.name);
            }
        }
    }
}
