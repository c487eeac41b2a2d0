//! Reads a query: how terms are joined. `or` binds loosest, then standing beside each other (or `and`), then `-` and `not`,
//! then parentheses. What one term means is `term`'s.

use super::lex::{Token, tokens};
use super::{Expr, QueryError, term};
use crate::limit;

/// Reads a query.
pub(super) fn parse(text: &str) -> Result<Expr, QueryError> {
    let text = text.trim();
    if text.len() > limit::QUERY_BYTES_MAX {
        return Err(QueryError::Long { bytes: text.len() });
    }
    if text.is_empty() {
        return Ok(Expr::everything());
    }
    let tokens = tokens(text)?;
    let words = tokens
        .iter()
        .filter(|token| matches!(token, Token::Word(_)));
    if words.count() > limit::QUERY_TERMS_MAX {
        return Err(QueryError::Terms);
    }
    let mut parser = Parser {
        rest: &tokens,
        depth: 0,
    };
    let read = parser.alternatives()?;
    match parser.rest {
        [] => Ok(read),
        // Whatever else could follow was read with what stands before it.
        _ => Err(QueryError::Close),
    }
}

struct Parser<'t> {
    rest: &'t [Token],
    depth: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.rest.first()
    }

    fn step(&mut self) {
        self.rest = self.rest.get(1..).unwrap_or_default();
    }

    fn alternatives(&mut self) -> Result<Expr, QueryError> {
        let mut parts = vec![self.row()?];
        while self.peek() == Some(&Token::Or) {
            self.step();
            if !self.begins_term() {
                return Err(QueryError::Lonely("or"));
            }
            parts.push(self.row()?);
        }
        Ok(Expr::any(parts))
    }

    fn row(&mut self) -> Result<Expr, QueryError> {
        let mut parts = vec![self.negated()?];
        loop {
            if self.peek() == Some(&Token::And) {
                self.step();
                if !self.begins_term() {
                    return Err(QueryError::Lonely("and"));
                }
            } else if !self.begins_term() {
                return Ok(Expr::all(parts));
            }
            parts.push(self.negated()?);
        }
    }

    fn begins_term(&self) -> bool {
        matches!(
            self.peek(),
            Some(Token::Open | Token::Not(_) | Token::Word(_))
        )
    }

    fn negated(&mut self) -> Result<Expr, QueryError> {
        let (mut wanted, mut last) = (true, None);
        while let Some(Token::Not(spelling)) = self.peek() {
            (wanted, last) = (!wanted, Some(*spelling));
            self.step();
        }
        if let Some(spelling) = last.filter(|_| !self.begins_term()) {
            return Err(QueryError::Lonely(spelling));
        }
        let read = self.single()?;
        Ok(if wanted { read } else { read.negate() })
    }

    fn single(&mut self) -> Result<Expr, QueryError> {
        match self.rest {
            [Token::Open, Token::Close, ..] => Err(QueryError::Nothing),
            [Token::Open, rest @ ..] => {
                self.rest = rest;
                self.depth += 1;
                if self.depth > limit::QUERY_DEPTH_MAX {
                    return Err(QueryError::Depth);
                }
                let inner = self.alternatives()?;
                if self.peek() != Some(&Token::Close) {
                    return Err(QueryError::Open);
                }
                self.step();
                self.depth -= 1;
                Ok(inner)
            }
            [Token::Word(word), rest @ ..] => {
                self.rest = rest;
                term::read(word).map(Expr::Term)
            }
            [Token::Close, ..] => Err(QueryError::Close),
            [Token::And, ..] => Err(QueryError::Lonely("and")),
            [Token::Or, ..] => Err(QueryError::Lonely("or")),
            // A dash or `not` was read by the caller, so only the end is left, behind an open parenthesis.
            [Token::Not(_), ..] | [] => Err(QueryError::Open),
        }
    }
}
