//! What a query is read as, how it is refused, and whether the matcher says what the naive one says.

use proptest::collection::vec;
use proptest::prelude::*;

use super::naive::{self, NaiveCard};
use super::*;
use crate::event::Grade;
use crate::id::{CardId, DeckId, TagId};
use crate::item::{Item, TextItem};
use crate::limit;
use crate::time::{Day, UnixMs};

const TODAY: Day = Day(20_000);
const TODAY_FROM: UnixMs = UnixMs(20_000 * 86_400_000);

fn refusal(text: &str) -> String {
    Query::parse(text).expect_err(text).to_string()
}

#[test]
fn spelling_is_read_and_written_in_one_way() {
    let cases = [
        ("", ""),
        ("dog  cat", "dog cat"),
        ("dog and cat OR mouse", "(dog cat) or mouse"),
        ("-dog not (a or b)", "-dog -(a or b)"),
        ("--dog", "dog"),
        ("\"a dog\"", "\"a dog\""),
        ("d_g*", "d_g*"),
        ("\"or\"", "\"or\""),
        ("deck:\"My deck\"", "deck:\"My deck\""),
        ("\"deck:My deck\"", "deck:\"My deck\""),
        ("12:30 http://x.example", "12\\:30 http\\://x.example"),
        ("due<5 box:2 box>=3", "prop:due<5 box:2 prop:box>=3"),
        ("\"due<5\"", "\"due<5\""),
        ("PROP:ivl!=-3 ease<2.50", "prop:ivl!=-3 prop:ease<2.5"),
        ("tag:NONE is:DUE", "tag:none is:due"),
        (
            "rated:7:1 added:3 introduced:1",
            "rated:7:1 added:3 introduced:1",
        ),
        ("cid:0190-AB,dead", "cid:0190ab,dead"),
        ("nid:0190-AB", "nid:0190ab"),
        ("re:^a\\.b$", "\"re:^a\\.b$\""),
        (
            "nc:uber w:dog front: back:a",
            "nc:uber w:dog front:\"\" back:a",
        ),
        ("a - b", "a \"-\" b"),
        ("((a) (b c))", "a b c"),
    ];
    for (typed, printed) in cases {
        let query = Query::parse(typed).unwrap_or_else(|why| panic!("{typed}: {why}"));
        assert_eq!(query.to_string(), printed, "{typed}");
        assert_eq!(Query::parse(printed), Ok(query), "{printed}");
    }
}

#[test]
fn a_refusal_says_what_is_known_and_what_was_meant() {
    let cases = [
        (
            "is:suspnded",
            "`is:suspnded` is not known (did you mean `is:suspended`?); use is:due is:new is:learn",
        ),
        (
            "dekc:a",
            "`dekc:` is not known (did you mean `deck:`?); use deck: tag: is:",
        ),
        ("zzzzzz:a", "`zzzzzz:` is not known; use deck: tag:"),
        (
            "has:picture",
            "`has:picture` is not known; use has:image has:audio",
        ),
        (
            "flag:8",
            "`flag:8` is not known; use flag:0 (none) to flag:7",
        ),
        ("box:6", "`box:6` is not known; use box:1 to box:5"),
        (
            "prop:lapse>1",
            "`prop:lapse>1` is not known (did you mean `prop:lapses`?)",
        ),
        ("prop:due", "`prop:due` is not known; use prop:due prop:ivl"),
        ("due<x", "`prop:due<x` is not known; use a whole number"),
        ("added:0", "`added:0` is not known; use added:N"),
        (
            "rated:1:5",
            "`rated:1:5` is not known; use rated:N:1 (again)",
        ),
        (
            "edited:3",
            "`edited:` cannot be searched by: the day of an edit is not kept",
        ),
        ("cid:12", "`cid:12` is not known; use cid:ID"),
        ("deck:", "`deck:` is not known; use deck:NAME"),
        (
            "\"re:(a\"",
            "the regular expression `(a` cannot be used: unclosed group",
        ),
        (
            "\"re:\\w{500}{500}\"",
            "the regular expression `\\w{500}{500}` cannot be used: it is too large",
        ),
        ("\"open", "a quote is not closed"),
        ("(a", "a parenthesis is not closed"),
        ("a)", "a `)` closes nothing"),
        ("a ()", "the parentheses `()` hold nothing"),
        ("a or", "`or` lacks a term beside it"),
        ("and a", "`and` lacks a term beside it"),
        ("not", "`not` lacks a term beside it"),
        ("\\q", "`\\q` is not known; a backslash itself"),
        ("a\\", "`\\` is not known; a backslash itself"),
    ];
    for (typed, expected) in cases {
        let found = refusal(typed);
        assert!(found.starts_with(expected), "{typed}: {found}");
    }
}

#[test]
fn bounds_hold() {
    assert!(matches!(
        Query::parse(&"(".repeat(100_000)),
        Err(QueryError::Long { .. })
    ));
    let nested = |depth: usize| format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
    assert!(Query::parse(&nested(limit::QUERY_DEPTH_MAX)).is_ok());
    assert_eq!(
        Query::parse(&nested(limit::QUERY_DEPTH_MAX + 1)),
        Err(QueryError::Depth)
    );
    assert!(Query::parse(&"a ".repeat(limit::QUERY_TERMS_MAX)).is_ok());
    assert_eq!(
        Query::parse(&"a ".repeat(limit::QUERY_TERMS_MAX + 1)),
        Err(QueryError::Terms)
    );
    let dashes = format!("{}a", "-".repeat(limit::QUERY_BYTES_MAX - 1));
    assert_eq!(
        Query::parse(&dashes).map(|query| query.to_string()),
        Ok("-a".to_owned())
    );
}

#[test]
fn removed_cards_are_looked_at_only_where_they_are_asked_for() {
    let cases = [
        ("is:removed", true),
        ("dog or is:removed", true),
        ("-(-is:removed)", true),
        ("-is:removed", false),
        ("dog", false),
    ];
    for (typed, wanted) in cases {
        assert_eq!(
            Query::parse(typed).map(|query| query.wants_removed()),
            Ok(wanted),
            "{typed}"
        );
    }
}

fn text(words: &str) -> Item {
    Item::Text(TextItem {
        text: words.to_owned(),
        ..TextItem::default()
    })
}

fn names<I: Copy>(names: &[&str], id: impl Fn(&str) -> I) -> Vec<(I, String)> {
    names
        .iter()
        .map(|name| (id(name), (*name).to_owned()))
        .collect()
}

fn deck_id(name: &str) -> DeckId {
    DeckId::from_bytes(*TagId::from_name(name).as_bytes())
}

const DECKS: [&str; 5] = [
    "Geo",
    "Geo::Rivers",
    "Geo::Rivers::Long",
    "Geology",
    "my Deck",
];
const TAGS: [&str; 4] = ["north", "north::far", "leech", "Été"];

fn media_item(kind: &str) -> Item {
    let blob = "0".repeat(64);
    let item = Item::parse(&format!(
        r#"{{"t":"{kind}","blob":"{blob}","mime":"{kind}/x","bytes":1}}"#
    ));
    assert!(!matches!(item, Item::Unknown(_)), "{kind}");
    item
}

struct Held {
    facts: CardFacts,
    tags: Vec<TagId>,
    text: CardText,
    answers: Vec<Answered>,
}

impl CardAsked for Held {
    fn facts(&self) -> &CardFacts {
        &self.facts
    }

    fn tags(&self) -> &[TagId] {
        &self.tags
    }

    fn text(&self) -> &CardText {
        &self.text
    }

    fn answers(&self) -> &[Answered] {
        &self.answers
    }
}

/// What the matcher and the naive one say.
fn both(query: &Query, card: &NaiveCard) -> (bool, bool) {
    let (decks, tags) = (names(&DECKS, deck_id), names(&TAGS, TagId::from_name));
    let asked = Asked {
        today: TODAY,
        today_from: TODAY_FROM,
        decks: &decks,
        tags: &tags,
    };
    let matcher = Matcher::new(query, asked).expect("it was read");
    let side = |texts: &[String]| texts.iter().map(|words| text(words)).collect::<Vec<_>>();
    let (front, mut back) = (side(&card.front), side(&card.back));
    let media = [(card.image, "image"), (card.audio, "audio")];
    back.extend(
        media
            .iter()
            .filter(|(has, _)| *has)
            .map(|(_, kind)| media_item(kind)),
    );
    let found = matcher.matches(&Held {
        facts: card.facts,
        tags: card
            .tags
            .iter()
            .map(|name| TagId::from_name(name))
            .collect(),
        text: CardText::of(&front, &back),
        answers: card.answers.clone(),
    });
    (found, naive::holds(query.expr(), card, TODAY, TODAY_FROM))
}

fn plain_card() -> NaiveCard {
    NaiveCard {
        facts: CardFacts {
            id: CardId::from_bytes([0xab; 16]),
            deck: deck_id("Geo::Rivers"),
            note: None,
            created: UnixMs(TODAY_FROM.0 - 1),
            due: Some(Day(TODAY.0 - 2)),
            last_day: Some(Day(TODAY.0 - 6)),
            reviews: 3,
            lapses: 1,
            box_number: 3,
            flag: 2,
            ease_percent: 230,
            buried: Some(Day(TODAY.0 - 1)),
            retired: false,
            suspended: false,
            removed: false,
            conflict: false,
        },
        image: true,
        audio: false,
        deck: "Geo::Rivers".to_owned(),
        tags: vec!["north::far".to_owned()],
        front: vec!["Größter Fluß: the café".to_owned(), "dog-house".to_owned()],
        back: vec!["Οδυσσεύς".to_owned(), "Donau".to_owned()],
        answers: vec![
            Answered {
                day: Day(TODAY.0 - 6),
                grade: Grade::Good,
            },
            Answered {
                day: Day(TODAY.0 - 1),
                grade: Grade::Again,
            },
        ],
    }
}

#[test]
fn terms_mean_what_the_page_says() {
    let card = plain_card();
    let yes = [
        "",
        "GRÖSSTER or größter",
        "\"fluß: the\"",
        "f_u*caf\u{e9}",
        "cafe\u{301}",
        "nc:CAFE",
        "nc:großter",
        "ΟΔΥΣΣΕΎΣ",
        "w:dog",
        "w:do*",
        "w:d_g",
        "w:house",
        "re:d.n",
        "\"re:^dog\"",
        "back:donau",
        "back:*n*u",
        "front:dog-house",
        "deck:geo",
        "deck:geo::rivers",
        "deck:*riv*",
        "deck:g_o",
        "tag:north",
        "tag:*far",
        "tag:NORTH::FAR",
        "is:due",
        "is:review",
        "-is:new",
        "flag:2",
        "box:3",
        "prop:ease=2.3",
        "ease>2",
        "due<0",
        "due=-2",
        "ivl>=4",
        "reps=3",
        "lapses!=0",
        "added:2",
        "rated:2",
        "rated:2:1",
        "rated:7:3",
        "introduced:7",
        "has:image",
        "cid:abab",
        "cid:ffff,ABABABAB-AB",
        "-(zebra or -donau)",
        "*",
        "_",
    ];
    let no = [
        "cafe",
        "w:ona",
        "w:hou",
        "dog*donau",
        "back:don",
        "front:donau",
        "front:",
        "deck:rivers",
        "deck:geo::r",
        "tag:far",
        "tag:none",
        "is:new",
        "is:learn",
        "is:leech",
        "is:suspended",
        "is:buried",
        "ease>2.35",
        "is:removed",
        "is:conflict",
        "flag:0",
        "box:2",
        "due>=0",
        "added:1",
        "rated:1",
        "rated:5:3",
        "introduced:6",
        "has:audio",
        "cid:abac",
        "dog zebra",
        "-donau",
    ];
    for (typed, expected) in yes
        .map(|typed| (typed, true))
        .into_iter()
        .chain(no.map(|typed| (typed, false)))
    {
        let query = Query::parse(typed).unwrap_or_else(|why| panic!("{typed}: {why}"));
        assert_eq!(both(&query, &card), (expected, expected), "{typed}");
    }
}

fn any_pattern(min: usize) -> impl Strategy<Value = Pattern> {
    let letters = "[abéσΣ \\-():\"\\\\*_.<=]{1,3}|a|b|or|NOT|deck";
    let piece = prop_oneof![
        3 => letters.prop_map(Piece::Text),
        1 => Just(Piece::One),
        1 => Just(Piece::Many),
    ];
    vec(piece, min..4).prop_map(Pattern::new)
}

fn any_name() -> impl Strategy<Value = Pattern> {
    prop_oneof![
        Just("Geo"),
        Just("geo::rivers"),
        Just("*r*"),
        Just("g_o"),
        Just("NORTH"),
        Just("été"),
        Just("my deck")
    ]
    .prop_map(|name| {
        match Query::parse(&format!("deck:\"{name}\""))
            .expect("a name")
            .expr()
        {
            Expr::Term(Term::Deck(pattern)) => pattern.clone(),
            other => panic!("{other:?} is no deck"),
        }
    })
}

fn any_term() -> impl Strategy<Value = Term> {
    let compare = prop_oneof![
        Just(Compare::Less),
        Just(Compare::AtMost),
        Just(Compare::Equal),
        Just(Compare::NotEqual),
        Just(Compare::AtLeast),
        Just(Compare::More),
    ];
    let property = prop_oneof![
        Just(Property::Due),
        Just(Property::Interval),
        Just(Property::Reviews),
        Just(Property::Lapses),
        Just(Property::Box),
        Just(Property::Ease),
    ];
    let state = prop_oneof![
        Just(State::Due),
        Just(State::New),
        Just(State::Learn),
        Just(State::Review),
        Just(State::Suspended),
        Just(State::Buried),
        Just(State::Conflict),
        Just(State::Leech),
        Just(State::Removed),
    ];
    let grade = (0_u8..=4).prop_map(Grade::from_number);
    let regex = prop_oneof![
        Just("a.*b"),
        Just("^b"),
        Just("\\bσ"),
        Just("[^a]$"),
        Just("a|é")
    ];
    let prefix = "[0-9a-f]{4,6}|abab".prop_map(|id| IdPrefix::parse(&id).expect("digits"));
    let side = prop_oneof![Just(TextSide::Front), Just(TextSide::Back)];
    prop_oneof![
        4 => any_pattern(0).prop_map(Term::Text),
        2 => any_pattern(1).prop_map(Term::Unmarked),
        2 => any_pattern(1).prop_map(Term::Word),
        1 => regex.prop_map(|regex| Term::Regex(regex.to_owned())),
        2 => (side, any_pattern(0)).prop_map(|(side, text)| Term::Side(side, text)),
        1 => any_name().prop_map(Term::Deck),
        1 => any_name().prop_map(Term::Tag),
        1 => Just(Term::Untagged),
        2 => state.prop_map(Term::State),
        1 => (0_u8..=7).prop_map(Term::Flag),
        2 => (property, compare, -3_i64..9).prop_map(|(p, c, n)| Term::Property(p, c, if p == Property::Ease { n * 130 } else { n * 1_000 })),
        1 => (1_u32..9).prop_map(Term::Added),
        1 => (1_u32..9, grade).prop_map(|(days, grade)| Term::Rated(days, grade)),
        1 => (1_u32..9).prop_map(Term::Introduced),
        1 => prop_oneof![Just(Media::Image), Just(Media::Audio)].prop_map(Term::Has),
        1 => vec(prefix.clone(), 1..3).prop_map(Term::CardId),
        1 => vec(prefix, 1..3).prop_map(Term::DeckId),
    ]
}

fn any_expr() -> impl Strategy<Value = Expr> {
    any_term()
        .prop_map(Expr::Term)
        .prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                vec(inner.clone(), 1..4).prop_map(Expr::all),
                vec(inner.clone(), 1..4).prop_map(Expr::any),
                inner.prop_map(Expr::negate),
            ]
        })
}

/// Some are put off today, some were yesterday.
fn buried_in(box_number: u8) -> Option<Day> {
    match box_number {
        1 => Some(TODAY),
        2 => Some(Day(TODAY.0 - 1)),
        _ => None,
    }
}

fn any_card() -> impl Strategy<Value = NaiveCard> {
    let texts = || vec("[abéÉσΣς \\-.:_\u{301}]{0,8}", 0..3);
    let answers = vec((-8_i32..2, 1_u8..=4), 0..4);
    let days = (
        proptest::option::of(-5_i32..5),
        proptest::option::of(-9_i32..0),
    );
    let figures = (0_u32..9, 0_u32..10, 1_u8..6, 0_u8..8, -9_i64..1);
    let flags = any::<[bool; 6]>();
    let names = (
        proptest::sample::select(&DECKS[..]),
        proptest::sample::subsequence(&TAGS[..], 0..3),
    );
    (texts(), texts(), answers, days, figures, flags, names).prop_map(
        |(
            front,
            back,
            answers,
            (due, last),
            (reviews, lapses, box_number, flag, made),
            flags,
            (deck, tags),
        )| {
            let [retired, suspended, removed, conflict, image, audio] = flags;
            let mut answers: Vec<Answered> = answers
                .into_iter()
                .map(|(day, grade)| Answered {
                    day: Day(TODAY.0 + day),
                    grade: Grade::from_number(grade).expect("a grade"),
                })
                .collect();
            answers.sort();
            NaiveCard {
                facts: CardFacts {
                    id: CardId::from_bytes([0xab; 16]),
                    deck: deck_id(deck),
                    note: None,
                    created: UnixMs(TODAY_FROM.0 + made * 43_200_000),
                    due: due.map(|day| Day(TODAY.0 + day)),
                    last_day: last.map(|day| Day(TODAY.0 + day)),
                    reviews,
                    lapses,
                    box_number,
                    flag,
                    ease_percent: 130 + u16::from(flag) * 10,
                    buried: buried_in(box_number),
                    retired,
                    suspended,
                    removed,
                    conflict,
                },
                image,
                audio,
                deck: deck.to_owned(),
                tags: tags.into_iter().map(str::to_owned).collect(),
                front,
                back,
                answers,
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_is_printed_reads_back(expr in any_expr()) {
        let query = Query(expr);
        prop_assert_eq!(Query::parse(&query.to_string()), Ok(query.clone()), "{}", query);
    }

    #[test]
    fn no_text_is_too_strange(text in "\\PC{0,40}|[-a-c:\"\\\\()*_<>=! .0-9]{0,60}|(is|deck|tag|prop|due|re|cid|rated|flag)[:<=][-a-z0-9:*()\"\\\\]{0,8}") {
        if let Ok(query) = Query::parse(&text) {
            prop_assert_eq!(Query::parse(&query.to_string()), Ok(query.clone()), "{}", query);
            let (found, naive) = both(&query, &plain_card());
            prop_assert_eq!(found, naive, "{}", query);
        }
    }

    #[test]
    fn the_matcher_says_what_the_naive_one_says(expr in any_expr(), cards in vec(any_card(), 1..8)) {
        let query = Query(expr);
        for card in &cards {
            let (found, naive) = both(&query, card);
            prop_assert_eq!(found, naive, "{} of {:?}", &query, card);
        }
    }
}
