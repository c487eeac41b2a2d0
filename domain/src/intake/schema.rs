//! The schema check: whether a document is still one of ours after changes were applied to a clone of it. Runs on the
//! device only. Unknown keys are fine, they come from later versions; what is refused could not be read, could not be
//! loaded again, or would overflow a stack.

use std::collections::BTreeMap;

use automerge::legacy::{Key, ObjectId, Op, OpType};
use automerge::{ActorId, Automerge, Change, ObjId, ObjType, ReadDoc};

use crate::document::{DocKind, kind_values};
use crate::limit;

/// Why a document may not become what the changes make of it. Final for these changes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// The document is none of our kinds, or of several.
    #[error("the document would not be of exactly one known kind")]
    Kind,
    /// An operation on an object that is not there.
    #[error("the change writes into an object that does not exist")]
    ObjectMissing,
    /// A map is addressed by place or a list by name.
    #[error("the change addresses a map as a list, or a list as a map")]
    KeyKind,
    /// Nested too deep.
    #[error("the change nests deeper than {max} levels", max = limit::OBJECT_DEPTH_MAX)]
    Depth,
    /// A key is too long.
    #[error("the change writes a key of {bytes} bytes, at most {max} are taken", max = limit::KEY_BYTES_MAX)]
    KeyTooLong {
        /// How long.
        bytes: usize,
    },
}

/// Judges the document `after` these changes were applied to a clone of it. Call it where a panic is caught: it reads what
/// bytes from outside have made.
pub fn check(after: &Automerge, changes: &[Change]) -> Result<(), SchemaError> {
    let values = kind_values(after);
    let known = values.first().and_then(|name| DocKind::from_name(name));
    if known.is_none() || values.len() != 1 {
        return Err(SchemaError::Kind);
    }
    let mut objects = Objects {
        doc: after,
        seen: BTreeMap::new(),
    };
    for change in changes {
        let expanded = change.decode();
        for (counter, op) in (change.start_op().get()..).zip(&expanded.operations) {
            let depth = check_op(op, &mut objects)?;
            if let OpType::Make(made) = op.action {
                objects
                    .seen
                    .insert((counter, change.actor_id().clone()), (made, depth + 1));
            }
        }
    }
    Ok(())
}

/// Judges one operation and tells how deep the object lies that it writes into.
fn check_op(op: &Op, objects: &mut Objects<'_>) -> Result<usize, SchemaError> {
    let (object_type, depth) = objects.look_up(&op.obj)?;
    match (&op.key, object_type) {
        (Key::Map(key), ObjType::Map | ObjType::Table) => {
            let bytes = key.len();
            if bytes > limit::KEY_BYTES_MAX {
                return Err(SchemaError::KeyTooLong { bytes });
            }
        }
        (Key::Seq(_), ObjType::List | ObjType::Text) => {}
        _ => return Err(SchemaError::KeyKind),
    }
    let makes_object = matches!(op.action, OpType::Make(_));
    if makes_object && depth >= limit::OBJECT_DEPTH_MAX {
        Err(SchemaError::Depth)
    } else {
        Ok(depth)
    }
}

/// Objects looked up or made so far, with their depth below the root: changes write many times into few, and mostly into
/// those they make, whose place need not be asked of the document.
struct Objects<'a> {
    doc: &'a Automerge,
    seen: BTreeMap<(u64, ActorId), (ObjType, usize)>,
}

impl Objects<'_> {
    fn look_up(&mut self, object: &ObjectId) -> Result<(ObjType, usize), SchemaError> {
        let ObjectId::Id(id) = object else {
            return Ok((ObjType::Map, 0));
        };
        let key = (id.counter(), id.actor().clone());
        if let Some(seen) = self.seen.get(&key) {
            return Ok(*seen);
        }
        let name = format!("{}@{}", id.counter(), id.actor().to_hex_string());
        let (object, object_type) = self
            .doc
            .import(&name)
            .map_err(|_| SchemaError::ObjectMissing)?;
        let found = (object_type, self.depth(&object)?);
        self.seen.insert(key, found);
        Ok(found)
    }

    fn depth(&self, object: &ObjId) -> Result<usize, SchemaError> {
        let parents = self
            .doc
            .parents(object)
            .map_err(|_| SchemaError::ObjectMissing)?;
        // One step past the bound is enough to know; the way up may be very long.
        let depth = parents.take(limit::OBJECT_DEPTH_MAX + 1).count();
        if depth > limit::OBJECT_DEPTH_MAX {
            Err(SchemaError::Depth)
        } else {
            Ok(depth)
        }
    }
}
