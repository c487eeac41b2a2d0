//! What a failed command tells a person and a program: words, the next command to type, and the exit code. Turning a
//! library error into a failure lives here too, so that the same error ends every command the same way; printing
//! lives in `screen`.

use serde_json::{Map, Value, json};

/// The result of every command.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

/// Why a command failed, as far as the exit code tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Failed,
    Usage,
    NotFound,
    Choice,
    Limit,
    Authentication,
    Network,
    Integrity,
    Interrupted,
}

impl Kind {
    /// The exit code of the process.
    pub(crate) fn exit_code(self) -> u8 {
        match self {
            Kind::Failed => 1,
            Kind::Usage => 2,
            Kind::NotFound => 3,
            Kind::Choice => 4,
            Kind::Limit => 5,
            Kind::Authentication => 6,
            Kind::Network => 7,
            Kind::Integrity => 8,
            Kind::Interrupted => 130,
        }
    }

    /// The stable word of the JSON error object.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Kind::Failed => "failed",
            Kind::Usage => "usage",
            Kind::NotFound => "not_found",
            Kind::Choice => "choice_needed",
            Kind::Limit => "limit",
            Kind::Authentication => "authentication",
            Kind::Network => "network",
            Kind::Integrity => "integrity",
            Kind::Interrupted => "interrupted",
        }
    }
}

/// A command that did not do what it was asked, told in full.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    kind: Kind,
    message: String,
    hint: Option<String>,
    more: Map<String, Value>,
}

impl Failure {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            hint: None,
            more: Map::new(),
        }
    }

    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::new(Kind::Failed, message)
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(Kind::NotFound, message)
    }

    pub(crate) fn choice(message: impl Into<String>) -> Self {
        Self::new(Kind::Choice, message)
    }

    /// Adds the next command to type.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds a field to the JSON error object, for figures that a program should not have to read out of a sentence.
    #[must_use]
    pub(crate) fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.more.insert(key.to_owned(), value.into());
        self
    }

    /// Whether another process has the vault.
    pub(crate) fn is_held(&self) -> bool {
        self.more.contains_key("held_by")
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// The lines for a person.
    pub(crate) fn lines(&self) -> Vec<String> {
        // Somebody who stopped a command does not want to read that this was an error.
        let first = match self.kind {
            Kind::Interrupted => self.message.clone(),
            _ => format!("error: {}", self.message),
        };
        let mut lines = vec![first];
        lines.extend(self.hint.iter().map(|hint| format!("hint: {hint}")));
        lines
    }

    /// The object for a program.
    pub(crate) fn object(&self) -> Value {
        let mut error = self.more.clone();
        error.insert("code".to_owned(), json!(self.kind.code()));
        error.insert("message".to_owned(), json!(self.message));
        error.insert("hint".to_owned(), json!(self.hint));
        json!({ "error": error })
    }
}
