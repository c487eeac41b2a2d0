//! Reads one term: `word`, `field:value` or `figure<number`.

use super::ast::{Compare, IdPrefix, Media, Pattern, Piece, Property, State, Term, TextSide};
use super::error::{QueryError, nearest};
use super::lex::Word;
use super::matcher;
use crate::event::Grade;
use crate::limit;

/// Words that may stand before a colon.
const FIELDS: [&str; 17] = [
    "deck",
    "tag",
    "is",
    "flag",
    "box",
    "prop",
    "added",
    "rated",
    "introduced",
    "has",
    "front",
    "back",
    "nc",
    "w",
    "re",
    "cid",
    "nid",
];

/// The same that are read here and not named among the others: ids of decks are seldom typed.
const DECK_ID: &str = "did";

/// Terms of Anki for which nothing is kept here.
const NOT_KEPT: [(&str, &str); 5] = [
    (
        "edited",
        "the day of an edit is not kept; use added:N or rated:N",
    ),
    (
        "resched",
        "the day of a change of the due day is not kept; use rated:N",
    ),
    (
        "dupe",
        "`card duplicates` lists cards that ask the same; search for the text in quotes",
    ),
    (
        "mid",
        "note types have names and no ids; use nid:ID for the cards of one note",
    ),
    (
        "note",
        "note types are not searched for; use nid:ID for the cards of one note",
    ),
];

/// `is:`.
pub(super) const STATES: [(&str, State); 9] = [
    ("due", State::Due),
    ("new", State::New),
    ("learn", State::Learn),
    ("review", State::Review),
    ("suspended", State::Suspended),
    ("buried", State::Buried),
    ("conflict", State::Conflict),
    ("leech", State::Leech),
    ("removed", State::Removed),
];

/// `prop:`, and alone before a comparison.
pub(super) const PROPERTIES: [(&str, Property); 6] = [
    ("due", Property::Due),
    ("ivl", Property::Interval),
    ("reps", Property::Reviews),
    ("lapses", Property::Lapses),
    ("box", Property::Box),
    ("ease", Property::Ease),
];

/// Comparisons, longer spellings before those they begin with.
pub(super) const COMPARISONS: [(&str, Compare); 6] = [
    ("<=", Compare::AtMost),
    (">=", Compare::AtLeast),
    ("!=", Compare::NotEqual),
    ("<", Compare::Less),
    (">", Compare::More),
    ("=", Compare::Equal),
];

/// `has:`.
pub(super) const MEDIA: [(&str, Media); 2] = [("image", Media::Image), ("audio", Media::Audio)];

/// Reads one term.
pub(super) fn read(word: &Word) -> Result<Term, QueryError> {
    if let Some((name, value)) = field(&word.raw) {
        return with_field(name, value);
    }
    if !word.quoted
        && let Some((property, rest)) = PROPERTIES.iter().find_map(|(name, property)| {
            let rest = strip_name(&word.raw, name)?;
            rest.starts_with(['<', '>', '=', '!'])
                .then_some((property, rest))
        })
    {
        return compared(*property, rest, &word.raw);
    }
    pattern(&word.raw).map(Term::Text)
}

/// What stands before and after the first colon, when that makes a term: a word of Latin letters, not an address of the web.
fn field(raw: &str) -> Option<(&str, &str)> {
    let (name, value) = raw.split_once(':')?;
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphabetic());
    (is_name && !value.starts_with("//")).then_some((name, value))
}

fn with_field(name: &str, value: &str) -> Result<Term, QueryError> {
    let known = name.to_ascii_lowercase();
    match known.as_str() {
        "deck" => named("deck", value).map(Term::Deck),
        "tag" if value.eq_ignore_ascii_case("none") => Ok(Term::Untagged),
        "tag" => named("tag", value).map(Term::Tag),
        "is" => choose("is", value, &STATES).map(Term::State),
        "has" => choose("has", value, &MEDIA).map(Term::Has),
        "flag" => match value.parse() {
            Ok(flag @ 0..=7) => Ok(Term::Flag(flag)),
            _ => Err(wrong("flag", value, "flag:0 (none) to flag:7")),
        },
        "box" => match value.parse::<i64>() {
            Ok(number @ 1..=5) => Ok(Term::Property(
                Property::Box,
                Compare::Equal,
                number * 1_000,
            )),
            _ => Err(wrong("box", value, "box:1 to box:5, or box>=3")),
        },
        "prop" => property(value),
        "added" => days("added", value).map(Term::Added),
        "introduced" => days("introduced", value).map(Term::Introduced),
        "rated" => rated(value),
        "front" => pattern(value).map(|text| Term::Side(TextSide::Front, text)),
        "back" => pattern(value).map(|text| Term::Side(TextSide::Back, text)),
        "nc" => named("nc", value).map(Term::Unmarked),
        "w" => named("w", value).map(Term::Word),
        "re" => regex(value),
        "cid" => ids("cid", value).map(Term::CardId),
        "nid" => ids("nid", value).map(Term::NoteId),
        DECK_ID => ids(DECK_ID, value).map(Term::DeckId),
        _ => Err(unknown(name, &known)),
    }
}

fn unknown(name: &str, lower: &str) -> QueryError {
    match NOT_KEPT.iter().find(|(not_kept, _)| *not_kept == lower) {
        Some((name, why)) => QueryError::NotKept { name, why },
        None => QueryError::Field {
            name: name.to_owned(),
            known: FIELDS.map(|field| format!("{field}:")).join(" "),
            near: nearest(name, FIELDS),
        },
    }
}

fn wrong(field: &'static str, value: &str, known: &str) -> QueryError {
    QueryError::Value {
        field,
        value: value.to_owned(),
        known: known.to_owned(),
        near: None,
    }
}

fn choose<T: Copy>(field: &'static str, value: &str, known: &[(&str, T)]) -> Result<T, QueryError> {
    match known
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(value))
    {
        Some((_, choice)) => Ok(*choice),
        None => Err(QueryError::Value {
            field,
            value: value.to_owned(),
            known: known
                .iter()
                .map(|(name, _)| format!("{field}:{name}"))
                .collect::<Vec<_>>()
                .join(" "),
            near: nearest(value, known.iter().map(|(name, _)| *name))
                .map(|near| format!("{field}:{near}")),
        }),
    }
}

/// A pattern that must hold something.
fn named(field: &'static str, value: &str) -> Result<Pattern, QueryError> {
    if value.is_empty() {
        let known = match field {
            "deck" => "deck:NAME; a name with spaces is written deck:\"My deck\"",
            "tag" => "tag:NAME, or tag:none for cards without a tag",
            "nc" => "nc:TEXT without a space after the colon",
            _ => "w:WORD without a space after the colon",
        };
        return Err(wrong(field, value, known));
    }
    pattern(value)
}

/// Reads `*`, `_` and backslashes.
fn pattern(raw: &str) -> Result<Pattern, QueryError> {
    let mut pieces = Vec::new();
    let mut letters = raw.chars();
    while let Some(letter) = letters.next() {
        pieces.push(match letter {
            '*' => Piece::Many,
            '_' => Piece::One,
            '\\' => match letters.next() {
                Some(sign) if ESCAPED.contains(&sign) || sign.is_whitespace() => {
                    Piece::Text(sign.to_string())
                }
                other => {
                    return Err(QueryError::Escape(
                        other.map(String::from).unwrap_or_default(),
                    ));
                }
            },
            letter => Piece::Text(letter.to_string()),
        });
    }
    Ok(Pattern::new(pieces))
}

/// Signs that stand for themselves after a backslash.
const ESCAPED: [char; 8] = ['\\', '"', ':', '*', '_', '(', ')', '-'];

fn regex(value: &str) -> Result<Term, QueryError> {
    if value.is_empty() {
        return Err(wrong(
            "re",
            value,
            "re:PATTERN, in quotes when it holds spaces or parentheses",
        ));
    }
    matcher::compile_regex(value)?;
    Ok(Term::Regex(value.to_owned()))
}

fn days(field: &'static str, value: &str) -> Result<u32, QueryError> {
    match value.parse() {
        Ok(days) if (1..=limit::QUERY_DAYS_MAX).contains(&days) => Ok(days),
        _ => Err(wrong(
            field,
            value,
            &format!("{field}:N with a number of days from 1 (today)"),
        )),
    }
}

fn rated(value: &str) -> Result<Term, QueryError> {
    let (number, grade) = value
        .split_once(':')
        .map_or((value, None), |(n, g)| (n, Some(g)));
    let days = days("rated", number)?;
    let grade =
        match grade {
            None => None,
            Some(number) => {
                let grade = number.parse().ok().and_then(Grade::from_number);
                Some(grade.ok_or_else(|| {
                    wrong("rated", value, "rated:N:1 (again) to rated:N:4 (easy)")
                })?)
            }
        };
    Ok(Term::Rated(days, grade))
}

fn property(value: &str) -> Result<Term, QueryError> {
    let end = value.find(['<', '>', '=', '!']).unwrap_or(value.len());
    let (name, rest) = value.split_at(end);
    let known = || {
        let names: Vec<String> = PROPERTIES
            .iter()
            .map(|(name, _)| format!("prop:{name}"))
            .collect();
        format!("{} with < <= = != >= > and a number", names.join(" "))
    };
    match PROPERTIES
        .iter()
        .find(|(own, _)| own.eq_ignore_ascii_case(name))
    {
        Some((_, property)) if !rest.is_empty() => compared(*property, rest, value),
        found => Err(QueryError::Value {
            field: "prop",
            value: value.to_owned(),
            known: known(),
            near: found
                .is_none()
                .then(|| nearest(name, PROPERTIES.iter().map(|(name, _)| *name)))
                .flatten()
                .map(|near| format!("prop:{near}")),
        }),
    }
}

/// Reads a comparison and a number.
fn compared(property: Property, rest: &str, typed: &str) -> Result<Term, QueryError> {
    let found = COMPARISONS
        .iter()
        .find_map(|(sign, compare)| Some((*compare, rest.strip_prefix(sign)?)));
    match found.and_then(|(compare, number)| Some((compare, thousandths(property, number)?))) {
        Some((compare, number)) => Ok(Term::Property(property, compare, number)),
        None => Err(wrong(
            "prop",
            typed.strip_prefix("prop:").unwrap_or(typed),
            "a whole number, as in prop:due<7 or lapses>=3; prop:ease takes 2.5",
        )),
    }
}

/// Reads a whole number, or with three decimals at most where the figure is none.
fn thousandths(property: Property, number: &str) -> Option<i64> {
    let (whole, decimals) = match number.split_once('.') {
        Some((whole, decimals)) if property == Property::Ease => (whole, decimals),
        Some(_) => return None,
        None => (number, "0"),
    };
    let negative = whole.starts_with('-');
    let whole: i32 = whole.parse().ok()?;
    let is_decimal = decimals.len() <= 3 && decimals.bytes().all(|digit| digit.is_ascii_digit());
    if !is_decimal || whole.unsigned_abs() > limit::QUERY_NUMBER_MAX {
        return None;
    }
    let part: i64 = format!("{decimals:0<3}").parse().ok()?;
    let number = i64::from(whole) * 1_000;
    Some(if negative {
        number - part
    } else {
        number + part
    })
}

fn ids(field: &'static str, value: &str) -> Result<Vec<IdPrefix>, QueryError> {
    value
        .split(',')
        .map(|letters| {
            IdPrefix::parse(letters)
                .filter(|id| id.digits().len() >= limit::ID_PREFIX_DIGITS_MIN)
                .ok_or_else(|| {
                    let known = format!(
                        "{field}:ID, or the first {} letters of it or more; several with commas between them",
                        limit::ID_PREFIX_DIGITS_MIN
                    );
                    wrong(field, value, &known)
                })
        })
        .collect()
}

/// What stands after a name, upper and lower case as one.
fn strip_name<'r>(raw: &'r str, name: &str) -> Option<&'r str> {
    let (begin, rest) = raw.split_at_checked(name.len())?;
    begin.eq_ignore_ascii_case(name).then_some(rest)
}
