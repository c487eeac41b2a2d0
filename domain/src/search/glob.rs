//! Finds a pattern in folded texts. A pattern is cut at its `*` into segments; a segment is letters and `_` of which one
//! occurrence after the other is looked at, found by its first letters. The earliest occurrence leaves the most room to
//! what follows, so nothing is tried twice.

use memchr::memmem::Finder;

use super::ast::{Pattern, Piece};
use super::fold::END;

/// A pattern made ready.
#[derive(Debug, Clone)]
pub(super) struct Glob {
    segments: Vec<Segment>,
    open_start: bool,
    open_end: bool,
    /// The pattern is the empty text.
    empty: bool,
}

/// Letters and `_` without a `*` among them: `_` before the first letters, those, and what follows them.
#[derive(Debug, Clone)]
struct Segment {
    ones_before: usize,
    first: Finder<'static>,
    after: Vec<Atom>,
}

#[derive(Debug, Clone)]
enum Atom {
    Text(String),
    One,
}

/// Where a segment was found.
#[derive(Debug, Clone, Copy)]
struct Found {
    start: usize,
    end: usize,
}

impl Glob {
    /// Makes a pattern ready; `fold` is what was done to the texts.
    pub(super) fn new(pattern: &Pattern, fold: impl Fn(&str) -> String) -> Self {
        let pieces = pattern.pieces();
        let segments = pieces
            .split(|piece| *piece == Piece::Many)
            .filter(|segment| !segment.is_empty())
            .map(|segment| Segment::new(segment, &fold))
            .collect();
        Self {
            segments,
            open_start: pieces.first() == Some(&Piece::Many),
            open_end: pieces.last() == Some(&Piece::Many),
            empty: pieces.is_empty(),
        }
    }

    /// Whether it stands in one of the texts; one that asks for no letter stands in every card.
    pub(super) fn within(&self, texts: &str) -> bool {
        match self.segments.as_slice() {
            [] => true,
            // Ends of texts are no letters, so one segment cannot reach over them.
            [only] => only.find(texts, 0).is_some(),
            _ => texts
                .split_terminator(END)
                .any(|text| self.runs(text, false, |_| true, |_| true)),
        }
    }

    /// Whether it stands in one of the texts with nothing of a word around it.
    pub(super) fn within_words(&self, texts: &str) -> bool {
        self.segments.is_empty()
            || texts.split_terminator(END).any(|text| {
                self.runs(
                    text,
                    false,
                    |found| self.open_start || is_edge(text, found.start),
                    |found| self.open_end || is_edge(text, found.end),
                )
            })
    }

    /// Whether it is the whole text.
    pub(super) fn is(&self, text: &str) -> bool {
        if self.segments.is_empty() {
            return !self.empty || text.is_empty();
        }
        self.runs(
            text,
            !self.open_start,
            |found| self.open_start || found.start == 0,
            |found| self.open_end || found.end == text.len(),
        )
    }

    /// Looks for the segments one after the other; `begins` and `ends` judge where the first and the last may stand.
    fn runs(
        &self,
        text: &str,
        only_at_start: bool,
        begins: impl Fn(Found) -> bool,
        ends: impl Fn(Found) -> bool,
    ) -> bool {
        let last = self.segments.len().saturating_sub(1);
        let mut from = 0;
        for (at, segment) in self.segments.iter().enumerate() {
            let fits = |found: &Found| (at != 0 || begins(*found)) && (at != last || ends(*found));
            let found = if at == 0 && only_at_start {
                segment.at(text, 0).filter(fits)
            } else {
                segment.find_that(text, from, fits)
            };
            match found {
                Some(found) => from = found.end,
                None => return false,
            }
        }
        true
    }
}

impl Segment {
    fn new(pieces: &[Piece], fold: impl Fn(&str) -> String) -> Self {
        let mut rest = pieces.iter().peekable();
        let mut ones_before = 0;
        while rest.next_if(|piece| **piece == Piece::One).is_some() {
            ones_before += 1;
        }
        let first = match rest.next() {
            Some(Piece::Text(text)) => fold(text),
            _ => String::new(),
        };
        let atom = |piece: &Piece| match piece {
            Piece::Text(text) => Atom::Text(fold(text)),
            Piece::One | Piece::Many => Atom::One,
        };
        Self {
            ones_before,
            first: Finder::new(first.as_bytes()).into_owned(),
            after: rest.map(atom).collect(),
        }
    }

    /// The first occurrence from a place on.
    fn find(&self, text: &str, from: usize) -> Option<Found> {
        self.find_that(text, from, |_| true)
    }

    /// The first occurrence from a place on that fits.
    fn find_that(&self, text: &str, from: usize, fits: impl Fn(&Found) -> bool) -> Option<Found> {
        let mut look = from;
        loop {
            let letters = look + self.first.find(text.as_bytes().get(look..)?)?;
            let found = back(text, from, letters, self.ones_before)
                .and_then(|start| self.at(text, start))
                .filter(&fits);
            if found.is_some() {
                return found;
            }
            // An occurrence may begin inside the one before it.
            look = letters + text.get(letters..)?.chars().next()?.len_utf8();
        }
    }

    /// The occurrence that begins here.
    fn at(&self, text: &str, start: usize) -> Option<Found> {
        let mut end = forward(text, start, self.ones_before)?;
        let letters = text.as_bytes().get(end..)?;
        if !letters.starts_with(self.first.needle()) {
            return None;
        }
        end += self.first.needle().len();
        for atom in &self.after {
            end = match atom {
                Atom::Text(wanted) => text
                    .get(end..)?
                    .starts_with(wanted.as_str())
                    .then_some(end + wanted.len())?,
                Atom::One => forward(text, end, 1)?,
            };
        }
        Some(Found { start, end })
    }
}

/// The place some letters further on, unless a text ends before.
fn forward(text: &str, from: usize, letters: usize) -> Option<usize> {
    let mut at = from;
    for _ in 0..letters {
        let letter = text
            .get(at..)?
            .chars()
            .next()
            .filter(|letter| *letter != END)?;
        at += letter.len_utf8();
    }
    Some(at)
}

/// The place some letters before another, not before `from`.
fn back(text: &str, from: usize, at: usize, letters: usize) -> Option<usize> {
    let mut before = text.get(from..at)?.chars();
    for _ in 0..letters {
        before.next_back()?;
    }
    Some(from + before.as_str().len())
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// Whether no word runs on from before a place to behind it.
fn is_edge(text: &str, at: usize) -> bool {
    let before = text.get(..at).and_then(|text| text.chars().next_back());
    let after = text.get(at..).and_then(|text| text.chars().next());
    !(before.is_some_and(is_word) && after.is_some_and(is_word))
}
