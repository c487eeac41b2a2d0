//! What the readers ask of a document, whoever holds it: Automerge, or the plain reading of changes that Automerge has not seen.

use automerge::{ActorId, ObjId, ReadDoc, ScalarValue};

use crate::document::node::Node;
use crate::intake::{Plain, PlainBody, PlainEntry, PlainValue};

/// A document that can be read.
pub trait Source {
    /// Hands out every key of a map with all its values, winner first.
    fn each_entry(&self, map: &ObjId, each: impl FnMut(&str, Vec<Node>));

    /// The elements of a list, each with all its values, winner first.
    fn elements(&self, list: &ObjId) -> Vec<Vec<Node>>;

    /// All values at one key of a map, winner first.
    fn nodes_at(&self, map: &ObjId, key: &str) -> Vec<Node>;

    /// How many keys or elements an object has.
    fn size(&self, object: &ObjId) -> usize;
}

impl<D: ReadDoc> Source for D {
    fn each_entry(&self, map: &ObjId, mut each: impl FnMut(&str, Vec<Node>)) {
        for entry in self.map_range(map, ..) {
            let nodes = if entry.conflict {
                self.nodes_at(map, &entry.key)
            } else {
                vec![Node::from_ref(entry.value.clone(), || entry.id())]
            };
            each(&entry.key, nodes);
        }
    }

    fn elements(&self, list: &ObjId) -> Vec<Vec<Node>> {
        self.list_range(list, ..)
            .map(|element| {
                if element.conflict {
                    all(self, list, element.index)
                } else {
                    vec![Node::from_ref(element.value.clone(), || element.id())]
                }
            })
            .collect()
    }

    fn nodes_at(&self, map: &ObjId, key: &str) -> Vec<Node> {
        all(self, map, key)
    }

    fn size(&self, object: &ObjId) -> usize {
        self.length(object)
    }
}

/// Automerge lists conflicting values in ascending order; the last one is what `get` shows.
fn all<D: ReadDoc, P: Into<automerge::Prop>>(doc: &D, obj: &ObjId, prop: P) -> Vec<Node> {
    // The only error is an object that is not there, and this one was just read.
    let values = doc.get_all(obj, prop).unwrap_or_default();
    values
        .into_iter()
        .rev()
        .map(|(value, id)| Node::new(&value, id))
        .collect()
}

impl Source for Plain<'_> {
    fn each_entry(&self, map: &ObjId, mut each: impl FnMut(&str, Vec<Node>)) {
        if let Some(PlainBody::Map(entries)) = self.object(map).map(|object| &object.body) {
            for (key, entry) in entries {
                each(key, vec![node(entry)]);
            }
        }
    }

    fn elements(&self, list: &ObjId) -> Vec<Vec<Node>> {
        match self.object(list).map(|object| &object.body) {
            Some(PlainBody::List(elements)) => elements
                .iter()
                .filter_map(|element| element.entry.as_ref())
                .map(|entry| vec![node(entry)])
                .collect(),
            _ => Vec::new(),
        }
    }

    fn nodes_at(&self, map: &ObjId, key: &str) -> Vec<Node> {
        match self.object(map).map(|object| &object.body) {
            Some(PlainBody::Map(entries)) => entries.get(key).map(node).into_iter().collect(),
            _ => Vec::new(),
        }
    }

    fn size(&self, object: &ObjId) -> usize {
        match self.object(object).map(|object| &object.body) {
            Some(PlainBody::Map(entries)) => entries.len(),
            Some(PlainBody::List(elements)) => elements
                .iter()
                .filter(|element| element.entry.is_some())
                .count(),
            None => 0,
        }
    }
}

fn node(entry: &PlainEntry<'_>) -> Node {
    match entry.value {
        PlainValue::Map(place) => Node::Map(id(place)),
        PlainValue::List(place) => Node::List(id(place)),
        PlainValue::Bool(flag) => Node::Scalar(ScalarValue::Boolean(flag)),
        PlainValue::Uint(number) => Node::Scalar(ScalarValue::Uint(number)),
        PlainValue::Int(number) => Node::Scalar(ScalarValue::Int(number)),
        PlainValue::Text(text) => Node::Scalar(ScalarValue::Str(text.into())),
        PlainValue::Bytes(bytes) => Node::Scalar(ScalarValue::Bytes(bytes.to_vec())),
    }
}

/// The name of an object of a plain document: its place.
fn id(place: usize) -> ObjId {
    let place = u64::try_from(place).unwrap_or(u64::MAX);
    ObjId::Id(place, ActorId::from([]), 0)
}
