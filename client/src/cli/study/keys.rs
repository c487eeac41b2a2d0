//! Keys of a terminal in the terms of the table of keys, and what the grades are called on the screen.

use client::{GradePreview, StudyAction, study_action};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// Rows that a page key scrolls.
const PAGE_ROWS: usize = 8;

/// Where a key scrolls to; none when it does not scroll.
pub(super) fn scrolled(from: usize, key: KeyCode) -> Option<usize> {
    Some(match key {
        KeyCode::Up => from.saturating_sub(1),
        KeyCode::Down => from.saturating_add(1),
        KeyCode::PageUp => from.saturating_sub(PAGE_ROWS),
        KeyCode::PageDown => from.saturating_add(PAGE_ROWS),
        _ => return None,
    })
}

pub(super) fn is_control(key: &KeyEvent, letter: char) -> bool {
    key.modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char(letter)
}

/// What a key asks for; keys with modifiers that the table does not name ask for nothing.
pub(super) fn action(key: &KeyEvent) -> Option<StudyAction> {
    if key
        .modifiers
        .intersects(KeyModifiers::CONTROL | KeyModifiers::ALT)
    {
        return is_control(key, 'z').then_some(StudyAction::Undo);
    }
    match key.code {
        KeyCode::Enter => study_action("Enter"),
        KeyCode::Esc => study_action("Esc"),
        KeyCode::Char(' ') => study_action("Space"),
        KeyCode::Char(letter) => study_action(letter.encode_utf8(&mut [0; 4])),
        _ => None,
    }
}

/// The keys for grades with where each leads.
pub(super) fn buttons(previews: &[GradePreview]) -> Vec<String> {
    let names = ["1 Again", "2 Hard", "3 Good", "4 Easy"];
    let lead = |number: usize| match previews.get(number) {
        None => String::new(),
        Some(GradePreview { days: None, .. }) => " done".to_owned(),
        Some(GradePreview {
            days: Some(days), ..
        }) => format!(" {}", interval(*days)),
    };
    let each = names.iter().enumerate();
    each.map(|(number, name)| format!("{name}{}", lead(number)))
        .collect()
}

/// A number of days in a word.
fn interval(days: i32) -> String {
    match days {
        ..=0 => "today".to_owned(),
        1..=30 => format!("{days} d"),
        31..=364 => format!("{} mo", (days + 15) / 30),
        _ => format!("{}.{} y", days / 365, days % 365 * 10 / 365),
    }
}
