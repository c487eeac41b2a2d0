//! What a person searches for with `card list`, and what a mistyped search says.

use crate::world::World;

fn found(world: &World, arguments: &[&str]) -> Vec<String> {
    let cards = world.json_lines(&[&["card", "list"], arguments].concat());
    cards
        .iter()
        .map(|card| {
            card["front"][0]["text"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        })
        .collect()
}

#[test]
fn searches_choose_and_sort() {
    let world = World::new();
    let (north, south) = (world.deck("Geo::North"), world.deck("South"));
    world.card(&north, "Oslo", "Norway");
    world.card(&south, "Rome", "Italy");
    world.card(&north, "Café in Malmö", "Sweden");
    let oslo = world.json_lines(&["card", "list", "oslo"])[0]["id"].clone();
    world.json(&["review", oslo.as_str().unwrap_or_default(), "good"]);
    let cases: [(&[&str], &[&str]); 12] = [
        (&["deck:geo"], &["Oslo", "Café in Malmö"]),
        (&["deck:geo -oslo"], &["Café in Malmö"]),
        (&["oslo or italy"], &["Oslo", "Rome"]),
        (&["not", "(oslo or italy)"], &["Café in Malmö"]),
        (&["nc:malmo"], &["Café in Malmö"]),
        (&["w:in re:caf."], &["Café in Malmö"]),
        (&["front:oslo"], &["Oslo"]),
        (&["box:2", "due=2", "rated:1:3", "is:review"], &["Oslo"]),
        (&["is:new added:1", "--reverse"], &["Café in Malmö", "Rome"]),
        (&["--sort", "text"], &["Café in Malmö", "Oslo", "Rome"]),
        (
            &["--sort", "deck", "--reverse"],
            &["Rome", "Café in Malmö", "Oslo"],
        ),
        (&["--sort", "due"], &["Oslo", "Rome", "Café in Malmö"]),
    ];
    for (arguments, expected) in cases {
        assert_eq!(found(&world, arguments), expected, "{arguments:?}");
    }
}

#[test]
fn a_mistyped_search_names_what_was_meant() {
    let world = World::new();
    let hint = "\nhint: memoryvault card list --help\n";
    let cases = [
        (
            "dekc:Geo",
            "`dekc:` is not known (did you mean `deck:`?); use deck: tag: is: flag: box: prop: added: rated: introduced: has: front: back: nc: w: re: cid: nid:, or write dekc\\: to search for the text",
        ),
        (
            "is:suspnded",
            "`is:suspnded` is not known (did you mean `is:suspended`?); use is:due is:new is:learn is:review is:suspended is:buried is:conflict is:leech is:removed",
        ),
        (
            "has:imgae",
            "`has:imgae` is not known (did you mean `has:image`?); use has:image has:audio",
        ),
        (
            "prop:due<soon",
            "`prop:due<soon` is not known; use a whole number, as in prop:due<7 or lapses>=3; prop:ease takes 2.5",
        ),
        (
            "edited:3",
            "`edited:` cannot be searched by: the day of an edit is not kept; use added:N or rated:N",
        ),
        (
            "(oslo",
            "a parenthesis is not closed; add `)`, or write \\( to search for the sign",
        ),
        (
            "oslo or",
            "`or` lacks a term beside it; write \"or\" in quotes to search for the word",
        ),
    ];
    for (typed, message) in cases {
        let error = format!("error: {message}{hint}");
        world.check(&[(&["card", "list", typed], 2, "", error.as_str())]);
    }
}
