//! The word of a person for what takes something away: given beforehand, asked for, or only tried.

use serde_json::json;

use super::desk::Desk;
use super::failure::Outcome;

/// Options of commands that take something away.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Consent {
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    /// Tell what would be done and change nothing
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
}

impl Consent {
    /// Whether to go on with what the question asks; `command` is what to type instead where nobody can answer.
    ///
    /// # Errors
    /// The person said no, or nobody is there to say yes.
    pub(crate) fn given(self, desk: &mut Desk<'_>, question: &str, command: &str) -> Outcome<bool> {
        if !self.dry_run {
            return desk.confirm(self.yes, question, command).map(|()| true);
        }
        let deed = question.trim_end_matches('?');
        desk.show(&json!({ "dry_run": true, "would": deed }), |screen| {
            screen.line(format!("Would {deed}. Nothing was changed."));
        })?;
        Ok(false)
    }
}
