//! Judging changes from outside before Automerge sees them. `gate` looks at the bytes of one change, `graph` at its place
//! among the changes already held, `schema` at the document after it was applied to a clone. The first two need no
//! document, so the server runs them too. Applying, persisting and setting aside are `storage`'s.

mod gate;

pub(crate) mod chunk;
mod columns;
mod cursor;
mod ops;

mod graph;
mod plain;
mod schema;

pub use chunk::travelling;
pub use gate::{GateError, GatedChange, gate};
pub(crate) use plain::{Body as PlainBody, Entry as PlainEntry, Value as PlainValue};

pub use graph::{ChangeMeta, GraphError, GraphView, Verdict, check as check_graph};
pub use plain::Plain;
pub use schema::{SchemaError, check as check_schema};
