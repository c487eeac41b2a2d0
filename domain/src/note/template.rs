//! Templates in Anki's spelling: `{{Field}}`, `{{FrontSide}}`, `{{#Field}}` and `{{^Field}}` up to `{{/Field}}`, and the filters
//! `text`, `hint`, `type`, `cloze`; an unknown filter lets its text through. One pass, no script, no more text than bounded.

use super::{FieldTexts, cloze};
use crate::limit;

/// Why a template cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// Too long.
    #[error("it has {0} bytes, at most {max} are taken", max = limit::TEMPLATE_BYTES_MAX)]
    TooLong(usize),
    /// A field that the note type does not have.
    #[error("there is no field `{0}`; the fields are {1}")]
    Field(String, String),
    /// A section that is not closed, or closed and not opened.
    #[error("the section `{0}` is opened and closed in different places")]
    Section(String),
    /// `{{` without `}}`.
    #[error("a `{{{{` is not closed by `}}}}`")]
    Brace,
    /// It would be the same for every note.
    #[error("it names no field")]
    NoField,
}

/// Which side is rendered.
#[derive(Debug, Clone, Copy)]
pub(super) enum Side<'a> {
    Front,
    /// With the question as it was rendered.
    Back {
        front: &'a str,
    },
}

#[derive(Debug, Default)]
pub(super) struct Out {
    pub(super) text: String,
    pub(super) typed: Option<String>,
}

#[derive(Debug, Clone, Copy)]
enum Token<'t> {
    Text(&'t str),
    Place(&'t str),
    Begin { field: &'t str, filled: bool },
    End(&'t str),
}

/// Whether a template can be used with these fields.
pub(super) fn check(template: &str, fields: &[String]) -> Result<(), TemplateError> {
    if template.len() > limit::TEMPLATE_BYTES_MAX {
        return Err(TemplateError::TooLong(template.len()));
    }
    let known = |name: &str| {
        if name == FRONT_SIDE || fields.iter().any(|field| field.trim() == name) {
            Ok(())
        } else {
            Err(TemplateError::Field(name.to_owned(), fields.join(", ")))
        }
    };
    let (mut open, mut places) = (Vec::new(), 0_usize);
    for token in tokens(template) {
        match token {
            Token::Text(text) if text.contains("{{") => return Err(TemplateError::Brace),
            Token::Text(_) => {}
            Token::Place(place) => {
                places += 1;
                known(split(place).1)?;
            }
            Token::Begin { field, .. } => {
                known(field)?;
                open.push(field);
            }
            Token::End(field) if open.pop() == Some(field) => {}
            Token::End(field) => return Err(TemplateError::Section(field.to_owned())),
        }
    }
    match (open.first(), places) {
        (Some(field), _) => Err(TemplateError::Section((*field).to_owned())),
        (None, 0) => Err(TemplateError::NoField),
        (None, _) => Ok(()),
    }
}

/// Whether a place of the template, outside sections that do not show, has a field with something in it.
pub(super) fn uses_filled(template: &str, fields: &FieldTexts) -> bool {
    let mut hidden = Hidden::default();
    tokens(template).any(|token| match token {
        Token::Place(place) if hidden.shows() => is_filled(split(place).1, fields),
        token => {
            hidden.step(token, fields);
            false
        }
    })
}

/// A side of a card.
pub(super) fn render(template: &str, fields: &FieldTexts, gap: Option<u16>, side: Side<'_>) -> Out {
    let mut out = Out::default();
    let mut hidden = Hidden::default();
    for token in tokens(template) {
        hidden.step(token, fields);
        if !hidden.shows() || out.text.len() > limit::TEXT_BYTES_MAX {
            continue;
        }
        match token {
            Token::Text(text) => out.text.push_str(text),
            Token::Place(place) => fill(place, fields, gap, side, &mut out),
            Token::Begin { .. } | Token::End(_) => {}
        }
    }
    cut(&mut out.text);
    out
}

const FRONT_SIDE: &str = "FrontSide";

fn fill(place: &str, fields: &FieldTexts, gap: Option<u16>, side: Side<'_>, out: &mut Out) {
    let (filters, name) = split(place);
    if name == FRONT_SIDE {
        if let Side::Back { front } = side {
            out.text.push_str(front);
        }
        return;
    }
    let Some(text) = fields.get(name) else { return };
    let has = |filter: &str| filters.split(':').any(|held| held.trim() == filter);
    if has("type") {
        let wanted = match gap {
            Some(gap) if has("cloze") => cloze::hidden(text, gap),
            _ => Some(text.clone()),
        };
        out.typed = wanted.map(|wanted| wanted.trim().to_owned());
        return;
    }
    match (has("cloze"), gap, side) {
        (true, Some(gap), Side::Front) => out.text.push_str(&cloze::question(text, gap)),
        (true, Some(gap), Side::Back { .. }) => out.text.push_str(&cloze::answer(text, gap)),
        _ => out.text.push_str(text),
    }
}

/// Filters and field of a place, `type:cloze:Text`.
fn split(place: &str) -> (&str, &str) {
    place
        .rsplit_once(':')
        .map_or(("", place.trim()), |(filters, name)| (filters, name.trim()))
}

fn is_filled(name: &str, fields: &FieldTexts) -> bool {
    fields.get(name).is_some_and(|text| !text.trim().is_empty())
}

/// Sections that are open, and how many of them do not show.
#[derive(Default)]
struct Hidden {
    open: Vec<bool>,
}

impl Hidden {
    fn shows(&self) -> bool {
        self.open.iter().all(|shows| *shows)
    }

    fn step(&mut self, token: Token<'_>, fields: &FieldTexts) {
        match token {
            Token::Begin { field, filled } => {
                self.open.push(is_filled(field, fields) == filled);
            }
            Token::End(_) => {
                self.open.pop();
            }
            Token::Text(_) | Token::Place(_) => {}
        }
    }
}

/// Cuts a text at the bound, between two letters.
pub(super) fn cut(text: &mut String) {
    if text.len() > limit::TEXT_BYTES_MAX {
        let end = (0..=limit::TEXT_BYTES_MAX)
            .rev()
            .find(|at| text.is_char_boundary(*at));
        text.truncate(end.unwrap_or(0));
    }
}

fn tokens(template: &str) -> impl Iterator<Item = Token<'_>> {
    let mut rest = template;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let Some(from) = rest.find("{{") else {
            return Some(Token::Text(std::mem::take(&mut rest)));
        };
        if from > 0 {
            let (text, after) = rest.split_at(from);
            rest = after;
            return Some(Token::Text(text));
        }
        let Some((inside, after)) = rest.get(2..).and_then(|body| body.split_once("}}")) else {
            return Some(Token::Text(std::mem::take(&mut rest)));
        };
        rest = after;
        let inside = inside.trim();
        Some(match inside.split_at_checked(1) {
            Some(("#", field)) => Token::Begin {
                field: field.trim(),
                filled: true,
            },
            Some(("^", field)) => Token::Begin {
                field: field.trim(),
                filled: false,
            },
            Some(("/", field)) => Token::End(field.trim()),
            _ => Token::Place(inside),
        })
    })
}
