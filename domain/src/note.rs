//! Notes: named fields from which one or several cards are made by templates, so that an edit of a field changes every card.
//! Which cards a note gives (`NoteType::ordinals`) and what they say (`NoteType::render`). How templates are read is
//! `template`'s, gaps in a text are `cloze`'s, comparing a typed answer is `typed`'s; where notes are stored is `document`'s.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::limit;

mod cloze;
mod template;
mod typed;

pub use template::TemplateError;
pub use typed::{Piece, compare};

/// The fields of a note, by name.
pub type FieldTexts = BTreeMap<String, String>;

/// How cards are made of a note's fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoteType {
    /// Its name.
    pub name: String,
    /// The names of its fields, in the order to ask for them.
    pub fields: Vec<String>,
    /// Its templates; a cloze type has one, and gives a card for each gap number.
    pub templates: Vec<Template>,
    /// Cards come from gaps `{{c1::...}}` in the fields.
    #[serde(default)]
    pub cloze: bool,
}

/// Two sides with places for fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template {
    /// Its name.
    pub name: String,
    /// The question.
    pub front: String,
    /// The answer.
    pub back: String,
}

/// The note types of a vault by name: those that every vault has, and its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteTypes(BTreeMap<String, NoteType>);

/// What a card of a note says, as Markdown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rendered {
    /// The question.
    pub front: String,
    /// The answer.
    pub back: String,
    /// What is to be typed, when the card asks for that.
    pub typed: Option<String>,
}

/// Why a note type cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteTypeError {
    /// No field, too many, or one without a name or with a name taken already.
    #[error("a note type needs 1 to {max} fields, each with a name of its own", max = limit::NOTE_FIELDS_MAX)]
    Fields,
    /// No template, too many, or several in a cloze type.
    #[error("a note type needs 1 to {max} templates; a cloze type has one", max = limit::NOTE_TEMPLATES_MAX)]
    Templates,
    /// A template that cannot be read.
    #[error("template {template}: {why}")]
    Template {
        /// Which one.
        template: String,
        /// Why.
        why: TemplateError,
    },
}

impl Default for NoteTypes {
    fn default() -> Self {
        Self::with([])
    }
}

impl NoteTypes {
    /// The types that every vault has and these; one with the name of a built-in type is left out.
    pub fn with(own: impl IntoIterator<Item = NoteType>) -> Self {
        let named = |kind: NoteType| (kind.name.clone(), kind);
        let mut types: BTreeMap<_, _> = own.into_iter().map(named).collect();
        types.extend(NoteType::built_in().into_iter().map(named));
        Self(types)
    }

    /// The type of this name.
    pub fn get(&self, name: &str) -> Option<&NoteType> {
        self.0.get(name)
    }

    /// All types, by name.
    pub fn iter(&self) -> impl Iterator<Item = &NoteType> {
        self.0.values()
    }

    /// What a card of a note says; none when the note does not give such a card. A type that has not arrived yet shows the
    /// fields as they are.
    pub fn render(&self, kind: &str, fields: &FieldTexts, ordinal: u16) -> Option<Rendered> {
        match self.get(kind) {
            Some(kind) if kind.ordinals(fields).contains(&ordinal) => kind.render(fields, ordinal),
            Some(_) => None,
            None => {
                let mut front = fields.values().cloned().collect::<Vec<_>>().join("\n\n");
                template::cut(&mut front);
                Some(Rendered {
                    front,
                    ..Rendered::default()
                })
            }
        }
    }
}

impl NoteType {
    /// The types every vault has: `basic`, `reversed`, `typed`, `cloze`.
    pub fn built_in() -> Vec<Self> {
        let template = |name: &str, front: &str, back: &str| Template {
            name: name.to_owned(),
            front: front.to_owned(),
            back: back.to_owned(),
        };
        let of = |name: &str, fields: [&str; 2], templates: Vec<Template>| Self {
            name: name.to_owned(),
            fields: fields.map(str::to_owned).to_vec(),
            templates,
            cloze: name == "cloze",
        };
        let sides = ["Front", "Back"];
        let forward = || template("Card 1", "{{Front}}", "{{Back}}");
        vec![
            of("basic", sides, vec![forward()]),
            of(
                "reversed",
                sides,
                vec![forward(), template("Card 2", "{{Back}}", "{{Front}}")],
            ),
            of(
                "typed",
                sides,
                vec![template("Card 1", "{{Front}}\n\n{{type:Back}}", "{{Back}}")],
            ),
            of(
                "cloze",
                ["Text", "Extra"],
                vec![template(
                    "Cloze",
                    "{{cloze:Text}}",
                    "{{cloze:Text}}{{#Extra}}\n\n{{Extra}}{{/Extra}}",
                )],
            ),
        ]
    }

    /// Whether cards can be made of it.
    ///
    /// # Errors
    /// [`NoteTypeError`] says what is wrong.
    pub fn check(&self) -> Result<(), NoteTypeError> {
        let names: std::collections::BTreeSet<&str> =
            self.fields.iter().map(|name| name.trim()).collect();
        let named = names.iter().all(|name| {
            !name.is_empty()
                && name.len() <= limit::NAME_BYTES_MAX
                && !name.contains(['{', '}', ':'])
        });
        if !(1..=limit::NOTE_FIELDS_MAX).contains(&self.fields.len())
            || names.len() != self.fields.len()
            || !named
        {
            return Err(NoteTypeError::Fields);
        }
        if !(1..=limit::NOTE_TEMPLATES_MAX).contains(&self.templates.len())
            || (self.cloze && self.templates.len() != 1)
        {
            return Err(NoteTypeError::Templates);
        }
        for template in &self.templates {
            for side in [&template.front, &template.back] {
                template::check(side, &self.fields).map_err(|why| NoteTypeError::Template {
                    template: template.name.clone(),
                    why,
                })?;
            }
        }
        Ok(())
    }

    /// The numbers of the cards that these fields give, ascending: of each template whose question says something, from 0;
    /// of a cloze type each gap number, from 1.
    pub fn ordinals(&self, fields: &FieldTexts) -> Vec<u16> {
        if self.cloze {
            let mut numbers: Vec<u16> = fields
                .values()
                .flat_map(|text| cloze::numbers(text))
                .collect();
            numbers.sort_unstable();
            numbers.dedup();
            return numbers;
        }
        let count = u16::try_from(self.templates.len()).unwrap_or(u16::MAX);
        let says_something = |ordinal: &u16| {
            let template = self.templates.get(usize::from(*ordinal));
            template.is_some_and(|template| template::uses_filled(&template.front, fields))
        };
        (0..count).filter(says_something).collect()
    }

    /// What one card says; nothing when the type has no such card.
    pub fn render(&self, fields: &FieldTexts, ordinal: u16) -> Option<Rendered> {
        let (template, gap) = if self.cloze {
            (self.templates.first()?, Some(ordinal))
        } else {
            (self.templates.get(usize::from(ordinal))?, None)
        };
        let front = template::render(&template.front, fields, gap, template::Side::Front);
        let back = template::render(
            &template.back,
            fields,
            gap,
            template::Side::Back { front: &front.text },
        );
        Some(Rendered {
            front: front.text.trim().to_owned(),
            back: back.text.trim().to_owned(),
            typed: front.typed.or(back.typed),
        })
    }
}
