//! What a query means, written as simply as possible and slowly: the reference that tests hold the matcher and the warm
//! table of a vault against. It shares the query and the folding of letters with them, and nothing else.

use super::ast::{Expr, IdPrefix, Media, Pattern, Piece, Property, State, Term, TextSide};
use super::fold::{fold, unmark};
use super::matcher::compile_regex;
use super::{Answered, CardFacts, LEECH_TAG};
use crate::time::{Day, UnixMs};

/// A card in full.
#[derive(Debug, Clone)]
pub struct NaiveCard {
    /// Its figures.
    pub facts: CardFacts,
    /// The name of its deck.
    pub deck: String,
    /// The names of its tags.
    pub tags: Vec<String>,
    /// Its texts.
    pub front: Vec<String>,
    /// Its texts.
    pub back: Vec<String>,
    /// Holds a picture.
    pub image: bool,
    /// Holds a sound.
    pub audio: bool,
    /// Its answers.
    pub answers: Vec<Answered>,
}

/// Whether a query chooses a card on a day that began then.
pub fn holds(expr: &Expr, card: &NaiveCard, today: Day, today_from: UnixMs) -> bool {
    match expr {
        Expr::All(parts) => parts
            .iter()
            .all(|part| holds(part, card, today, today_from)),
        Expr::Any(parts) => parts
            .iter()
            .any(|part| holds(part, card, today, today_from)),
        Expr::Not(inner) => !holds(inner, card, today, today_from),
        Expr::Term(term) => term_holds(term, card, today, today_from),
    }
}

fn term_holds(term: &Term, card: &NaiveCard, today: Day, today_from: UnixMs) -> bool {
    let facts = &card.facts;
    let texts = || card.front.iter().chain(&card.back).map(|text| fold(text));
    let since = |days: u32| Day(today.0 + 1 - i32::try_from(days).expect("few days"));
    let begins = |ids: &[IdPrefix], id: String| {
        let id = id.replace('-', "");
        let letters = |id: &IdPrefix| -> String {
            id.digits()
                .iter()
                .map(|digit| format!("{digit:x}"))
                .collect()
        };
        ids.iter().any(|prefix| id.starts_with(&letters(prefix)))
    };
    match term {
        Term::Text(pattern) | Term::Unmarked(pattern) | Term::Word(pattern)
            if pattern.pieces().iter().all(|piece| *piece == Piece::Many) =>
        {
            true
        }
        Term::Text(pattern) => texts().any(|text| spans(pattern, &text, fold).next().is_some()),
        Term::Unmarked(pattern) => texts().any(|text| {
            spans(pattern, &unmark(&text), |part| unmark(&fold(part)))
                .next()
                .is_some()
        }),
        Term::Word(pattern) => texts().any(|text| {
            let letters: Vec<char> = text.chars().collect();
            let word = |at: usize| {
                letters
                    .get(at)
                    .is_some_and(|c| c.is_alphanumeric() || *c == '_')
            };
            let inside = |at: usize| at > 0 && word(at - 1) && word(at);
            spans(pattern, &text, fold).any(|(from, to)| !inside(from) && !inside(to))
        }),
        Term::Regex(pattern) => {
            let regex = compile_regex(pattern).expect("it was read");
            texts().any(|text| regex.is_match(&text))
        }
        Term::Side(side, pattern) => {
            let side = match side {
                TextSide::Front => &card.front,
                TextSide::Back => &card.back,
            };
            let is = |text: &str| whole(pattern, &fold(text));
            side.iter().any(|text| is(text)) || (side.is_empty() && is(""))
        }
        Term::Deck(pattern) => named(pattern, &card.deck),
        Term::DeckId(ids) => begins(ids, facts.deck.to_string()),
        Term::Tag(pattern) => card.tags.iter().any(|tag| named(pattern, tag)),
        Term::Untagged => card.tags.is_empty(),
        Term::State(state) => {
            let new = facts.due.is_none() && !facts.retired;
            match state {
                State::Due => {
                    facts.due.is_some_and(|due| due <= today)
                        && !facts.suspended
                        && facts.buried != Some(today)
                }
                State::New => new,
                State::Learn => !new && !facts.retired && facts.box_number == 1,
                State::Review => !new && (facts.retired || facts.box_number > 1),
                State::Suspended => facts.suspended,
                State::Buried => facts.buried.is_some_and(|day| day == today),
                State::Conflict => facts.conflict,
                State::Leech => card
                    .tags
                    .iter()
                    .any(|tag| tag.eq_ignore_ascii_case(LEECH_TAG)),
                State::Removed => facts.removed,
            }
        }
        Term::Flag(flag) => facts.flag == *flag,
        Term::Property(property, compare, number) => {
            let figure = match property {
                Property::Due => facts.due.map(|due| due.0 - today.0),
                Property::Interval => facts
                    .due
                    .zip(facts.last_day)
                    .map(|(due, last)| due.0 - last.0),
                Property::Reviews => i32::try_from(facts.reviews).ok(),
                Property::Lapses => i32::try_from(facts.lapses).ok(),
                Property::Box => Some(i32::from(facts.box_number)),
                Property::Ease => {
                    return compare.holds(i64::from(facts.ease_percent) * 10, *number);
                }
            };
            figure.is_some_and(|figure| compare.holds(i64::from(figure) * 1_000, *number))
        }
        Term::Added(days) => facts.created.0 >= today_from.0 - (i64::from(*days) - 1) * 86_400_000,
        Term::Rated(days, grade) => card
            .answers
            .iter()
            .any(|one| one.day >= since(*days) && grade.is_none_or(|grade| grade == one.grade)),
        Term::Introduced(days) => {
            let first = card.answers.iter().map(|one| one.day).min();
            first.is_some_and(|first| first >= since(*days))
        }
        Term::Has(Media::Image) => card.image,
        Term::Has(Media::Audio) => card.audio,
        Term::CardId(ids) => begins(ids, facts.id.to_string()),
        Term::NoteId(ids) => facts.note.is_some_and(|note| begins(ids, note.to_string())),
    }
}

/// Whether a name, or one above it, is this.
fn named(pattern: &Pattern, name: &str) -> bool {
    let parts: Vec<&str> = name.split("::").collect();
    (1..=parts.len()).any(|count| {
        let above: Vec<&str> = parts.iter().take(count).copied().collect();
        whole(pattern, &fold(&above.join("::")))
    })
}

/// A letter that must stand, any one, or any number of any.
type Letter = Option<Option<char>>;

fn letters(pattern: &Pattern, fold: impl Fn(&str) -> String) -> Vec<Letter> {
    let mut letters = Vec::new();
    for piece in pattern.pieces() {
        match piece {
            Piece::Many => letters.push(None),
            Piece::One => letters.push(Some(None)),
            Piece::Text(text) => letters.extend(fold(text).chars().map(|c| Some(Some(c)))),
        }
    }
    letters
}

fn whole(pattern: &Pattern, text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    ends(&letters(pattern, fold), &text, 0).contains(&text.len())
}

/// Every stretch of a text, in letters, that a pattern covers.
fn spans(
    pattern: &Pattern,
    text: &str,
    fold: impl Fn(&str) -> String,
) -> impl Iterator<Item = (usize, usize)> {
    let (letters, text): (_, Vec<char>) = (letters(pattern, fold), text.chars().collect());
    let spans: Vec<(usize, usize)> = (0..=text.len())
        .flat_map(|from| {
            ends(&letters, &text, from)
                .into_iter()
                .map(move |to| (from, to))
        })
        .collect();
    spans.into_iter()
}

/// Everywhere a pattern can end that begins here.
fn ends(pattern: &[Letter], text: &[char], from: usize) -> Vec<usize> {
    let mut places = vec![from];
    for letter in pattern {
        places = match letter {
            None => (places.iter().copied().min().unwrap_or(usize::MAX)..=text.len()).collect(),
            Some(one) => places
                .into_iter()
                .filter(|at| {
                    text.get(*at)
                        .is_some_and(|own| one.is_none_or(|one| one == *own))
                })
                .map(|at| at + 1)
                .collect(),
        };
    }
    places
}
