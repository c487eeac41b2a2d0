//! Writes a query as a person would type it. What is written reads back as the same query.

use std::fmt::{self, Display, Formatter, Write};

use super::ast::{Expr, IdPrefix, Pattern, Piece, Term, TextSide};
use super::lex::JOINING;
use super::term::{COMPARISONS, MEDIA, PROPERTIES, STATES};
use super::{Compare, Property, Query};
use crate::event::Grade;

impl Display for Query {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        self.expr().fmt(out)
    }
}

impl Display for Expr {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(parts) => join(out, parts, " "),
            Self::Any(parts) => join(out, parts, " or "),
            Self::Not(inner) => {
                out.write_char('-')?;
                inner.enclosed(out)
            }
            Self::Term(term) => term.fmt(out),
        }
    }
}

impl Expr {
    fn enclosed(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(_) | Self::Any(_) => write!(out, "({self})"),
            _ => self.fmt(out),
        }
    }
}

fn join(out: &mut Formatter<'_>, parts: &[Expr], between: &str) -> fmt::Result {
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            out.write_str(between)?;
        }
        part.enclosed(out)?;
    }
    Ok(())
}

impl Display for Term {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(pattern) => word(out, "", pattern),
            Self::Unmarked(pattern) => word(out, "nc:", pattern),
            Self::Word(pattern) => word(out, "w:", pattern),
            Self::Regex(pattern) => write!(out, "\"re:{pattern}\""),
            Self::Side(TextSide::Front, pattern) => word(out, "front:", pattern),
            Self::Side(TextSide::Back, pattern) => word(out, "back:", pattern),
            Self::Deck(pattern) => word(out, "deck:", pattern),
            Self::DeckId(ids) => write_ids(out, "did:", ids),
            Self::Tag(pattern) => word(out, "tag:", pattern),
            Self::Untagged => out.write_str("tag:none"),
            Self::State(state) => write!(out, "is:{}", name_of(&STATES, state)),
            Self::Flag(flag) => write!(out, "flag:{flag}"),
            Self::Property(Property::Box, Compare::Equal, number @ 1_000..=5_000) => {
                write!(out, "box:{}", number / 1_000)
            }
            Self::Property(property, compare, number) => write!(
                out,
                "prop:{}{}{}",
                name_of(&PROPERTIES, property),
                name_of(&COMPARISONS, compare),
                decimal(*number)
            ),
            Self::Added(days) => write!(out, "added:{days}"),
            Self::Rated(days, None) => write!(out, "rated:{days}"),
            Self::Rated(days, Some(grade)) => write!(out, "rated:{days}:{}", Grade::number(*grade)),
            Self::Introduced(days) => write!(out, "introduced:{days}"),
            Self::Has(media) => write!(out, "has:{}", name_of(&MEDIA, media)),
            Self::CardId(ids) => write_ids(out, "cid:", ids),
            Self::NoteId(ids) => write_ids(out, "nid:", ids),
        }
    }
}

/// A number of thousandths as it is typed.
fn decimal(number: i64) -> String {
    let sign = if number < 0 { "-" } else { "" };
    let (whole, part) = (number.unsigned_abs() / 1_000, number.unsigned_abs() % 1_000);
    let text = format!("{sign}{whole}.{part:03}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn name_of<T: PartialEq>(names: &[(&'static str, T)], wanted: &T) -> &'static str {
    names
        .iter()
        .find(|(_, one)| one == wanted)
        .map_or("", |(name, _)| name)
}

fn write_ids(out: &mut Formatter<'_>, field: &str, ids: &[IdPrefix]) -> fmt::Result {
    out.write_str(field)?;
    for (at, id) in ids.iter().enumerate() {
        if at > 0 {
            out.write_char(',')?;
        }
        id.digits()
            .iter()
            .try_for_each(|digit| write!(out, "{digit:x}"))?;
    }
    Ok(())
}

fn word(out: &mut Formatter<'_>, field: &str, pattern: &Pattern) -> fmt::Result {
    let mut raw = String::new();
    for piece in pattern.pieces() {
        match piece {
            Piece::Many => raw.push('*'),
            Piece::One => raw.push('_'),
            Piece::Text(text) => {
                for letter in text.chars() {
                    if matches!(letter, '\\' | '"' | ':' | '*' | '_') {
                        raw.push('\\');
                    }
                    raw.push(letter);
                }
            }
        }
    }
    let needs_quotes = raw.is_empty()
        || raw.starts_with('-')
        || raw.contains(|letter: char| letter.is_whitespace() || "()<>=!".contains(letter))
        || JOINING
            .iter()
            .any(|(name, _)| raw.eq_ignore_ascii_case(name));
    if needs_quotes {
        write!(out, "{field}\"{raw}\"")
    } else {
        write!(out, "{field}{raw}")
    }
}
