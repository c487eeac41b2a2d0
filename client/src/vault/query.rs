//! The words a person types to choose cards: `deck:NAME tag:NAME box:N is:due is:new is:suspended` and plain words that
//! must stand in the text. Parsing and matching; walking the cards is done by `cards`.

use domain::{Day, DeckId, TagId};

use crate::index::CardRow;

/// A parsed query; all its terms must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    terms: Vec<Wish>,
}

/// A term and whether it must hold or must not.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wish {
    wanted: bool,
    term: Term,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Term {
    Deck(String),
    Tag(TagId),
    Box(u8),
    Due,
    New,
    Suspended,
    Removed,
    Conflict,
    Word(String),
}

/// Why a query could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// `is:` with a word that is not known.
    #[error("`is:{0}` is not known; use is:due, is:new, is:suspended, is:removed or is:conflict")]
    State(String),
    /// `box:` without a number of a box.
    #[error("`box:{0}` names no box; use box:1 to box:5")]
    Box(String),
    /// A quote that is never closed.
    #[error("a quote is not closed; write deck:\"My deck\"")]
    Quote,
}

/// What a card is matched with besides its row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Surroundings<'a> {
    /// Name of the card's deck.
    pub(crate) deck_name: &'a str,
    /// Its id.
    pub(crate) deck: DeckId,
    /// The present study day.
    pub(crate) today: Day,
}

impl Query {
    /// Reads a query. The empty text chooses every card.
    ///
    /// # Errors
    /// [`QueryError`] names the word that was not understood and those that are.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        let terms = words(text)?
            .iter()
            .map(|word| wish(word))
            .collect::<Result<_, _>>()?;
        Ok(Self { terms })
    }

    /// Whether removed cards are asked for; otherwise only shown cards are.
    pub(crate) fn wants_removed(&self) -> bool {
        self.terms
            .iter()
            .any(|wish| wish.wanted && wish.term == Term::Removed)
    }

    /// Whether a card is chosen. Whether it is shown at all is asked before.
    pub(crate) fn matches(&self, card: &CardRow, around: Surroundings<'_>) -> bool {
        self.terms
            .iter()
            .all(|wish| wish.term.holds(card, around) == wish.wanted)
    }
}

impl Term {
    fn holds(&self, card: &CardRow, around: Surroundings<'_>) -> bool {
        match self {
            Term::Deck(name) => {
                around.deck_name.to_lowercase() == *name
                    || around.deck.to_string().starts_with(name.as_str())
            }
            Term::Tag(tag) => card.has_tag(*tag),
            Term::Box(number) => card.state.box_number == *number,
            Term::Due => !card.suspended && card.is_due(around.today),
            Term::New => card.is_new(),
            Term::Suspended => card.suspended,
            Term::Removed => !card.visible,
            Term::Conflict => !card.conflicts.is_empty(),
            Term::Word(word) => card
                .texts()
                .any(|text| text.to_lowercase().contains(word.as_str())),
        }
    }
}

fn wish(word: &str) -> Result<Wish, QueryError> {
    let (wanted, rest) = match word.strip_prefix('-') {
        Some(rest) if rest.contains(':') => (false, rest),
        _ => (true, word),
    };
    let term = match rest.split_once(':') {
        Some(("deck", name)) => Term::Deck(name.to_lowercase()),
        Some(("tag", name)) => Term::Tag(TagId::from_name(name)),
        Some(("box", number)) => match number.parse() {
            Ok(number @ 1..=5) => Term::Box(number),
            _ => return Err(QueryError::Box(number.to_owned())),
        },
        Some(("is", state)) => match state {
            "due" => Term::Due,
            "new" => Term::New,
            "suspended" => Term::Suspended,
            "removed" => Term::Removed,
            "conflict" => Term::Conflict,
            _ => return Err(QueryError::State(state.to_owned())),
        },
        _ => Term::Word(rest.to_lowercase()),
    };
    Ok(Wish { wanted, term })
}

/// Splits at white space outside double quotes; the quotes themselves go.
fn words(text: &str) -> Result<Vec<String>, QueryError> {
    let mut words = Vec::new();
    let (mut word, mut quoted, mut begun) = (String::new(), false, false);
    for letter in text.chars() {
        match letter {
            '"' => (quoted, begun) = (!quoted, true),
            _ if letter.is_whitespace() && !quoted => {
                if begun {
                    words.push(std::mem::take(&mut word));
                }
                begun = false;
            }
            _ => {
                word.push(letter);
                begun = true;
            }
        }
    }
    if quoted {
        return Err(QueryError::Quote);
    }
    if begun {
        words.push(word);
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_keep_what_stands_in_quotes() {
        assert_eq!(
            words("a  deck:\"My deck\" b"),
            Ok(vec!["a".into(), "deck:My deck".into(), "b".into()])
        );
        assert_eq!(words("\"open"), Err(QueryError::Quote));
        assert_eq!(words("  "), Ok(vec![]));
    }

    #[test]
    fn unknown_terms_name_the_known_ones() {
        assert_eq!(
            Query::parse("is:sleepy"),
            Err(QueryError::State("sleepy".into()))
        );
        assert_eq!(Query::parse("box:6"), Err(QueryError::Box("6".into())));
        assert_eq!(
            Query::parse("http://x.example -dash").map(|query| query.terms.len()),
            Ok(2)
        );
    }
}
