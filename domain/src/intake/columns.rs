//! The columns of a change: run-length coded, so that few bytes can stand for very many operations. Each decoder hands out
//! one value at a time and holds one run; whoever walks them decides how many values it asks for. Each also knows whether
//! its runs are the ones Automerge would write for the same values: only then do the bytes survive being written again.

use crate::intake::GateError;
use crate::intake::cursor::Cursor;

/// A value as it stands in a run-length column.
pub(super) trait Element<'a>: Copy + PartialEq {
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, GateError>;
}

impl<'a> Element<'a> for u64 {
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, GateError> {
        cursor.uleb()
    }
}

impl<'a> Element<'a> for i64 {
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, GateError> {
        cursor.sleb()
    }
}

impl<'a> Element<'a> for &'a str {
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, GateError> {
        cursor.text()
    }
}

#[derive(Debug, Clone, Copy)]
enum Run<T> {
    Same(Option<T>),
    Literal,
}

/// A run-length column. One without bytes is one without values: every operation has none.
#[derive(Debug, Clone)]
pub(super) struct Column<'a, T> {
    name: &'static str,
    absent: bool,
    cursor: Cursor<'a>,
    run: Run<T>,
    left: u64,
    /// The value handed out last.
    last: Option<Option<T>>,
    canonical: bool,
}

impl<'a, T: Element<'a>> Column<'a, T> {
    pub(super) const fn new(name: &'static str, bytes: &'a [u8]) -> Self {
        let cursor = Cursor::new(bytes);
        Self {
            name,
            absent: bytes.is_empty(),
            cursor,
            run: Run::Same(None),
            left: 0,
            last: None,
            canonical: true,
        }
    }

    /// The next value; an error when the column ends before.
    pub(super) fn next(&mut self) -> Result<Option<T>, GateError> {
        if self.absent {
            return Ok(None);
        }
        if self.left == 0 {
            self.read_run()?;
        }
        self.left = self.left.saturating_sub(1);
        match self.run {
            Run::Same(value) => Ok(value),
            Run::Literal => {
                let value = Some(T::read(&mut self.cursor)?);
                self.follow(value);
                Ok(value)
            }
        }
    }

    /// Whether what was read so far is as Automerge writes it: equal neighbours in one run, the others in one literal.
    pub(super) const fn is_canonical(&self) -> bool {
        self.canonical
    }

    /// Notes a value or a run of it that begins behind another.
    fn follow(&mut self, value: Option<T>) {
        self.canonical &= self.last != Some(value);
        self.last = Some(value);
    }

    /// The next value of a column in which every operation has one.
    pub(super) fn required(&mut self) -> Result<T, GateError> {
        self.next()?.ok_or(GateError::Malformed(self.name))
    }

    /// An error when values are left that nobody asked for.
    pub(super) fn finish(&self) -> Result<(), GateError> {
        if self.left == 0 && self.cursor.is_empty() {
            Ok(())
        } else {
            Err(GateError::Malformed(self.name))
        }
    }

    /// How many values the column has; the runs are only summed up, so this is quick however many they stand for.
    pub(super) fn count(mut self, max: u64) -> Result<u64, GateError> {
        let mut count: u64 = 0;
        while !self.cursor.is_empty() {
            self.read_run()?;
            count = count.saturating_add(self.left);
            if count > max {
                return Err(GateError::TooMuch {
                    what: self.name,
                    found: count,
                    max,
                });
            }
            if matches!(self.run, Run::Literal) {
                for _ in 0..self.left {
                    T::read(&mut self.cursor)?;
                }
            }
        }
        Ok(count)
    }

    fn read_run(&mut self) -> Result<(), GateError> {
        let length = self.cursor.sleb()?;
        if length == 0 {
            self.left = self.cursor.uleb()?;
            self.run = Run::Same(None);
            // Without any value there would be no column.
            self.canonical &= !(self.last.is_none() && self.cursor.is_empty());
            self.follow(None);
        } else if length > 0 {
            self.left = length.unsigned_abs();
            let value = Some(T::read(&mut self.cursor)?);
            self.run = Run::Same(value);
            self.canonical &= length > 1;
            self.follow(value);
        } else {
            self.left = length.unsigned_abs();
            self.canonical &= !matches!(self.run, Run::Literal);
            self.run = Run::Literal;
        }
        if self.left == 0 {
            Err(GateError::Malformed(self.name))
        } else {
            Ok(())
        }
    }
}

/// A column of differences to the value before.
#[derive(Debug, Clone)]
pub(super) struct DeltaColumn<'a> {
    differences: Column<'a, i64>,
    value: i64,
}

impl<'a> DeltaColumn<'a> {
    pub(super) const fn new(name: &'static str, bytes: &'a [u8]) -> Self {
        Self {
            differences: Column::new(name, bytes),
            value: 0,
        }
    }

    pub(super) fn next(&mut self) -> Result<Option<u64>, GateError> {
        let Some(difference) = self.differences.next()? else {
            return Ok(None);
        };
        let out_of_range = GateError::Malformed(self.differences.name);
        self.value = self.value.checked_add(difference).ok_or(out_of_range)?;
        u64::try_from(self.value)
            .map(Some)
            .map_err(|_| out_of_range)
    }

    pub(super) fn finish(&self) -> Result<(), GateError> {
        self.differences.finish()
    }

    pub(super) const fn is_canonical(&self) -> bool {
        self.differences.canonical
    }
}

/// A column of yes and no: lengths of runs, beginning with no.
#[derive(Debug, Clone)]
pub(super) struct BoolColumn<'a> {
    name: &'static str,
    absent: bool,
    cursor: Cursor<'a>,
    value: bool,
    begun: bool,
    left: u64,
}

impl<'a> BoolColumn<'a> {
    pub(super) const fn new(name: &'static str, bytes: &'a [u8]) -> Self {
        let cursor = Cursor::new(bytes);
        Self {
            name,
            absent: bytes.is_empty(),
            cursor,
            value: true,
            begun: false,
            left: 0,
        }
    }

    pub(super) const fn is_absent(&self) -> bool {
        self.absent
    }

    pub(super) fn next(&mut self) -> Result<bool, GateError> {
        if self.absent {
            return Ok(false);
        }
        while self.left == 0 {
            self.left = self.cursor.uleb()?;
            self.value = !self.value;
            // Only the first run, of "no", may be empty.
            if self.left == 0 && self.begun {
                return Err(GateError::Malformed(self.name));
            }
            self.begun = true;
        }
        self.left -= 1;
        Ok(self.value)
    }

    pub(super) fn finish(&self) -> Result<(), GateError> {
        if self.left == 0 && self.cursor.is_empty() {
            Ok(())
        } else {
            Err(GateError::Malformed(self.name))
        }
    }
}
