//! A typed answer beside the right one: which letters are right, wrong or missing.

use serde::Serialize;
use unicode_normalization::UnicodeNormalization;

use crate::limit;

/// A run of letters of a typed answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", content = "text", rename_all = "lowercase")]
pub enum Piece {
    /// Typed as it should be.
    Right(String),
    /// Typed, and should not be there.
    Wrong(String),
    /// Should be there, and was not typed.
    Missing(String),
}

/// Compares what was typed with what was expected, letter by letter; white space at the ends does not count, and letters
/// written in several ways count as one.
pub fn compare(expected: &str, typed: &str) -> Vec<Piece> {
    let letters =
        |text: &str| -> Vec<char> { text.trim().nfc().take(limit::TYPED_LETTERS_MAX).collect() };
    let (expected, typed) = (letters(expected), letters(typed));
    let common = lengths(&expected, &typed);
    let length = |e: usize, t: usize| {
        common
            .get(e * (typed.len() + 1) + t)
            .copied()
            .unwrap_or_default()
    };
    let (mut e, mut t) = (0, 0);
    let mut pieces: Vec<Piece> = Vec::new();
    loop {
        match (expected.get(e), typed.get(t)) {
            (None, None) => return pieces,
            (Some(a), Some(b)) if a == b => {
                push(&mut pieces, Piece::Right(a.to_string()));
                (e, t) = (e + 1, t + 1);
            }
            (_, Some(b)) if e == expected.len() || length(e, t + 1) >= length(e + 1, t) => {
                push(&mut pieces, Piece::Wrong(b.to_string()));
                t += 1;
            }
            (Some(a), _) => {
                push(&mut pieces, Piece::Missing(a.to_string()));
                e += 1;
            }
            (None, Some(_)) => return pieces,
        }
    }
}

/// Longest common subsequences of all ends of both texts.
fn lengths(expected: &[char], typed: &[char]) -> Vec<u16> {
    let width = typed.len() + 1;
    let mut table = vec![0_u16; (expected.len() + 1) * width];
    for (e, a) in expected.iter().enumerate().rev() {
        for (t, b) in typed.iter().enumerate().rev() {
            let at = |e: usize, t: usize| table.get(e * width + t).copied().unwrap_or(0);
            let value = if a == b {
                at(e + 1, t + 1) + 1
            } else {
                at(e + 1, t).max(at(e, t + 1))
            };
            if let Some(cell) = table.get_mut(e * width + t) {
                *cell = value;
            }
        }
    }
    table
}

fn push(pieces: &mut Vec<Piece>, piece: Piece) {
    match (pieces.last_mut(), &piece) {
        (Some(Piece::Right(text)), Piece::Right(more))
        | (Some(Piece::Wrong(text)), Piece::Wrong(more))
        | (Some(Piece::Missing(text)), Piece::Missing(more)) => text.push_str(more),
        _ => pieces.push(piece),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_right_wrong_or_missing() {
        let told = |expected, typed| -> String {
            compare(expected, typed)
                .iter()
                .map(|piece| match piece {
                    Piece::Right(text) => text.clone(),
                    Piece::Wrong(text) => format!("-{text}-"),
                    Piece::Missing(text) => format!("+{text}+"),
                })
                .collect()
        };
        assert_eq!(told("Lima", " Lima "), "Lima");
        assert_eq!(told("Lima", "Lina"), "Li-n-+m+a");
        assert_eq!(told("Lima", ""), "+Lima+");
        assert_eq!(told("", "x"), "-x-");
        assert_eq!(told("caf\u{e9}", "cafe\u{301}"), "caf\u{e9}");
        assert_eq!(told("color", "colour"), "colo-u-r");
    }
}
