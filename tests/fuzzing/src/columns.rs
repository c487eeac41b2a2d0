//! The run-length columns of a change as plain lists of values, and back in the one form that Automerge writes.

use crate::chunk::{counted, put_counted, put_signed, put_unsigned, signed, take, unsigned};

/// Values taken out of one column at most: a mutated run must not exhaust the fuzzer itself.
const VALUES_MAX: usize = 200_000;

/// How one value of a run-length column is written.
pub(crate) trait Value: Clone + PartialEq + Sized {
    fn read(from: &mut &[u8]) -> Option<Self>;
    fn put(&self, to: &mut Vec<u8>);
}

impl Value for u64 {
    fn read(from: &mut &[u8]) -> Option<Self> {
        unsigned(from)
    }

    fn put(&self, to: &mut Vec<u8>) {
        put_unsigned(to, *self);
    }
}

impl Value for i64 {
    fn read(from: &mut &[u8]) -> Option<Self> {
        signed(from)
    }

    fn put(&self, to: &mut Vec<u8>) {
        put_signed(to, *self);
    }
}

impl Value for Vec<u8> {
    fn read(from: &mut &[u8]) -> Option<Self> {
        counted(from)
    }

    fn put(&self, to: &mut Vec<u8>) {
        put_counted(to, self);
    }
}

/// The values of a run-length column, `len` of them; one without bytes has none for everybody.
pub(crate) fn runs<T: Value>(column: Option<&Vec<u8>>, len: usize) -> Option<Vec<Option<T>>> {
    let mut values = Vec::new();
    let mut from = column.map(Vec::as_slice).unwrap_or_default();
    while !from.is_empty() {
        let length = signed(&mut from)?;
        let count = match length {
            0 => unsigned(&mut from)?,
            _ => length.unsigned_abs(),
        };
        let count = usize::try_from(count).ok()?;
        if values.len() + count > VALUES_MAX {
            return None;
        }
        match length {
            0 => values.extend(vec![None; count]),
            1.. => values.extend(vec![Some(T::read(&mut from)?); count]),
            _ => {
                for _ in 0..count {
                    values.push(Some(T::read(&mut from)?));
                }
            }
        }
    }
    if values.is_empty() {
        values.resize(len, None);
    }
    Some(values)
}

/// The column of these values; nothing when there is no value in it.
pub(crate) fn put_runs<T: Value>(values: &[Option<T>]) -> Vec<u8> {
    let mut column = Vec::new();
    if values.iter().all(Option::is_none) {
        return column;
    }
    let mut literals: Vec<&T> = Vec::new();
    for run in values.chunk_by(PartialEq::eq) {
        match run {
            [Some(value)] => literals.push(value),
            [Some(value), ..] => {
                put_literals(&mut column, &mut literals);
                put_signed(&mut column, run.len() as i64);
                value.put(&mut column);
            }
            _ => {
                put_literals(&mut column, &mut literals);
                column.push(0);
                put_unsigned(&mut column, run.len() as u64);
            }
        }
    }
    put_literals(&mut column, &mut literals);
    column
}

fn put_literals<T: Value>(column: &mut Vec<u8>, literals: &mut Vec<&T>) {
    if !literals.is_empty() {
        put_signed(column, -(literals.len() as i64));
        literals.drain(..).for_each(|value| value.put(column));
    }
}

/// The values of a column of differences.
pub(crate) fn deltas(column: Option<&Vec<u8>>, len: usize) -> Option<Vec<Option<i64>>> {
    let mut sum = 0i64;
    let differences = runs::<i64>(column, len)?;
    let add = |difference: Option<i64>| match difference {
        None => Some(None),
        Some(difference) => {
            sum = sum.checked_add(difference)?;
            Some(Some(sum))
        }
    };
    differences.into_iter().map(add).collect()
}

/// The column of differences of these values.
pub(crate) fn put_deltas(values: &[Option<i64>]) -> Vec<u8> {
    let mut before = 0i64;
    let differences: Vec<Option<i64>> = values
        .iter()
        .map(|value| {
            value.map(|value| {
                let difference = value.wrapping_sub(before);
                before = value;
                difference
            })
        })
        .collect();
    put_runs(&differences)
}

/// The values of a column of yes and no.
pub(crate) fn flags(column: Option<&Vec<u8>>, len: usize) -> Option<Vec<bool>> {
    let mut values = Vec::new();
    let mut from = column.map(Vec::as_slice).unwrap_or_default();
    let mut value = false;
    while !from.is_empty() {
        let count = usize::try_from(unsigned(&mut from)?).ok()?;
        if values.len() + count > VALUES_MAX {
            return None;
        }
        values.extend(vec![value; count]);
        value = !value;
    }
    if values.is_empty() {
        values.resize(len, false);
    }
    Some(values)
}

/// The column of these yes and no.
pub(crate) fn put_flags(values: &[bool]) -> Vec<u8> {
    let mut column = Vec::new();
    if values.first() == Some(&true) {
        column.push(0);
    }
    for run in values.chunk_by(PartialEq::eq) {
        put_unsigned(&mut column, run.len() as u64);
    }
    column
}

/// Cuts a value's bytes off the column of all of them.
pub(crate) fn cut<'a>(from: &mut &'a [u8], bytes: u64) -> Option<&'a [u8]> {
    take(from, usize::try_from(bytes).ok()?)
}
