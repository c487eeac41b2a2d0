//! Why a query could not be read. Every sentence names what was not understood and what would be; where a known word is
//! close to what was typed, it is named first.

use crate::limit;

/// Why a query could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// Longer than a person types.
    #[error(
        "the search has {bytes} bytes; at most {} are read",
        limit::QUERY_BYTES_MAX
    )]
    Long {
        /// Its length.
        bytes: usize,
    },
    /// Too many terms.
    #[error("the search has more than {} terms; use fewer", limit::QUERY_TERMS_MAX)]
    Terms,
    /// Too many levels of parentheses.
    #[error(
        "the parentheses are nested more than {} deep; use fewer",
        limit::QUERY_DEPTH_MAX
    )]
    Depth,
    /// A quote that is never closed.
    #[error("a quote is not closed; write deck:\"My deck\"")]
    Quote,
    /// A parenthesis that is never closed.
    #[error("a parenthesis is not closed; add `)`, or write \\( to search for the sign")]
    Open,
    /// A parenthesis that was never opened.
    #[error("a `)` closes nothing; take it out, or write \\) to search for the sign")]
    Close,
    /// Parentheses around nothing.
    #[error("the parentheses `()` hold nothing; put a term into them")]
    Nothing,
    /// `and`, `or`, `not` without what they join.
    #[error("`{0}` lacks a term beside it; write \"{0}\" in quotes to search for the word")]
    Lonely(&'static str),
    /// A backslash before a letter that needs none, or at the end.
    #[error("`\\{0}` is not known; a backslash itself is written \\\\")]
    Escape(String),
    /// A word before a colon that is not known.
    #[error(
        "`{name}:` is not known{}; use {known}, or write {name}\\: to search for the text",
        maybe(near.map(|near| format!("{near}:")).as_ref())
    )]
    Field {
        /// What was typed.
        name: String,
        /// The known words.
        known: String,
        /// The known word closest to it.
        near: Option<&'static str>,
    },
    /// A word after a colon that is not known.
    #[error("`{field}:{value}` is not known{}; use {known}", maybe(near.as_ref()))]
    Value {
        /// What stands before the colon.
        field: &'static str,
        /// What was typed.
        value: String,
        /// What may stand there.
        known: String,
        /// The known word closest to it, with its field.
        near: Option<String>,
    },
    /// Something that Anki can search by and that is not kept here.
    #[error("`{name}:` cannot be searched by: {why}")]
    NotKept {
        /// What was typed.
        name: &'static str,
        /// The reason, and what to use instead.
        why: &'static str,
    },
    /// A regular expression that is none, or one that would be too large.
    #[error("the regular expression `{pattern}` cannot be used: {why}")]
    Regex {
        /// What was typed.
        pattern: String,
        /// The first line of the reason.
        why: String,
    },
}

fn maybe<T: std::fmt::Display>(near: Option<&T>) -> String {
    near.map(|near| format!(" (did you mean `{near}`?)"))
        .unwrap_or_default()
}

/// The known word that is closest to a typed one, if one is close: a third of its letters may differ.
pub(super) fn nearest<'k>(
    typed: &str,
    known: impl IntoIterator<Item = &'k str>,
) -> Option<&'k str> {
    let typed: Vec<char> = typed
        .chars()
        .take(LETTERS_MAX)
        .flat_map(char::to_lowercase)
        .collect();
    known
        .into_iter()
        .map(|word| (distance(&typed, word), word))
        .filter(|(distance, word)| *distance <= word.len().div_ceil(3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// Letters of a typed word that are compared: no known word is longer, and longer ones are not close to any.
const LETTERS_MAX: usize = 32;

/// Letters to put in, take out, exchange for another or swap with their neighbour (each as one) to make a word of another.
fn distance(typed: &[char], word: &str) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=typed.len()).collect();
    let mut letter_before = None;
    for (row, letter) in word.chars().enumerate() {
        let mut next = vec![row + 1];
        for (column, own) in typed.iter().enumerate() {
            let at =
                |row: &[usize], column: usize| row.get(column).copied().unwrap_or(usize::MAX / 2);
            let mut best = (at(&last, column) + usize::from(*own != letter))
                .min(at(&last, column + 1) + 1)
                .min(at(&next, column) + 1);
            let own_before = column.checked_sub(1).and_then(|at| typed.get(at));
            if own_before == Some(&letter) && letter_before == Some(*own) {
                best = best.min(at(&before, column - 1) + 1);
            }
            next.push(best);
        }
        before = std::mem::replace(&mut last, next);
        letter_before = Some(letter);
    }
    last.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_close_word_is_found_and_a_far_one_is_not() {
        let known = ["suspended", "due", "new", "conflict"];
        let cases = [
            ("suspnded", Some("suspended")),
            ("SUSPENDED", Some("suspended")),
            ("deu", Some("due")),
            ("nwe", Some("new")),
            ("sleepy", None),
            ("", None),
        ];
        for (typed, expected) in cases {
            assert_eq!(nearest(typed, known), expected, "{typed}");
        }
    }
}
