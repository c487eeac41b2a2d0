//! Notes: which cards their fields give, and what those say.

use domain::note::{FieldTexts, NoteType, NoteTypeError, Template};
use proptest::prelude::*;

fn built_in(name: &str) -> NoteType {
    let found = NoteType::built_in()
        .into_iter()
        .find(|held| held.name == name);
    found.unwrap()
}

fn fields(texts: &[(&str, &str)]) -> FieldTexts {
    let owned = texts
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    owned.collect()
}

fn says(
    note_type: &NoteType,
    texts: &FieldTexts,
    ordinal: u16,
) -> (String, String, Option<String>) {
    let card = note_type.render(texts, ordinal).unwrap();
    (card.front, card.back, card.typed)
}

#[test]
fn the_built_in_types_give_their_cards() {
    let pair = fields(&[("Front", "Peru"), ("Back", "Lima")]);
    let own = |text: &str| text.to_owned();
    assert_eq!(built_in("basic").ordinals(&pair), [0]);
    let reversed = built_in("reversed");
    assert_eq!(reversed.ordinals(&pair), [0, 1]);
    assert_eq!(says(&reversed, &pair, 1), (own("Lima"), own("Peru"), None));
    // Without a back there is nothing to ask the other way round.
    assert_eq!(
        reversed.ordinals(&fields(&[("Front", "Peru"), ("Back", " ")])),
        [0]
    );
    let typed = built_in("typed");
    assert_eq!(
        says(&typed, &pair, 0),
        (own("Peru"), own("Lima"), Some(own("Lima")))
    );
    let cloze = built_in("cloze");
    let text = fields(&[
        ("Text", "{{c2::Lima}} lies in {{c1::Peru::country}}"),
        ("Extra", "x"),
    ]);
    assert_eq!(cloze.ordinals(&text), [1, 2]);
    assert_eq!(
        says(&cloze, &text, 1),
        (
            own("Lima lies in [country]"),
            own("Lima lies in **Peru**\n\nx"),
            None
        )
    );
    for note_type in NoteType::built_in() {
        assert_eq!(note_type.check(), Ok(()));
    }
}

fn one(front: &str, back: &str) -> NoteType {
    NoteType {
        name: "own".to_owned(),
        fields: vec!["A".to_owned(), "B".to_owned()],
        templates: vec![Template {
            name: "T".to_owned(),
            front: front.to_owned(),
            back: back.to_owned(),
        }],
        cloze: false,
    }
}

#[test]
fn templates_have_sections_filters_and_the_front_side() {
    let texts = fields(&[("A", "a"), ("B", "")]);
    let shown = |front, back| {
        let (front, back, _) = says(&one(front, back), &texts, 0);
        format!("{front}|{back}")
    };
    assert_eq!(
        shown(
            "{{A}} {{#B}}with{{/B}}{{^B}}without{{/B}}",
            "{{FrontSide}}!"
        ),
        "a without|a without!"
    );
    assert_eq!(shown("{{ text:furigana:A }}", "{{unknown:A}}"), "a|a");
    assert_eq!(shown("{{#A}}{{^B}}in{{/B}}{{/A}}", "{{B}}{{A}}"), "in|a");
    // A field that holds braces is text, not a template.
    let sly = fields(&[("A", "{{B}}"), ("B", "b")]);
    assert_eq!(says(&one("{{A}}", "{{B}}"), &sly, 0).0, "{{B}}");
}

#[test]
fn a_type_that_cannot_work_says_why() {
    let why = |note_type: NoteType| note_type.check().unwrap_err().to_string();
    assert!(why(one("{{C}}", "{{A}}")).contains("no field `C`; the fields are A, B"));
    assert!(why(one("{{#A}}x", "{{A}}")).contains("section `A`"));
    assert!(why(one("{{A", "{{A}}")).contains("not closed"));
    assert!(why(one("x", "{{A}}")).contains("names no field"));
    let mut twice = one("{{A}}", "{{B}}");
    twice.fields = vec!["A".to_owned(), "A".to_owned()];
    assert_eq!(twice.check(), Err(NoteTypeError::Fields));
    let mut none = one("{{A}}", "{{B}}");
    none.templates.clear();
    assert_eq!(none.check(), Err(NoteTypeError::Templates));
}

proptest! {
    /// No template and no text, however odd, panics or grows beyond a text's bound.
    #[test]
    fn any_text_renders(
        template in "([{}#^/:A-B]|c1::|\\{\\{|\\}\\}|type:|cloze:|\\PC){0,40}",
        text in "([{}]|\\{\\{c[12]::|::|\\}\\}|\\PC){0,40}",
        gap in 1_u16..3,
        cloze in any::<bool>(),
    ) {
        let mut note_type = one(&template, &template);
        note_type.cloze = cloze;
        let texts = fields(&[("A", &text), ("B", "b")]);
        for ordinal in note_type.ordinals(&texts).into_iter().chain([0, gap]) {
            if let Some(card) = note_type.render(&texts, ordinal) {
                prop_assert!(card.front.len() <= domain::limit::TEXT_BYTES_MAX);
            }
        }
        let _checked = note_type.check();
    }
}
