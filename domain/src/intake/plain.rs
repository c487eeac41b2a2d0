//! Reading a whole document from its changes without Automerge, where they are plain: every change as Automerge itself would
//! write it, nothing but maps, lists and scalars, and no operation that was made without knowledge of another at the same
//! place. Then what the document shows is decided by the order of the operations alone, and Automerge takes them, gives
//! them back byte for byte and loads what it saved of them: nothing is left for a trial to find. Whatever is not plain takes
//! the long way, through Automerge; that is the judge, and the tests hold this against it.
//!
//! A device meets whole documents when it is new, and then all of them are.

use std::collections::BTreeMap;

use automerge::ObjId;

use crate::document::DocKind;
use crate::id::ActorId;
use crate::intake::GatedChange;
use crate::intake::ops::{Key, Name, Op};
use crate::limit;

const MAKE_MAP: u64 = 0;
const SET: u64 = 1;
const MAKE_LIST: u64 = 2;
const DELETE: u64 = 3;

/// A document read from plain changes.
#[derive(Debug)]
pub struct Plain<'a> {
    /// The root first, the others as they were made.
    objects: Vec<Object<'a>>,
}

#[derive(Debug)]
pub(crate) struct Object<'a> {
    depth: usize,
    pub(crate) body: Body<'a>,
}

#[derive(Debug)]
pub(crate) enum Body<'a> {
    Map(BTreeMap<&'a str, Entry<'a>>),
    /// In order; what was deleted keeps its place.
    List(Vec<Element<'a>>),
}

/// The one value at a place, and the operation that put it there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry<'a> {
    by: OpId,
    pub(crate) value: Value<'a>,
}

#[derive(Debug)]
pub(crate) struct Element<'a> {
    id: OpId,
    pub(crate) entry: Option<Entry<'a>>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Value<'a> {
    /// An object, by its place among all.
    Map(usize),
    List(usize),
    Bool(bool),
    Uint(u64),
    Int(i64),
    Text(&'a str),
    Bytes(&'a [u8]),
}

/// An operation: its number, and its actor's place among those of the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct OpId {
    counter: u64,
    actor: usize,
}

/// Something that is not plain.
struct Odd;

impl<'a> Plain<'a> {
    /// Reads a document from all of its changes, each behind those it rests on. None when it is not plain, or not of exactly
    /// one known kind.
    pub fn read(changes: &'a [GatedChange]) -> Option<Self> {
        let ops = changes.iter().map(GatedChange::ops).sum::<u64>();
        if ops > limit::PLAIN_OPS_MAX {
            return None;
        }
        let mut reader = Reader {
            objects: vec![Object {
                depth: 0,
                body: Body::Map(BTreeMap::new()),
            }],
            places: BTreeMap::new(),
            last: None,
            actors: BTreeMap::new(),
        };
        for change in changes {
            reader.change(change).ok()?;
        }
        let plain = Self {
            objects: reader.objects,
        };
        plain.kind().map(|_| plain)
    }

    pub(crate) fn object(&self, id: &ObjId) -> Option<&Object<'a>> {
        match id {
            ObjId::Root => self.objects.first(),
            ObjId::Id(place, ..) => self.objects.get(usize::try_from(*place).ok()?),
        }
    }

    fn kind(&self) -> Option<DocKind> {
        let Body::Map(root) = &self.objects.first()?.body else {
            return None;
        };
        match root.get(crate::document::KIND)?.value {
            Value::Text(name) => DocKind::from_name(name),
            _ => None,
        }
    }
}

struct Reader<'a> {
    objects: Vec<Object<'a>>,
    /// Places of the objects by the operations that made them.
    places: BTreeMap<OpId, usize>,
    /// The object asked for last: operations on one follow each other.
    last: Option<(OpId, usize)>,
    /// Places of the actors, in the order met.
    actors: BTreeMap<ActorId, usize>,
}

impl<'a> Reader<'a> {
    fn change(&mut self, change: &'a GatedChange) -> Result<(), Odd> {
        let times = 0..limit::PLAIN_TIME_S_MAX;
        if !change.is_canonical() || change.ops() == 0 || !times.contains(&change.time_s()) {
            return Err(Odd);
        }
        let mut actors = vec![self.actor(change.actor())];
        actors.extend(change.others().iter().map(|actor| self.actor(*actor)));
        let mut read = Ok(());
        change.each_op(|op| {
            if read.is_ok() {
                read = self.op(&op, &actors);
            }
        });
        read
    }

    fn actor(&mut self, actor: ActorId) -> usize {
        let next = self.actors.len();
        *self.actors.entry(actor).or_insert(next)
    }

    fn op(&mut self, op: &Op<'a>, actors: &[usize]) -> Result<(), Odd> {
        let id_of = |name: Name| -> Result<OpId, Odd> {
            let place = usize::try_from(name.actor).map_err(|_| Odd)?;
            Ok(OpId {
                counter: name.counter,
                actor: *actors.get(place).ok_or(Odd)?,
            })
        };
        let id = id_of(Name {
            actor: 0,
            counter: op.number,
        })?;
        let place = match op.object {
            None => 0,
            Some(name) => self.place(id_of(name)?)?,
        };
        let overwrites = match (op.predecessors, op.predecessor) {
            (0, None) => None,
            (1, Some(name)) => Some(id_of(name)?),
            _ => return Err(Odd),
        };
        let depth = self.objects.get(place).ok_or(Odd)?.depth;
        let value = self.value(op, id, depth)?;
        let entry = value.map(|value| Entry { by: id, value });
        let after = match op.key {
            Key::Element(name) => Some(id_of(name)?),
            Key::Head | Key::Text(_) => None,
        };
        match (&mut self.objects.get_mut(place).ok_or(Odd)?.body, op.key) {
            (Body::Map(map), Key::Text(key)) => put(map, key, entry, overwrites),
            (Body::List(list), Key::Element(_) | Key::Head) if op.insert => {
                let element = Element { id, entry };
                if overwrites.is_some() || element.entry.is_none() {
                    return Err(Odd);
                }
                insert(list, after, element)
            }
            (Body::List(list), Key::Element(_)) => {
                let at = list.iter_mut().find(|element| Some(element.id) == after);
                replace(&mut at.ok_or(Odd)?.entry, entry, overwrites)
            }
            _ => Err(Odd),
        }
    }

    fn place(&mut self, id: OpId) -> Result<usize, Odd> {
        if let Some((_, place)) = self.last.filter(|(last, _)| *last == id) {
            return Ok(place);
        }
        let place = *self.places.get(&id).ok_or(Odd)?;
        self.last = Some((id, place));
        Ok(place)
    }

    /// What the operation puts; none when it deletes. An object that it makes is made.
    fn value(&mut self, op: &Op<'a>, id: OpId, depth: usize) -> Result<Option<Value<'a>>, Odd> {
        let made = self.objects.len();
        let (value, body) = match (op.action, op.value) {
            (SET, value) => return scalar(value).map(Some),
            (DELETE, (0, _)) => return Ok(None),
            (MAKE_MAP, (0, _)) => (Value::Map(made), Body::Map(BTreeMap::new())),
            (MAKE_LIST, (0, _)) => (Value::List(made), Body::List(Vec::new())),
            _ => return Err(Odd),
        };
        if depth >= limit::OBJECT_DEPTH_MAX {
            return Err(Odd);
        }
        self.objects.push(Object {
            depth: depth + 1,
            body,
        });
        self.places.insert(id, made);
        Ok(Some(value))
    }
}

/// A scalar of the types our documents have. The gate has seen that the bytes are what the type says.
fn scalar<'a>((kind, bytes): (u64, &'a [u8])) -> Result<Value<'a>, Odd> {
    let mut number = crate::intake::cursor::Cursor::new(bytes);
    match kind {
        1 => Ok(Value::Bool(false)),
        2 => Ok(Value::Bool(true)),
        3 => number.uleb().map(Value::Uint).map_err(|_| Odd),
        4 => number.sleb().map(Value::Int).map_err(|_| Odd),
        6 => std::str::from_utf8(bytes).map(Value::Text).map_err(|_| Odd),
        7 => Ok(Value::Bytes(bytes)),
        _ => Err(Odd),
    }
}

fn put<'a>(
    map: &mut BTreeMap<&'a str, Entry<'a>>,
    key: &'a str,
    entry: Option<Entry<'a>>,
    overwrites: Option<OpId>,
) -> Result<(), Odd> {
    if key.is_empty() || key.len() > limit::KEY_BYTES_MAX {
        return Err(Odd);
    }
    let mut held = map.get(key).copied();
    replace(&mut held, entry, overwrites)?;
    match held {
        Some(entry) => map.insert(key, entry),
        None => map.remove(key),
    };
    Ok(())
}

/// Puts one value in the place of another, if it was made with knowledge of exactly that one. Objects stay once they are made.
fn replace<'a>(
    held: &mut Option<Entry<'a>>,
    entry: Option<Entry<'a>>,
    overwrites: Option<OpId>,
) -> Result<(), Odd> {
    let object = held.is_some_and(|held| matches!(held.value, Value::Map(_) | Value::List(_)));
    if object || held.map(|held| held.by) != overwrites || (held.is_none() && entry.is_none()) {
        return Err(Odd);
    }
    *held = entry;
    Ok(())
}

/// Puts an element behind another, or first. One that is newer than every other stands right behind it, whoever made those.
fn insert<'a>(
    list: &mut Vec<Element<'a>>,
    after: Option<OpId>,
    element: Element<'a>,
) -> Result<(), Odd> {
    let newest = list.iter().all(|held| held.id.counter < element.id.counter);
    if list.len() >= limit::PLAIN_LIST_MAX || !newest {
        return Err(Odd);
    }
    let at = match after {
        None => 0,
        Some(after) => 1 + list.iter().rposition(|held| held.id == after).ok_or(Odd)?,
    };
    list.insert(at, element);
    Ok(())
}
