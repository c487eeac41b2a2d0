//! Tolerant reading: the fields of one or several maps taken together, and the elements of a list, each with all its
//! conflicting values, winner first. Wrong types simply do not answer.

use std::collections::BTreeMap;

use automerge::{ObjId, ObjType, ScalarValue, ScalarValueRef, Value, ValueRef};

use crate::document::Source;

/// One value of a key or list element.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// A nested map.
    Map(ObjId),
    /// A nested list.
    List(ObjId),
    /// A scalar.
    Scalar(ScalarValue),
    /// A kind of object that our documents do not use.
    Other,
}

impl Node {
    pub(crate) fn as_str(&self) -> Option<&str> {
        match self {
            Self::Scalar(ScalarValue::Str(text)) => Some(text),
            _ => None,
        }
    }

    pub(super) fn new(value: &Value<'_>, id: ObjId) -> Self {
        match value {
            Value::Object(ObjType::Map) => Self::Map(id),
            Value::Object(ObjType::List) => Self::List(id),
            Value::Object(_) => Self::Other,
            Value::Scalar(scalar) => Self::Scalar(scalar.as_ref().clone()),
        }
    }

    pub(super) fn from_ref(value: ValueRef<'_>, id: impl FnOnce() -> ObjId) -> Self {
        match value {
            ValueRef::Object(ObjType::Map) => Self::Map(id()),
            ValueRef::Object(ObjType::List) => Self::List(id()),
            ValueRef::Object(_) => Self::Other,
            ValueRef::Scalar(scalar) => Self::Scalar(owned(scalar)),
        }
    }
}

fn owned(scalar: ScalarValueRef<'_>) -> ScalarValue {
    match scalar {
        ScalarValueRef::Bytes(bytes) => ScalarValue::Bytes(bytes.into_owned()),
        ScalarValueRef::Str(text) => ScalarValue::Str(text.as_ref().into()),
        ScalarValueRef::Int(number) => ScalarValue::Int(number),
        ScalarValueRef::Uint(number) => ScalarValue::Uint(number),
        ScalarValueRef::F64(number) => ScalarValue::F64(number),
        ScalarValueRef::Counter(number) => ScalarValue::Counter(number.into()),
        ScalarValueRef::Timestamp(number) => ScalarValue::Timestamp(number),
        ScalarValueRef::Boolean(flag) => ScalarValue::Boolean(flag),
        ScalarValueRef::Unknown { type_code, bytes } => ScalarValue::Unknown {
            type_code,
            bytes: bytes.into_owned(),
        },
        ScalarValueRef::Null => ScalarValue::Null,
    }
}

/// The fields of several maps that stand at one place, merged: for each key every value, the first map's winner first.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    nodes_by_key: BTreeMap<String, Vec<Node>>,
}

impl Fields {
    pub(crate) fn read<D: Source>(doc: &D, maps: &[ObjId]) -> Self {
        let mut nodes_by_key: BTreeMap<String, Vec<Node>> = BTreeMap::new();
        for map in maps {
            doc.each_entry(map, |key, nodes| match nodes_by_key.get_mut(key) {
                Some(held) => held.extend(nodes),
                None => {
                    nodes_by_key.insert(key.to_owned(), nodes);
                }
            });
        }
        Self { nodes_by_key }
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        self.nodes_by_key.keys().map(String::as_str)
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = (&str, &[Node])> {
        self.nodes_by_key
            .iter()
            .map(|(key, nodes)| (key.as_str(), nodes.as_slice()))
    }

    pub(crate) fn nodes(&self, key: &str) -> &[Node] {
        self.nodes_by_key.get(key).map_or(&[], Vec::as_slice)
    }

    /// Every map at the key, winner first.
    pub(crate) fn maps(&self, key: &str) -> Vec<ObjId> {
        maps_of(self.nodes(key))
    }

    /// Every list at the key, winner first.
    pub(crate) fn lists(&self, key: &str) -> Vec<ObjId> {
        let list = |node: &Node| match node {
            Node::List(id) => Some(id.clone()),
            _ => None,
        };
        self.nodes(key).iter().filter_map(list).collect()
    }

    pub(crate) fn str(&self, key: &str) -> Option<&str> {
        self.nodes(key).iter().find_map(Node::as_str)
    }

    pub(crate) fn bool(&self, key: &str) -> Option<bool> {
        self.nodes(key).iter().find_map(|node| match node {
            Node::Scalar(ScalarValue::Boolean(flag)) => Some(*flag),
            _ => None,
        })
    }

    pub(crate) fn int(&self, key: &str) -> Option<i64> {
        self.nodes(key).iter().find_map(int)
    }

    /// The different texts at the key, winner first.
    pub(crate) fn texts(&self, key: &str) -> Vec<&str> {
        distinct_texts(self.nodes(key))
    }
}

pub(crate) fn maps_of(nodes: &[Node]) -> Vec<ObjId> {
    let map = |node: &Node| match node {
        Node::Map(id) => Some(id.clone()),
        _ => None,
    };
    nodes.iter().filter_map(map).collect()
}

pub(crate) fn distinct_texts(nodes: &[Node]) -> Vec<&str> {
    let mut texts: Vec<&str> = Vec::new();
    for text in nodes.iter().filter_map(Node::as_str) {
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    texts
}

pub(crate) fn int(node: &Node) -> Option<i64> {
    match node {
        Node::Scalar(ScalarValue::Int(number) | ScalarValue::Timestamp(number)) => Some(*number),
        Node::Scalar(ScalarValue::Uint(number)) => i64::try_from(*number).ok(),
        _ => None,
    }
}
