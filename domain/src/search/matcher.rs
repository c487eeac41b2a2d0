//! A query made ready for the day, the decks and the tags it is asked with, and its answer for one card. What costs little
//! is asked first.

use std::collections::BTreeSet;

use super::ast::{Compare, Expr, IdPrefix, Media, Pattern, Property, State, Term, TextSide};
use super::fold::{END, fold, texts, unmark};
use super::glob::Glob;
use super::{CardAsked, CardFacts, LEECH_TAG, Query, QueryError};
use crate::event::Grade;
use crate::id::{DeckId, TagId};
use crate::limit;
use crate::time::{Day, UnixMs};

/// What a query is asked with.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The present study day.
    pub today: Day,
    /// When it began.
    pub today_from: UnixMs,
    /// All decks by name.
    pub decks: &'a [(DeckId, String)],
    /// All tags by name.
    pub tags: &'a [(TagId, String)],
}

/// A query made ready.
#[derive(Debug)]
pub struct Matcher {
    root: Node,
}

#[derive(Debug)]
enum Node {
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
    Test(Test),
}

#[derive(Debug)]
enum Test {
    Text(Glob),
    Unmarked(Glob),
    Word(Glob),
    Regex(regex::Regex),
    Side(TextSide, Glob),
    Decks(BTreeSet<DeckId>),
    DeckIds(Vec<IdPrefix>),
    Tags(BTreeSet<TagId>),
    Untagged,
    State(State, Day),
    Flag(u8),
    Property(Property, Compare, i64, Day),
    MadeFrom(UnixMs),
    RatedFrom(Day, Option<Grade>),
    IntroducedFrom(Day),
    Has(Media),
    CardIds(Vec<IdPrefix>),
    NoteIds(Vec<IdPrefix>),
}

impl Matcher {
    /// Makes a query ready.
    ///
    /// # Errors
    /// A regular expression cannot be used; [`Query::parse`] has refused such a query before.
    pub fn new(query: &Query, asked: Asked<'_>) -> Result<Self, QueryError> {
        let root = Node::new(query.expr(), asked)?;
        Ok(Self { root })
    }

    /// Whether it looks at answers.
    pub fn asks_for_answers(&self) -> bool {
        self.root.asks_for_answers()
    }

    /// Whether a card is chosen. Whether it is shown at all is asked elsewhere.
    pub fn matches(&self, card: &impl CardAsked) -> bool {
        self.root.holds(card)
    }
}

impl Node {
    fn new(expr: &Expr, asked: Asked<'_>) -> Result<Self, QueryError> {
        let several = |parts: &[Expr]| {
            let mut nodes: Vec<Node> = parts
                .iter()
                .map(|part| Node::new(part, asked))
                .collect::<Result<_, _>>()?;
            nodes.sort_by_key(Node::cost);
            Ok::<_, QueryError>(nodes)
        };
        Ok(match expr {
            Expr::All(parts) => Self::All(several(parts)?),
            Expr::Any(parts) => Self::Any(several(parts)?),
            Expr::Not(inner) => Self::Not(Box::new(Self::new(inner, asked)?)),
            Expr::Term(term) => Self::Test(Test::new(term, asked)?),
        })
    }

    fn holds(&self, card: &impl CardAsked) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds(card)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(card)),
            Self::Not(inner) => !inner.holds(card),
            Self::Test(test) => test.holds(card),
        }
    }

    /// What asking costs, roughly, so that the cheap is asked first.
    fn cost(&self) -> u8 {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().map(Self::cost).max().unwrap_or(0),
            Self::Not(inner) => inner.cost(),
            Self::Test(Test::Regex(_)) => 3,
            Self::Test(Test::Text(_) | Test::Unmarked(_) | Test::Word(_) | Test::Side(..)) => 2,
            Self::Test(Test::RatedFrom(..) | Test::IntroducedFrom(_) | Test::Tags(_)) => 1,
            Self::Test(_) => 0,
        }
    }

    fn asks_for_answers(&self) -> bool {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().any(Self::asks_for_answers),
            Self::Not(inner) => inner.asks_for_answers(),
            Self::Test(test) => matches!(test, Test::RatedFrom(..) | Test::IntroducedFrom(_)),
        }
    }
}

impl Test {
    fn new(term: &Term, asked: Asked<'_>) -> Result<Self, QueryError> {
        Ok(match term {
            Term::Text(pattern) => Self::Text(Glob::new(pattern, fold)),
            Term::Unmarked(pattern) => {
                Self::Unmarked(Glob::new(pattern, |text| unmark(&fold(text))))
            }
            Term::Word(pattern) => Self::Word(Glob::new(pattern, fold)),
            Term::Regex(pattern) => Self::Regex(compile_regex(pattern)?),
            Term::Side(side, pattern) => Self::Side(*side, Glob::new(pattern, fold)),
            Term::Deck(pattern) => Self::Decks(named(pattern, asked.decks)),
            Term::DeckId(ids) => Self::DeckIds(ids.clone()),
            Term::Tag(pattern) => {
                let mut tags = named(pattern, asked.tags);
                // A tag whose name has not arrived is known by its id, which comes from the name.
                tags.extend(pattern.as_text().map(TagId::from_name));
                Self::Tags(tags)
            }
            Term::Untagged => Self::Untagged,
            Term::State(State::Leech) => Self::Tags(BTreeSet::from([TagId::from_name(LEECH_TAG)])),
            Term::State(state) => Self::State(*state, asked.today),
            Term::Flag(flag) => Self::Flag(*flag),
            Term::Property(property, compare, number) => {
                Self::Property(*property, *compare, *number, asked.today)
            }
            Term::Added(days) => Self::MadeFrom(UnixMs(
                asked
                    .today_from
                    .0
                    .saturating_sub(i64::from(days.saturating_sub(1)) * DAY_MS),
            )),
            Term::Rated(days, grade) => Self::RatedFrom(first_day(asked.today, *days), *grade),
            Term::Introduced(days) => Self::IntroducedFrom(first_day(asked.today, *days)),
            Term::Has(media) => Self::Has(*media),
            Term::CardId(ids) => Self::CardIds(ids.clone()),
            Term::NoteId(ids) => Self::NoteIds(ids.clone()),
        })
    }

    fn holds(&self, card: &impl CardAsked) -> bool {
        let facts = card.facts();
        match self {
            Self::Text(glob) => glob.within(card.text().folded()),
            Self::Unmarked(glob) => glob.within(card.text().unmarked()),
            Self::Word(glob) => glob.within_words(card.text().folded()),
            Self::Regex(regex) => card
                .text()
                .folded()
                .split_terminator(END)
                .any(|text| regex.is_match(text)),
            Self::Side(side, glob) => {
                let (front, back) = card.text().sides();
                let side = match side {
                    TextSide::Front => front,
                    TextSide::Back => back,
                };
                texts(side).any(|text| glob.is(text))
            }
            Self::Decks(decks) => decks.contains(&facts.deck),
            Self::DeckIds(ids) => ids.iter().any(|id| id.begins(facts.deck.as_bytes())),
            Self::Tags(tags) => card.tags().iter().any(|tag| tags.contains(tag)),
            Self::Untagged => card.tags().is_empty(),
            Self::State(state, today) => is(*state, facts, *today),
            Self::Flag(flag) => facts.flag == *flag,
            Self::Property(property, compare, number, today) => figure(*property, facts, *today)
                .is_some_and(|figure| compare.holds(figure, *number)),
            Self::MadeFrom(from) => facts.created >= *from,
            Self::RatedFrom(from, grade) => card.answers().iter().any(|answer| {
                answer.day >= *from && grade.is_none_or(|grade| answer.grade == grade)
            }),
            Self::IntroducedFrom(from) => card
                .answers()
                .first()
                .is_some_and(|first| first.day >= *from),
            Self::Has(media) => card.text().has(*media),
            Self::CardIds(ids) => ids.iter().any(|id| id.begins(facts.id.as_bytes())),
            Self::NoteIds(ids) => facts
                .note
                .is_some_and(|note| ids.iter().any(|id| id.begins(note.as_bytes()))),
        }
    }
}

const DAY_MS: i64 = 86_400_000;

/// The first of so many last days.
fn first_day(today: Day, days: u32) -> Day {
    let before = i32::try_from(days.saturating_sub(1)).unwrap_or(i32::MAX);
    Day(today.0.saturating_sub(before))
}

fn is(state: State, facts: &CardFacts, today: Day) -> bool {
    let learning = !facts.is_new() && !facts.retired && facts.box_number == 1;
    match state {
        State::Due => {
            !facts.suspended
                && facts.buried != Some(today)
                && facts.due.is_some_and(|due| due <= today)
        }
        State::New => facts.is_new(),
        State::Learn => learning,
        State::Review => !facts.is_new() && !learning,
        State::Suspended => facts.suspended,
        State::Buried => facts.buried == Some(today),
        State::Conflict => facts.conflict,
        State::Removed => facts.removed,
        // Asked as a tag.
        State::Leech => false,
    }
}

/// A figure in thousandths.
fn figure(property: Property, facts: &CardFacts, today: Day) -> Option<i64> {
    let whole = match property {
        Property::Due => i64::from(facts.due?.0) - i64::from(today.0),
        Property::Interval => facts.interval()?,
        Property::Reviews => i64::from(facts.reviews),
        Property::Lapses => i64::from(facts.lapses),
        Property::Box => i64::from(facts.box_number),
        Property::Ease => return Some(i64::from(facts.ease_percent) * 10),
    };
    Some(whole.saturating_mul(1_000))
}

/// Those whose name, or the name of something above them, is this.
fn named<I: Copy + Ord>(pattern: &Pattern, names: &[(I, String)]) -> BTreeSet<I> {
    let glob = Glob::new(pattern, fold);
    names
        .iter()
        .filter(|(_, name)| {
            let name = fold(name);
            let above = name
                .match_indices("::")
                .filter_map(|(at, _)| name.get(..at));
            glob.is(&name) || above.into_iter().any(|above| glob.is(above))
        })
        .map(|(id, _)| *id)
        .collect()
}

/// Makes a regular expression ready, upper and lower case as one.
pub(super) fn compile_regex(pattern: &str) -> Result<regex::Regex, QueryError> {
    regex::RegexBuilder::new(pattern)
        .case_insensitive(true)
        .size_limit(limit::QUERY_REGEX_BYTES_MAX)
        .dfa_size_limit(limit::QUERY_REGEX_BYTES_MAX)
        .nest_limit(limit::QUERY_REGEX_DEPTH_MAX)
        .build()
        .map_err(|why| QueryError::Regex {
            pattern: pattern.to_owned(),
            why: match why {
                regex::Error::CompiledTooBig(_) => "it is too large; use a shorter one".to_owned(),
                // The last line of a report says what is wrong; those before it draw where.
                why => why
                    .to_string()
                    .lines()
                    .last()
                    .unwrap_or_default()
                    .trim_start_matches("error: ")
                    .to_owned(),
            },
        })
}
