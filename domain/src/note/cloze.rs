//! Gaps in a text: `{{c1::hidden}}` and `{{c1::hidden::hint}}`, in one another too. On the question the gap asked for shows its
//! hint or dots, all others show what they hide. Read in one pass, so that no text costs more than its length.

use crate::limit;

/// A text cut into what stands outside gaps and the gaps.
#[derive(Debug)]
enum Part<'t> {
    Plain(&'t str),
    Gap(Gap<'t>),
}

#[derive(Debug)]
struct Gap<'t> {
    number: u16,
    hidden: Vec<Part<'t>>,
    hint: Option<&'t str>,
}

/// The gap numbers of a text, in order of appearance, as often as they appear.
pub(super) fn numbers(text: &str) -> Vec<u16> {
    let mut numbers = Vec::new();
    collect(&parse(text), &mut numbers);
    numbers
}

fn collect(parts: &[Part<'_>], into: &mut Vec<u16>) {
    for part in parts {
        if let Part::Gap(gap) = part {
            into.push(gap.number);
            collect(&gap.hidden, into);
        }
    }
}

/// The text with one gap hidden.
pub(super) fn question(text: &str, asked: u16) -> String {
    let mut out = String::new();
    write(&parse(text), asked, true, &mut out);
    out
}

/// The text with every gap filled, the one asked for in bold.
pub(super) fn answer(text: &str, asked: u16) -> String {
    let mut out = String::new();
    write(&parse(text), asked, false, &mut out);
    out
}

/// What the gap asked for hides, the first one of that number.
pub(super) fn hidden(text: &str, asked: u16) -> Option<String> {
    find(&parse(text), asked)
}

fn find(parts: &[Part<'_>], asked: u16) -> Option<String> {
    parts.iter().find_map(|part| match part {
        Part::Gap(gap) if gap.number == asked => {
            let mut out = String::new();
            write(&gap.hidden, u16::MAX, false, &mut out);
            Some(out)
        }
        Part::Gap(gap) => find(&gap.hidden, asked),
        Part::Plain(_) => None,
    })
}

fn write(parts: &[Part<'_>], asked: u16, hide: bool, out: &mut String) {
    for part in parts {
        match part {
            Part::Plain(text) => out.push_str(text),
            Part::Gap(gap) if gap.number == asked && hide => {
                out.push('[');
                out.push_str(gap.hint.filter(|hint| !hint.is_empty()).unwrap_or("..."));
                out.push(']');
            }
            Part::Gap(gap) => {
                let bold = if gap.number == asked { "**" } else { "" };
                out.push_str(bold);
                write(&gap.hidden, asked, hide, out);
                out.push_str(bold);
            }
        }
    }
}

/// A gap that is not closed yet.
struct Open<'t> {
    /// How it was opened, for the case that it never closes.
    opening: &'t str,
    number: u16,
    hidden: Vec<Part<'t>>,
    /// Where its hint begins.
    hint_from: Option<usize>,
}

fn parse(text: &str) -> Vec<Part<'_>> {
    let mut outside: Vec<Part<'_>> = Vec::new();
    let mut open: Vec<Open<'_>> = Vec::new();
    let (mut at, mut plain_from) = (0, 0);
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let in_hint = open.last().is_some_and(|gap| gap.hint_from.is_some());
        let opening = (!in_hint && open.len() < limit::CLOZE_DEPTH_MAX)
            .then(|| opening(rest))
            .flatten();
        let step = if let Some((number, opening)) = opening {
            plain(text, plain_from, at, parts(&mut outside, &mut open));
            open.push(Open {
                opening,
                number,
                hidden: Vec::new(),
                hint_from: None,
            });
            opening.len()
        } else if rest.starts_with("}}") && !open.is_empty() {
            close(text, [plain_from, at], &mut outside, &mut open);
            2
        } else if rest.starts_with("::") && !open.is_empty() && !in_hint {
            plain(text, plain_from, at, parts(&mut outside, &mut open));
            if let Some(gap) = open.last_mut() {
                gap.hint_from = Some(at + 2);
            }
            2
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
            continue;
        };
        at += step;
        plain_from = at;
    }
    plain(text, plain_from, text.len(), parts(&mut outside, &mut open));
    // A gap that never closes is plain text, with whatever closed in it.
    for gap in open {
        outside.push(Part::Plain(gap.opening));
        outside.extend(gap.hidden);
        if gap.hint_from.is_some() {
            outside.push(Part::Plain("::"));
        }
    }
    outside
}

fn close<'t>(
    text: &'t str,
    [plain_from, at]: [usize; 2],
    outside: &mut Vec<Part<'t>>,
    open: &mut Vec<Open<'t>>,
) {
    let Some(mut gap) = open.pop() else { return };
    let hint = match gap.hint_from {
        Some(from) => text.get(from..at),
        None => {
            plain(text, plain_from, at, &mut gap.hidden);
            None
        }
    };
    parts(outside, open).push(Part::Gap(Gap {
        number: gap.number,
        hidden: gap.hidden,
        hint,
    }));
}

/// The parts that the next one belongs to.
fn parts<'p, 't>(
    outside: &'p mut Vec<Part<'t>>,
    open: &'p mut [Open<'t>],
) -> &'p mut Vec<Part<'t>> {
    match open.last_mut() {
        Some(gap) => &mut gap.hidden,
        None => outside,
    }
}

fn plain<'t>(text: &'t str, from: usize, to: usize, into: &mut Vec<Part<'t>>) {
    if let Some(plain) = text.get(from..to).filter(|plain| !plain.is_empty()) {
        into.push(Part::Plain(plain));
    }
}

/// The number of a gap that begins here, and how it is opened.
fn opening(text: &str) -> Option<(u16, &str)> {
    let body = text.strip_prefix("{{c")?;
    let digits = body.bytes().take_while(u8::is_ascii_digit).take(5).count();
    let number: u16 = body.get(..digits)?.parse().ok()?;
    body.get(digits..)?.strip_prefix("::")?;
    let valid = (1..u16::MAX).contains(&number);
    valid.then_some((number, text.get(..3 + digits + 2)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_show_hide_and_nest() {
        let text = "{{c1::Lima}} is in {{c2::{{c1::Pe}}ru::a country}}.";
        assert_eq!(numbers(text), [1, 2, 1]);
        assert_eq!(question(text, 1), "[...] is in [...]ru.");
        assert_eq!(question(text, 2), "Lima is in [a country].");
        assert_eq!(answer(text, 2), "Lima is in **Peru**.");
        assert_eq!(hidden(text, 2).as_deref(), Some("Peru"));
        assert_eq!(hidden(text, 3), None);
    }

    #[test]
    fn what_is_no_gap_stays_as_it_is() {
        for text in [
            "a }} b",
            "{{c1::never closed",
            "{{c0::x}}",
            "{{c::x}}",
            "{{cx::y}}",
            "f(x) :: y",
            "{{c99999::x}}",
        ] {
            assert_eq!(question(text, 1), text);
        }
        assert_eq!(question("{{c1::open {{c2::in}}", 2), "{{c1::open [...]");
    }

    #[test]
    fn a_hostile_text_costs_no_more_than_its_length() {
        let text = "{{c1::".repeat(10_000);
        assert_eq!(question(&text, 1).len(), text.len());
        let closed = format!("{}{}", text, "}}".repeat(10_000));
        assert!(numbers(&closed).len() <= 10_000);
    }
}
