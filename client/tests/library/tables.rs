//! Import of tables into a vault.

use std::fs;

use client::{Query, VaultErrorKind};

use crate::relay::alone;

#[test]
fn an_import_makes_the_deck_and_reports_what_it_left_out() {
    let (dir, mut vault) = alone();
    let file = dir.path().join("capitals.tsv");
    fs::write(
        &file,
        "front\tback\ttags\nNorway\tOslo\teurope north\n\tnothing\nItaly\tRome\teurope\n",
    )
    .unwrap();
    let dry = vault.import_table(&file, "Capitals", false).unwrap();
    assert_eq!(
        (dry.cards, dry.skipped, dry.applied, dry.deck),
        (2, 1, false, None)
    );
    assert!(vault.decks().unwrap().is_empty());

    let report = vault.import_table(&file, "Capitals", true).unwrap();
    assert_eq!(
        (
            report.rows,
            report.cards,
            report.skipped,
            report.tags,
            report.header
        ),
        (3, 2, 1, 2, true)
    );
    assert_eq!(report.skipped_rows[0].line, 3);
    let mut tags = Vec::new();
    vault
        .cards(&Query::parse("tag:north").unwrap(), &mut |card| {
            tags = card.tags;
            true
        })
        .unwrap();
    assert_eq!(tags, ["europe", "north"]);
    assert_eq!(
        vault.import_table(&file, "capitals", true).unwrap().deck,
        report.deck
    );
    assert_eq!(vault.status().unwrap().cards, 4);
    let missing = vault
        .import_table(&dir.path().join("none.tsv"), "Capitals", true)
        .unwrap_err();
    assert_eq!(missing.kind(), VaultErrorKind::Failed);
    assert_eq!(vault.verify().unwrap().problems, Vec::<String>::new());
}
