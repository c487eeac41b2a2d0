//! The keys of a sitting: one table for the full screen, the lines, the help of both, and whoever else lets a person study.
//! Which key does what in which moment is decided by those who read keys.

use domain::Grade;
use serde::Serialize;

/// What a key asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StudyAction {
    /// Show the answer; when it is shown, the same as good.
    Show,
    /// Not known.
    Again,
    /// Known with trouble.
    Hard,
    /// Known.
    Good,
    /// Known at once.
    Easy,
    /// The next digit, 1 to 5, says how hard the card was.
    Difficulty,
    /// Take the last step back.
    Undo,
    /// Change the card.
    Edit,
    /// Play the sounds once more.
    Replay,
    /// Tell why the card is due.
    Why,
    /// Show the keys.
    Help,
    /// Mark the card with a flag, or take it away.
    Mark,
    /// Put the card off until tomorrow.
    Bury,
    /// Keep the card out of study.
    Suspend,
    /// Study what a search chooses.
    Search,
    /// Change the tags.
    Tags,
    /// Go back; end the sitting.
    Quit,
}

impl StudyAction {
    /// The grade, where it is one.
    pub const fn grade(self) -> Option<Grade> {
        match self {
            Self::Again => Some(Grade::Again),
            Self::Hard => Some(Grade::Hard),
            Self::Good => Some(Grade::Good),
            Self::Easy => Some(Grade::Easy),
            _ => None,
        }
    }
}

/// A row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct StudyKey {
    /// The keys, each as its letter or its name.
    pub keys: &'static [&'static str],
    /// What they ask for.
    pub action: StudyAction,
    /// The same in words.
    pub words: &'static str,
    /// Whether the lines of `--plain` know it, too.
    pub in_lines: bool,
}

const fn row(
    keys: &'static [&'static str],
    action: StudyAction,
    words: &'static str,
    in_lines: bool,
) -> StudyKey {
    StudyKey {
        keys,
        action,
        words,
        in_lines,
    }
}

/// All keys, in the order to tell them.
pub const STUDY_KEYS: [StudyKey; 17] = {
    use StudyAction as A;
    [
        row(
            &["Enter", "Space"],
            A::Show,
            "show the answer; then the same as 3",
            true,
        ),
        row(
            &["1"],
            A::Again,
            "again: not known (Leitner: back to box 1)",
            true,
        ),
        row(&["2"], A::Hard, "hard (Leitner: right)", true),
        row(&["3"], A::Good, "good", true),
        row(&["4"], A::Easy, "easy", true),
        row(
            &["d"],
            A::Difficulty,
            "d1 to d5: how hard it was; on a line after the grade (3 d4)",
            true,
        ),
        row(
            &["u", "Ctrl+Z"],
            A::Undo,
            "undo: take the last step back",
            true,
        ),
        row(&["e"], A::Edit, "edit the card in $EDITOR", false),
        row(&["r"], A::Replay, "replay the sound", true),
        row(&["i"], A::Why, "why the card is due", true),
        row(
            &["*"],
            A::Mark,
            "mark the card with a flag, or take it away",
            true,
        ),
        row(
            &["-"],
            A::Bury,
            "bury: put the card off until tomorrow",
            true,
        ),
        row(
            &["@"],
            A::Suspend,
            "suspend: keep the card out of study",
            true,
        ),
        row(&["/"], A::Search, "study what a search chooses", false),
        row(&["t"], A::Tags, "change the tags", false),
        row(&["?"], A::Help, "show these keys", true),
        row(
            &["q", "Esc"],
            A::Quit,
            "back; quit: every answer is saved already",
            true,
        ),
    ]
};

/// What a key, by its letter or its name, asks for.
pub fn study_action(key: &str) -> Option<StudyAction> {
    let found = STUDY_KEYS.iter().find(|row| row.keys.contains(&key));
    found.map(|row| row.action)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_asks_for_two_things() {
        let mut keys: Vec<&str> = STUDY_KEYS
            .iter()
            .flat_map(|row| row.keys)
            .copied()
            .collect();
        let all = keys.len();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), all);
        assert_eq!(study_action("@"), Some(StudyAction::Suspend));
        assert_eq!(study_action("x"), None);
    }
}
