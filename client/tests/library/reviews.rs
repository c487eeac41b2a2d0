//! Answers: durable at once, taken back by undo, explained by `why`, and still there after a process that ended without a word.

use client::{Answer, Hold, Vault, VaultError, VaultErrorKind};
use domain::Grade;

use crate::relay::{DAY_MS, NOON, alone, moment, noon, texts};

fn at(days: i64, grade: Grade) -> Answer {
    Answer {
        at: Some(moment(days)),
        ..Answer::now(grade)
    }
}

#[test]
fn answers_move_a_card_and_undo_takes_them_back() {
    let (_dir, mut vault) = alone();
    let deck = vault.deck_add("D").unwrap();
    let card = vault.add_card(&texts(deck, "f", "b")).unwrap();
    let first = vault.review(card, at(0, Grade::Good)).unwrap();
    assert_eq!(
        (first.box_before, first.box_after, first.due_day.as_deref()),
        (1, 2, Some("2026-03-04"))
    );
    // Too early to be promoted, right or not twice a day.
    assert_eq!(vault.review(card, at(1, Grade::Easy)).unwrap().box_after, 2);
    let second = vault.review(card, at(2, Grade::Good)).unwrap();
    assert_eq!(
        (second.box_after, second.due_day.as_deref()),
        (3, Some("2026-03-08"))
    );
    let wrong = vault.review(card, at(6, Grade::Again)).unwrap();
    assert_eq!(
        (wrong.box_after, wrong.due_day.as_deref()),
        (1, Some("2026-03-09"))
    );
    assert_eq!(vault.card(card).unwrap().reviews, 4);

    let undone = vault.undo().unwrap();
    assert_eq!(
        (undone.event, undone.box_after, undone.due_day.as_deref()),
        (Some(wrong.event), Some(3), Some("2026-03-08"))
    );
    assert_eq!(vault.undo().unwrap().event, Some(second.event));
    vault.undo().unwrap();
    vault.undo().unwrap();
    let shown = vault.card(card).unwrap();
    assert_eq!(
        (shown.box_number, shown.due_day, shown.reviews),
        (1, None, 0)
    );
    let left = vault.undo_steps(9).unwrap();
    let words: Vec<&str> = left.iter().map(|step| step.words.as_str()).collect();
    assert_eq!(words, ["added a card", "added the deck D"]);
    vault.undo().unwrap();
    vault.undo().unwrap();
    assert!(matches!(vault.undo(), Err(VaultError::NothingToUndo)));
    vault.fold_journal().unwrap();
    assert_eq!(vault.verify().unwrap().problems, Vec::<String>::new());
}

#[test]
fn a_review_survives_a_process_that_ends_without_a_word() {
    let (dir, mut vault) = alone();
    let deck = vault.deck_add("D").unwrap();
    let card = vault.add_card(&texts(deck, "f", "b")).unwrap();
    vault.review(card, Answer::now(Grade::Good)).unwrap();
    let digest = vault.state_digest().unwrap();
    // No fold, no close: the journal alone carries it.
    drop(vault);
    let mut vault = Vault::open(dir.path(), "test", Hold::Short).unwrap();
    assert_eq!(vault.state_digest().unwrap(), digest);
    assert_eq!(vault.verify().unwrap().problems, Vec::<String>::new());
    vault.fold_journal().unwrap();
    assert_eq!(vault.state_digest().unwrap(), digest);
    assert_eq!(vault.verify().unwrap().problems, Vec::<String>::new());
    assert_eq!(vault.card(card).unwrap().box_number, 2);
}

#[test]
fn a_long_journal_is_folded_by_the_next_open_into_few_changes() {
    let (dir, mut vault) = alone();
    let deck = vault.deck_add("D").unwrap();
    let card = vault.add_card(&texts(deck, "f", "b")).unwrap();
    for day in 0..120 {
        vault.review(card, at(day, Grade::Good)).unwrap();
    }
    let (digest, changes) = (
        vault.state_digest().unwrap(),
        vault.verify().unwrap().changes,
    );
    drop(vault);
    let mut vault = Vault::open(dir.path(), "test", Hold::Short).unwrap();
    let report = vault.verify().unwrap();
    assert_eq!((report.problems.len(), &report.state_digest), (0, &digest));
    // 120 days lie in four months, and each month is one change.
    assert_eq!(report.changes, changes + 4);
    assert_eq!(vault.status().unwrap().pending_changes, 0);
}

#[test]
fn why_tells_every_day_and_its_rule() {
    let (_dir, mut vault) = alone();
    let deck = vault.deck_add("D").unwrap();
    let card = vault.add_card(&texts(deck, "f", "b")).unwrap();
    assert!(vault.why(card).unwrap().lines[0].contains("never studied"));
    vault.review(card, at(0, Grade::Good)).unwrap();
    vault.review(card, at(1, Grade::Good)).unwrap();
    vault.review(card, at(2, Grade::Again)).unwrap();
    vault.review(card, at(2, Grade::Good)).unwrap();
    let why = vault.why(card).unwrap();
    let boxes: Vec<(u8, u8)> = why
        .days
        .iter()
        .map(|day| (day.box_before, day.box_after))
        .collect();
    assert_eq!(boxes, [(1, 2), (2, 2), (2, 1)]);
    assert!(
        why.days[1].because.contains("before it was due"),
        "{}",
        why.days[1].because
    );
    assert!(
        why.days[2]
            .because
            .contains("one wrong answer makes the day wrong"),
        "{}",
        why.days[2].because
    );
    assert_eq!(why.events.len(), 4);
    assert!(why.events.iter().all(|event| event.device == "alone"));
    let story = why.lines.join("\n");
    assert!(
        story.contains("2026-03-04: alone answered again") && story.contains("due on 2026-03-05"),
        "{story}"
    );
}

#[test]
fn what_cannot_be_recorded_is_refused() {
    let (_dir, mut vault) = alone();
    let deck = vault.deck_add("D").unwrap();
    let card = vault.add_card(&texts(deck, "f", "b")).unwrap();
    let odd = Answer {
        difficulty: Some(9),
        ..Answer::now(Grade::Good)
    };
    assert_eq!(
        vault.review(card, odd).unwrap_err().kind(),
        VaultErrorKind::Usage
    );
    assert_eq!(vault.card(card).unwrap().reviews, 0);
    vault.card_remove(card).unwrap();
    assert_eq!(
        vault
            .review(card, Answer::now(Grade::Good))
            .unwrap_err()
            .kind(),
        VaultErrorKind::Usage
    );
}

#[test]
fn the_day_is_that_of_the_reviewing_device() {
    let (_dir, mut vault) = alone();
    let deck = vault.deck_add("D").unwrap();
    let card = vault.add_card(&texts(deck, "f", "b")).unwrap();
    // 03:30 at home is still the day before.
    let night = client::Moment {
        at: domain::UnixMs(NOON + DAY_MS / 2 + 90 * 60_000),
        offset: domain::OffsetMin(120),
    };
    let done = vault
        .review(
            card,
            Answer {
                at: Some(night),
                ..Answer::now(Grade::Good)
            },
        )
        .unwrap();
    assert_eq!(done.due_day.as_deref(), Some("2026-03-04"));
    vault.set_clock(noon(2));
    assert_eq!(vault.status().unwrap().due, 1);
}
