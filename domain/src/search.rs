//! The search language: what a person types to choose cards, in Anki's spelling where Anki has one. A text is read to a
//! [`Query`], which is made ready as a [`Matcher`] for the names and the day it is asked on; the matcher judges one card at
//! a time ([`CardAsked`]) and knows nothing of where cards are kept. Every term is told in `docs/search.md`.
//!
//! Reading order: `ast` is what a query is, `lex` and `parse` read it, `print` writes it, `fold` makes texts comparable,
//! `glob` finds patterns in them, `card` is what is asked of a card, `matcher` asks it. `naive` is the same meaning written
//! as simply as possible, for tests to compare with.

mod ast;
mod card;
mod error;
mod fold;
mod glob;
mod lex;
mod matcher;
#[cfg(any(test, feature = "test-support"))]
pub mod naive;
mod parse;
mod print;
mod term;
#[cfg(test)]
mod tests;

pub use ast::{Compare, Expr, IdPrefix, Media, Pattern, Piece, Property, State, Term, TextSide};
pub use card::{Answered, CardAsked, CardFacts, LEECH_TAG};
pub use error::QueryError;
pub use fold::CardText;
pub use matcher::{Asked, Matcher};

/// A query that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query(Expr);

impl Default for Query {
    fn default() -> Self {
        Self(Expr::everything())
    }
}

impl Query {
    /// Reads a query. The empty text chooses every card.
    ///
    /// # Errors
    /// [`QueryError`] names what was not understood, and what is.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        parse::parse(text).map(Self)
    }

    /// What it says.
    pub fn expr(&self) -> &Expr {
        &self.0
    }

    /// Whether removed cards are asked for; otherwise only shown cards are looked at.
    pub fn wants_removed(&self) -> bool {
        self.0.asks_for(&Term::State(State::Removed), true)
    }
}
