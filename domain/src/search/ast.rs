//! What a query is once it is read. The constructors keep one shape for one meaning, so that a printed query reads back as
//! itself.

use crate::event::Grade;

/// Terms and how they are joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expr {
    /// Every one holds; none of them is an `All`. Empty: every card.
    All(Vec<Expr>),
    /// At least one holds; at least two, none of them an `Any`.
    Any(Vec<Expr>),
    /// It does not hold; never of another `Not`.
    Not(Box<Expr>),
    /// One term.
    Term(Term),
}

/// One condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Term {
    /// Stands in one of the card's texts.
    Text(Pattern),
    /// The same with accents and other marks left out on both sides.
    Unmarked(Pattern),
    /// Stands in one of the card's texts as a whole word.
    Word(Pattern),
    /// A regular expression found in one of the card's texts.
    Regex(String),
    /// A text of the side is exactly this; a side without text has the empty one.
    Side(TextSide, Pattern),
    /// The deck has this name, or lies below one that has.
    Deck(Pattern),
    /// The deck's id begins so.
    DeckId(Vec<IdPrefix>),
    /// A tag has this name, or lies below one that has.
    Tag(Pattern),
    /// It has no tag.
    Untagged,
    /// A state.
    State(State),
    /// The flag, 0 for none.
    Flag(u8),
    /// A figure of the card; in thousandths.
    Property(Property, Compare, i64),
    /// Made in the last days, today included.
    Added(u32),
    /// Answered in the last days, with this grade.
    Rated(u32, Option<Grade>),
    /// Answered for the first time in the last days.
    Introduced(u32),
    /// Holds a picture or a sound.
    Has(Media),
    /// Its id begins with one of these.
    CardId(Vec<IdPrefix>),
    /// The note's id begins so.
    NoteId(Vec<IdPrefix>),
}

/// A text in which some places are open.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pattern(Vec<Piece>);

/// A part of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// These letters.
    Text(String),
    /// `_`: any one letter.
    One,
    /// `*`: any letters, or none.
    Many,
}

/// A side of a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextSide {
    /// The question.
    Front,
    /// The answer.
    Back,
}

/// `is:`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Answered before, and its day has come.
    Due,
    /// Never answered, or reset.
    New,
    /// Answered, and in the first box.
    Learn,
    /// Answered, and beyond the first box.
    Review,
    /// Kept out of study by the person.
    Suspended,
    /// Put off until tomorrow.
    Buried,
    /// Two devices wrote different texts, and nobody has chosen yet.
    Conflict,
    /// Tagged as forgotten again and again.
    Leech,
    /// Removed.
    Removed,
}

/// `prop:`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Property {
    /// Days until it is due; negative when it is late.
    Due,
    /// Days from the last answer to the due day.
    Interval,
    /// Answers.
    Reviews,
    /// Times it was known and then forgotten.
    Lapses,
    /// The box.
    Box,
    /// The ease factor, as SM-2 has it.
    Ease,
}

/// How a figure is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `>=`
    AtLeast,
    /// `>`
    More,
}

/// `has:`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Media {
    /// A picture.
    Image,
    /// A sound.
    Audio,
}

/// The beginning of an id: its hexadecimal digits, one a byte.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct IdPrefix(Vec<u8>);

impl Expr {
    /// Chooses every card.
    pub fn everything() -> Self {
        Self::All(Vec::new())
    }

    /// All of these.
    pub fn all(parts: impl IntoIterator<Item = Expr>) -> Self {
        let mut flat = Vec::new();
        for part in parts {
            match part {
                Self::All(inner) => flat.extend(inner),
                part => flat.push(part),
            }
        }
        single(flat).unwrap_or_else(Self::All)
    }

    /// At least one of these, of which there must be one.
    pub fn any(parts: impl IntoIterator<Item = Expr>) -> Self {
        let mut flat = Vec::new();
        for part in parts {
            match part {
                Self::Any(inner) => flat.extend(inner),
                part => flat.push(part),
            }
        }
        single(flat).unwrap_or_else(Self::Any)
    }

    /// Not this.
    pub fn negate(self) -> Self {
        match self {
            Self::Not(inner) => *inner,
            other => Self::Not(Box::new(other)),
        }
    }

    /// Whether a term stands somewhere where it speaks for a card (or, with `wanted` false, against one).
    pub(super) fn asks_for(&self, term: &Term, wanted: bool) -> bool {
        match self {
            Self::All(parts) | Self::Any(parts) => {
                parts.iter().any(|part| part.asks_for(term, wanted))
            }
            Self::Not(inner) => inner.asks_for(term, !wanted),
            Self::Term(own) => wanted && own == term,
        }
    }
}

/// The only part, or all of them back.
fn single(mut parts: Vec<Expr>) -> Result<Expr, Vec<Expr>> {
    match (parts.pop(), parts.is_empty()) {
        (Some(only), true) => Ok(only),
        (last, _) => {
            parts.extend(last);
            Err(parts)
        }
    }
}

impl Pattern {
    /// A pattern of pieces: neighbours that say the same in two pieces become one.
    pub fn new(pieces: impl IntoIterator<Item = Piece>) -> Self {
        let mut joined: Vec<Piece> = Vec::new();
        for piece in pieces {
            match (joined.last_mut(), piece) {
                (Some(Piece::Text(text)), Piece::Text(more)) => text.push_str(&more),
                (_, Piece::Text(text)) if text.is_empty() => {}
                (Some(Piece::Many), Piece::Many) => {}
                (_, piece) => joined.push(piece),
            }
        }
        Self(joined)
    }

    /// Its pieces, in order.
    pub fn pieces(&self) -> &[Piece] {
        &self.0
    }

    /// The text, when no place in it is open.
    pub fn as_text(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }
}

impl Compare {
    /// Whether it holds between two figures.
    pub fn holds(self, left: i64, right: i64) -> bool {
        match self {
            Self::Less => left < right,
            Self::AtMost => left <= right,
            Self::Equal => left == right,
            Self::NotEqual => left != right,
            Self::AtLeast => left >= right,
            Self::More => left > right,
        }
    }
}

impl IdPrefix {
    /// The beginning of an id by its letters, with or without dashes; none when a letter is no hexadecimal digit or there
    /// are more of them than an id has.
    pub fn parse(letters: &str) -> Option<Self> {
        let digits: Vec<u8> = letters
            .chars()
            .filter(|letter| *letter != '-')
            .map(|letter| {
                letter
                    .to_digit(16)
                    .and_then(|digit| u8::try_from(digit).ok())
            })
            .collect::<Option<_>>()?;
        (!digits.is_empty() && digits.len() <= 32).then_some(Self(digits))
    }

    /// Its digits.
    pub fn digits(&self) -> &[u8] {
        &self.0
    }

    /// Whether an id begins so.
    pub fn begins(&self, id: &[u8; 16]) -> bool {
        let digits = id.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        self.0.iter().copied().zip(digits).all(|(a, b)| a == b)
    }
}
