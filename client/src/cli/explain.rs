//! Turns the library's errors into failures: kind, words, the next command to type. One error, one ending, whatever the
//! command was.

use std::io::ErrorKind;
use std::path::Path;

use client::account::{AccountError, AddressError, TokenError};
use client::sync::SyncError;
use client::{MediaFileError, QueryError, TlsError, VaultError, VaultErrorKind};
use media_worker::WorkerError;

use storage::{LockError, StoreError};

use super::failure::{Failure, Kind};
use super::table::clean;

const LOGIN: &str = "memoryvault account login URL --user NAME";
const LATER: &str =
    "your work is saved on this device; when the server can be reached: memoryvault sync";

/// An error with what caused it, each said once.
fn whole(error: &(dyn std::error::Error + 'static)) -> String {
    let mut words = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let more = source.to_string();
        if !words.contains(&more) {
            words = format!("{words}: {more}");
        }
        next = source.source();
    }
    clean(&words)
}

impl From<VaultError> for Failure {
    fn from(error: VaultError) -> Self {
        let kind = match error.kind() {
            VaultErrorKind::Usage => Kind::Usage,
            VaultErrorKind::NotFound => Kind::NotFound,
            VaultErrorKind::Choice => Kind::Choice,
            VaultErrorKind::Limit => Kind::Limit,
            VaultErrorKind::Integrity => Kind::Integrity,
            VaultErrorKind::Busy | VaultErrorKind::Failed => Kind::Failed,
        };
        match &error {
            VaultError::NoVault(folder) => {
                Failure::not_found(format!("there is no vault in {}", folder.display()))
                    .hint("memoryvault init")
            }
            VaultError::Exists(folder) => {
                Failure::choice(format!("{} already holds a vault", folder.display()))
                    .hint("use it, or choose another folder: memoryvault --vault DIR init")
            }
            VaultError::NotFound { what, wanted, list } => {
                Failure::not_found(format!("there is no {what} `{}`", clean(wanted))).hint(*list)
            }
            VaultError::Ambiguous {
                what,
                wanted,
                count,
                examples,
            } => {
                let words = format!("`{}` fits {count} {what}s", clean(wanted));
                Failure::choice(words).hint(format!("type more of the id: {}", clean(examples)))
            }
            VaultError::File { doing: "read", path, source } if source.kind() == ErrorKind::NotFound => no_file(path),
            VaultError::NothingToUndo | VaultError::NothingToRedo => {
                Failure::not_found(error.to_string())
            }
            VaultError::NotLoggedIn => Failure::new(Kind::Authentication, error.to_string()).hint(LOGIN),
            VaultError::Store(StoreError::Lock(LockError::Held { dir, who, pid })) => {
                Failure::failed(format!("the vault in {} is in use by `{who}` (process {pid})", dir.display()))
                    .hint("let that command end, or end it (Ctrl-C in its window), then type this one again")
                    .with("held_by", who.clone())
                    .with("process", *pid)
            }
            _ if error.needs_repair() => {
                Failure::new(kind, whole(&error)).hint("memoryvault verify --repair")
            }
            _ if kind == Kind::Integrity => Failure::new(kind, whole(&error)).hint("memoryvault verify"),
            _ => Failure::new(kind, whole(&error)),
        }
    }
}

fn no_file(path: &Path) -> Failure {
    Failure::not_found(format!("there is no file {}", path.display()))
}

impl From<QueryError> for Failure {
    fn from(error: QueryError) -> Self {
        Failure::usage(clean(&error.to_string())).hint("memoryvault card list --help")
    }
}

impl From<MediaFileError> for Failure {
    fn from(error: MediaFileError) -> Self {
        match &error {
            MediaFileError::Read { path, source } if source.kind() == ErrorKind::NotFound => {
                no_file(path)
            }
            _ if error.is_limit() => {
                Failure::new(Kind::Limit, whole(&error)).hint("use a smaller file")
            }
            MediaFileError::Read { .. } | MediaFileError::Refused(WorkerError::Start(_)) => {
                Failure::failed(whole(&error))
            }
            // What is wrong and what to do is in the refusal.
            MediaFileError::Refused(_) => Failure::usage(whole(&error)),
            MediaFileError::OtherKind { .. } => Failure::usage(whole(&error))
                .hint("pictures: JPEG, PNG, WebP, GIF; sounds: MP3, WAV, OGG, M4A"),
        }
    }
}

impl From<AddressError> for Failure {
    fn from(error: AddressError) -> Self {
        let failure = Failure::usage(clean(&error.to_string()));
        match error {
            AddressError::Plain(host) => failure.hint(format!(
                "use https://{}, or add --insecure if nobody else is on that network",
                clean(&host)
            )),
            AddressError::Malformed(_) | AddressError::Credentials => {
                failure.hint("memoryvault account login --help")
            }
        }
    }
}

impl From<TokenError> for Failure {
    fn from(error: TokenError) -> Self {
        let words = whole(&error);
        match error {
            TokenError::Exposed { path, .. } => {
                Failure::new(Kind::Authentication, words).hint(format!(
                    "chmod 600 {}; if others could read it, log in again: {LOGIN}",
                    path.display()
                ))
            }
            TokenError::Malformed(_) => Failure::new(Kind::Authentication, words).hint(LOGIN),
            TokenError::File { .. } => Failure::failed(words),
        }
    }
}

impl From<TlsError> for Failure {
    fn from(error: TlsError) -> Self {
        Failure::failed(whole(&error))
    }
}

impl From<AccountError> for Failure {
    fn from(error: AccountError) -> Self {
        let words = whole(&error);
        match error {
            AccountError::Tls(error) => error.into(),
            AccountError::Unreachable { untrusted, .. } => unreachable_server(words, untrusted),
            AccountError::Unauthorized(_) => Failure::new(Kind::Authentication, words).hint(LOGIN),
            AccountError::TryLater { after_seconds, .. } => {
                let hint = after_seconds.map_or_else(
                    || "try again later".to_owned(),
                    |s| format!("try again in {s} s"),
                );
                Failure::new(Kind::Limit, words).hint(hint)
            }
            AccountError::Refused { code, .. } => refused(&code, words),
            AccountError::Foreign { .. } => Failure::new(Kind::Network, words)
                .hint("look at the address: it must be that of memoryvault-server"),
        }
    }
}

fn refused(code: &str, words: String) -> Failure {
    match code {
        "bad_request" => Failure::usage(words),
        "unauthorized" | "forbidden" => Failure::new(Kind::Authentication, words).hint(LOGIN),
        "registration_closed" => Failure::new(Kind::Authentication, words)
            .hint("have the server's operator run: memoryvault-server user add NAME"),
        "not_found" => Failure::not_found(words),
        "conflict" => {
            Failure::choice(words).hint("choose another name, or log in: memoryvault account login")
        }
        "over_quota" => Failure::new(Kind::Limit, words),
        _ => Failure::failed(words),
    }
}

fn unreachable_server(words: String, untrusted: bool) -> Failure {
    let failure = Failure::new(Kind::Network, words);
    if untrusted {
        failure.hint("for a server with a certificate of its own: memoryvault account login URL --user NAME --ca FILE")
    } else {
        failure.hint(LATER)
    }
}

impl From<SyncError> for Failure {
    fn from(error: SyncError) -> Self {
        let words = whole(&error);
        match error {
            SyncError::NotLoggedIn => Failure::new(Kind::Authentication, words).hint(LOGIN),
            SyncError::Address(error) => error.into(),
            SyncError::Token(error) => error.into(),
            SyncError::Tls(error) => error.into(),
            SyncError::Vault(error) => error.into(),
            SyncError::Unreachable { untrusted, .. } => unreachable_server(words, untrusted),
            SyncError::Foreign { .. } => Failure::new(Kind::Network, words)
                .hint("look at the address: memoryvault status; your work is saved on this device"),
            SyncError::Unauthorized => {
                Failure::new(Kind::Authentication, words).hint(format!("log in again: {LOGIN}"))
            }
            SyncError::Unavailable(_) | SyncError::Lost(_) => {
                Failure::new(Kind::Network, words).hint(LATER)
            }
            SyncError::Closed(closing) => closed(closing.code, words),
            SyncError::Interrupted => {
                Failure::new(Kind::Interrupted, words).hint("memoryvault sync goes on from here")
            }
            SyncError::Watched => Failure::failed(words)
                .hint("memoryvault sync, without --watch, asks the one that runs for a round"),
            SyncError::System(_) | SyncError::Failed(_) => {
                Failure::failed(words).hint("memoryvault sync")
            }
        }
    }
}

fn closed(code: sync_protocol::CloseCode, words: String) -> Failure {
    use sync_protocol::CloseCode;
    match code {
        CloseCode::WrongVault => Failure::choice(words).hint(format!("log in again: {LOGIN}")),
        CloseCode::Version => Failure::failed(words)
            .hint("use versions of memoryvault and its server that fit together"),
        _ => Failure::new(Kind::Network, words).hint(LATER),
    }
}
