//! Lines in columns: every column as wide as its widest cell, the last one free, nothing padded at the end of a line.

pub(crate) use client::chart::grouped;

/// Letters that are drawn two columns wide (CJK, Hangul, emoji) counted as such, combining ones as none: near enough to
/// align names of decks in most scripts without tables of the whole of Unicode.
pub(crate) fn width(text: &str) -> usize {
    text.chars()
        .map(|letter| match letter as u32 {
            0x0300..=0x036f
            | 0x0483..=0x0489
            | 0x0591..=0x05bd
            | 0x064b..=0x065f
            | 0x200b..=0x200f
            | 0xfe00..=0xfe0f => 0,
            0x1100..=0x115f
            | 0x2e80..=0xa4cf
            | 0xac00..=0xd7a3
            | 0xf900..=0xfaff
            | 0xfe30..=0xfe6f => 2,
            0xff00..=0xff60 | 0xffe0..=0xffe6 | 0x1f300..=0x1faff | 0x20000..=0x3fffd => 2,
            _ => 1,
        })
        .sum()
}

/// How a column is filled up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// Sets rows in columns, two spaces apart.
pub(crate) fn lines(aligns: &[Align], rows: &[Vec<String>]) -> Vec<String> {
    let widths: Vec<usize> = (0..aligns.len())
        .map(|column| {
            rows.iter()
                .filter_map(|row| row.get(column))
                .map(|cell| width(cell))
                .max()
                .unwrap_or(0)
        })
        .collect();
    rows.iter()
        .map(|row| {
            let cells = row
                .iter()
                .zip(aligns.iter().zip(&widths))
                .map(|(cell, (align, wide))| {
                    let gap = " ".repeat(wide.saturating_sub(width(cell)));
                    match align {
                        Align::Left => format!("{cell}{gap}"),
                        Align::Right => format!("{gap}{cell}"),
                    }
                });
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        })
        .collect()
}

/// Names and values, one a line, the values under each other.
pub(crate) fn pairs(rows: &[(&str, String)]) -> Vec<String> {
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|(name, value)| vec![(*name).to_owned(), value.clone()])
        .collect();
    lines(&[Align::Left, Align::Left], &rows)
}

/// Says a number of things: `1 card`, `3 cards`, `12 345 cards`.
pub(crate) fn count(number: impl TryInto<u64>, one: &str, many: &str) -> String {
    let number = number.try_into().unwrap_or(u64::MAX);
    format!(
        "{} {}",
        grouped(number),
        if number == 1 { one } else { many }
    )
}

/// Cuts a text to one line of at most `wide` columns, with an ellipsis where something is missing.
pub(crate) fn short(text: &str, wide: usize) -> String {
    let mut line = clean(text).split_whitespace().collect::<Vec<_>>().join(" ");
    if width(&line) > wide {
        while width(&line) + 1 > wide && line.pop().is_some() {}
        line = format!("{}…", line.trim_end());
    }
    line
}

/// Takes out what would steer the terminal instead of being read: cards come from other people too.
pub(crate) fn clean(text: &str) -> String {
    text.chars()
        .map(|letter| match letter {
            '\n' => '\n',
            '\t' => ' ',
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
            _ if letter.is_control() => '\u{fffd}',
            _ => letter,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_under_each_other() {
        let rows = [
            ["Peru", "7", "x"],
            ["日本", "12", ""],
            ["Côte d'Ivoire", "100", "y"],
        ];
        let rows: Vec<Vec<String>> = rows
            .iter()
            .map(|row| row.iter().map(|cell| (*cell).to_owned()).collect())
            .collect();
        assert_eq!(
            lines(&[Align::Left, Align::Right, Align::Left], &rows),
            [
                "Peru             7  x",
                "日本            12",
                "Côte d'Ivoire  100  y"
            ]
        );
    }

    #[test]
    fn numbers_are_grouped() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1 000"),
            (12_345, "12 345"),
            (1_234_567, "1 234 567"),
        ] {
            assert_eq!(grouped(number), text);
        }
        assert_eq!(count(1, "card", "cards"), "1 card");
        assert_eq!(count(0, "card", "cards"), "0 cards");
    }

    #[test]
    fn long_texts_are_cut_and_control_letters_shown() {
        assert_eq!(short("one two\n three", 20), "one two three");
        assert_eq!(short("one two three", 8), "one two…");
        assert_eq!(short("日本日本", 5), "日本…");
        assert_eq!(short("a\u{1b}[31mb", 20), "a\u{fffd}[31mb");
    }
}
