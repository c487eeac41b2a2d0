//! Builders of change chunks, honest and hostile, for tests of this crate and of the workspace. Behind the feature
//! `test-support`; no shipped code calls it.

use std::collections::BTreeMap;

use crate::intake::chunk;

/// A change chunk around a body, its checksum right.
pub fn seal(body: &[u8]) -> Vec<u8> {
    chunk::of(body)
}

/// The body of an uncompressed chunk, or nothing when it is none.
pub fn body(chunk: &[u8]) -> Option<&[u8]> {
    let (_, rest) = chunk.split_at_checked(9)?;
    let length_bytes = rest.iter().position(|byte| byte & 0x80 == 0)? + 1;
    rest.get(length_bytes..)
}

/// The chunk with its length and checksum made right again after its body was tampered with.
pub fn reseal(chunk: &[u8]) -> Vec<u8> {
    seal(body(chunk).unwrap_or(chunk))
}

/// The chunk as a deflated one, as Automerge writes large changes into files.
pub fn deflate(chunk: &[u8]) -> Vec<u8> {
    chunk::deflated(chunk).unwrap_or_default()
}

/// A run-length column being built.
#[derive(Debug, Clone, Default)]
pub struct Column(Vec<u8>);

impl Column {
    /// An empty column.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same number `count` times.
    #[must_use]
    pub fn run(mut self, count: i64, value: u64) -> Self {
        self.0.extend(sleb(count));
        self.0.extend(chunk::uleb(value));
        self
    }

    /// The same text `count` times.
    #[must_use]
    pub fn run_text(mut self, count: i64, text: &str) -> Self {
        self.0.extend(sleb(count));
        self.0.extend(chunk::uleb(text.len() as u64));
        self.0.extend(text.as_bytes());
        self
    }

    /// No value, `count` times.
    #[must_use]
    pub fn nulls(mut self, count: u64) -> Self {
        self.0.push(0);
        self.0.extend(chunk::uleb(count));
        self
    }

    /// These numbers one by one.
    #[must_use]
    pub fn literal(mut self, values: impl ExactSizeIterator<Item = u64>) -> Self {
        self.0
            .extend(sleb(-i64::try_from(values.len()).unwrap_or(i64::MAX)));
        values.for_each(|value| self.0.extend(chunk::uleb(value)));
        self
    }

    /// Bytes as they are.
    pub fn raw(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }

    /// A column of yes and no in which all is no.
    pub fn all_false(count: u64) -> Self {
        Self(chunk::uleb(count))
    }
}

/// A change built by hand, to say what Automerge would not.
#[derive(Debug, Clone)]
pub struct RawChange {
    /// Changes it was made upon.
    pub deps: Vec<[u8; 32]>,
    /// Writer.
    pub actor: Vec<u8>,
    /// Number among the writer's changes.
    pub seq: u64,
    /// Number of the first operation.
    pub start_op: u64,
    /// Other actors it names.
    pub others: Vec<Vec<u8>>,
    /// Columns by their number.
    pub columns: BTreeMap<u64, Column>,
}

impl RawChange {
    /// A first change of `ops` operations, each of which sets the root key `k` to null.
    pub fn nulls(ops: u32) -> Self {
        let count = i64::from(ops);
        let columns = BTreeMap::from([
            (0x15, Column::new().run_text(count, "k")),
            (0x34, Column::all_false(u64::from(ops))),
            (0x42, Column::new().run(count, 1)),
            (0x56, Column::new().run(count, 0)),
            (0x70, Column::new().run(count, 0)),
        ]);
        Self {
            deps: Vec::new(),
            actor: vec![0x5a; 16],
            seq: 1,
            start_op: 1,
            others: Vec::new(),
            columns,
        }
    }

    /// A first change that makes `levels` maps, each inside the one before.
    pub fn nested_maps(levels: u32) -> Self {
        let count = i64::from(levels);
        let columns = BTreeMap::from([
            (0x01, Column::new().nulls(1).run(count - 1, 0)),
            (
                0x02,
                Column::new()
                    .nulls(1)
                    .literal((1..levels).map(u64::from).collect::<Vec<_>>().into_iter()),
            ),
            (0x15, Column::new().run_text(count, "m")),
            (0x34, Column::all_false(u64::from(levels))),
            (0x42, Column::new().run(count, 0)),
            (0x56, Column::new().run(count, 0)),
            (0x70, Column::new().run(count, 0)),
        ]);
        Self {
            deps: Vec::new(),
            actor: vec![0x5a; 16],
            seq: 1,
            start_op: 1,
            others: Vec::new(),
            columns,
        }
    }

    /// Puts a column in place of what was there.
    pub fn set(&mut self, number: u64, column: Column) {
        self.columns.insert(number, column);
    }

    /// The change as a chunk.
    pub fn chunk(&self) -> Vec<u8> {
        let mut body = chunk::uleb(self.deps.len() as u64);
        self.deps.iter().for_each(|dep| body.extend(dep));
        body.extend(chunk::uleb(self.actor.len() as u64));
        body.extend(&self.actor);
        body.extend(chunk::uleb(self.seq));
        body.extend(chunk::uleb(self.start_op));
        // Time 0, no message.
        body.extend([0, 0]);
        body.extend(chunk::uleb(self.others.len() as u64));
        for other in &self.others {
            body.extend(chunk::uleb(other.len() as u64));
            body.extend(other);
        }
        body.extend(chunk::uleb(self.columns.len() as u64));
        for (number, Column(bytes)) in &self.columns {
            body.extend(chunk::uleb(*number));
            body.extend(chunk::uleb(bytes.len() as u64));
        }
        self.columns
            .values()
            .for_each(|Column(bytes)| body.extend(bytes));
        seal(&body)
    }
}

/// The inputs that hurt Automerge when handed to it directly, each small. The byte gate refuses them all.
pub fn hostile_changes() -> Vec<(&'static str, Vec<u8>)> {
    let mut all = wrong_chunks();
    all.extend(endless_columns());
    all.extend(wrong_numbers());
    all
}

/// Chunks that are not exactly one change.
fn wrong_chunks() -> Vec<(&'static str, Vec<u8>)> {
    let honest = RawChange::nulls(1).chunk();
    let mut bundle = honest.clone();
    if let Some(kind) = bundle.get_mut(8) {
        *kind = 3;
    }
    let bomb = chunk::squeeze(&vec![0; 8 * 1024 * 1024]);
    vec![
        ("a whole document", automerge::Automerge::new().save()),
        ("a bundle", bundle),
        ("two changes at once", honest.repeat(2)),
        ("a deflate bomb", chunk::deflated_of(&[0; 4], &bomb)),
    ]
}

/// Few bytes that stand for very many values.
fn endless_columns() -> Vec<(&'static str, Vec<u8>)> {
    let mut long_keys = RawChange::nulls(50_000);
    long_keys.set(0x15, Column::new().run_text(50_000, &"k".repeat(60_000)));
    let mut predecessors = RawChange::nulls(1);
    predecessors.set(0x70, Column::new().run(1, 10_000_000));
    predecessors.set(0x71, Column::new().run(10_000_000, 0));
    predecessors.set(0x73, Column::new().run(10_000_000, 0));
    let mut uncountable = RawChange::nulls(1);
    uncountable.set(
        0x42,
        Column::new()
            .run(i64::MAX, 1)
            .run(i64::MAX, 1)
            .run(i64::MAX, 1),
    );
    let mut longer_than_actions = RawChange::nulls(1);
    longer_than_actions.set(0x15, Column::new().run_text(10_000_000, "k"));
    vec![
        (
            "an RLE run of 10^7 operations",
            RawChange::nulls(10_000_000).chunk(),
        ),
        ("more operations than can be counted", uncountable.chunk()),
        (
            "a column longer than the actions",
            longer_than_actions.chunk(),
        ),
        ("keys that expand to gigabytes", long_keys.chunk()),
        ("10^7 predecessors", predecessors.chunk()),
        ("20 000 nested maps", RawChange::nested_maps(20_000).chunk()),
    ]
}

/// Numbers and names out of their range.
fn wrong_numbers() -> Vec<(&'static str, Vec<u8>)> {
    let with = |edit: &dyn Fn(&mut RawChange)| {
        let mut change = RawChange::nulls(1);
        edit(&mut change);
        change.chunk()
    };
    vec![
        ("seq 10^12", with(&|c| c.seq = 1_000_000_000_000)),
        ("seq 0", with(&|c| c.seq = 0)),
        ("start_op 2^32-2", with(&|c| c.start_op = (1 << 32) - 2)),
        ("start_op 0", with(&|c| c.start_op = 0)),
        ("an actor of 4 KiB", with(&|c| c.actor = vec![7; 4_096])),
        ("an actor without bytes", with(&|c| c.actor = Vec::new())),
        ("65 dependencies", with(&|c| c.deps = vec![[1; 32]; 65])),
        (
            "a column nobody knows",
            with(&|c| c.set(0x0fff_fff7, Column::new())),
        ),
        ("a deflated column", with(&|c| c.set(0x1d, Column::new()))),
        (
            "an object from the future",
            with(&|c| {
                c.set(0x01, Column::new().run(1, 0));
                c.set(0x02, Column::new().run(1, 99));
            }),
        ),
    ]
}

/// A number as a signed LEB128.
pub fn sleb(mut number: i64) -> Vec<u8> {
    let mut out = Vec::new();
    loop {
        let [low, ..] = number.to_le_bytes();
        let low = low & 0x7f;
        number >>= 7;
        if (number == 0 && low & 0x40 == 0) || (number == -1 && low & 0x40 != 0) {
            out.push(low);
            return out;
        }
        out.push(low | 0x80);
    }
}
