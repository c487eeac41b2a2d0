//! Cuts a query into words, parentheses and joining words. What a word means is `term`'s; a backslash and the sign after it
//! stay as they are, so that the meaning is decided there.

use super::QueryError;

/// A part of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    Open,
    Close,
    And,
    Or,
    /// `not`, or a dash at the beginning of what it stands before.
    Not(&'static str),
    Word(Word),
}

/// A word as typed, without its quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) raw: String,
    /// A part of it stood in quotes: it joins nothing and compares nothing.
    pub(super) quoted: bool,
}

/// Cuts a query.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, QueryError> {
    let mut tokens = Vec::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.peek().copied() {
        match letter {
            _ if letter.is_whitespace() => {
                letters.next();
            }
            '(' => {
                letters.next();
                tokens.push(Token::Open);
            }
            ')' => {
                letters.next();
                tokens.push(Token::Close);
            }
            '-' => {
                letters.next();
                match letters.peek() {
                    Some(next) if !next.is_whitespace() && *next != ')' => {
                        tokens.push(Token::Not("-"));
                    }
                    // A dash that stands alone is a text like any other.
                    _ => tokens.push(Token::Word(Word {
                        raw: "-".to_owned(),
                        quoted: false,
                    })),
                }
            }
            _ => tokens.push(joining(word(&mut letters)?)),
        }
    }
    Ok(tokens)
}

fn word(letters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<Word, QueryError> {
    let (mut raw, mut quoted, mut inside) = (String::new(), false, false);
    while let Some(letter) = letters.peek().copied() {
        if !inside && (letter.is_whitespace() || matches!(letter, '(' | ')')) {
            break;
        }
        letters.next();
        match letter {
            '"' => (quoted, inside) = (true, !inside),
            '\\' => {
                let next = letters
                    .next()
                    .ok_or_else(|| QueryError::Escape(String::new()))?;
                raw.extend(['\\', next]);
            }
            _ => raw.push(letter),
        }
    }
    if inside {
        return Err(QueryError::Quote);
    }
    Ok(Word { raw, quoted })
}

fn joining(word: Word) -> Token {
    match JOINING
        .iter()
        .find(|(name, _)| !word.quoted && word.raw.eq_ignore_ascii_case(name))
    {
        Some((_, token)) => token.clone(),
        None => Token::Word(word),
    }
}

/// Words that join terms, unless they stand in quotes.
pub(super) const JOINING: [(&str, Token); 3] = [
    ("and", Token::And),
    ("or", Token::Or),
    ("not", Token::Not("not")),
];
