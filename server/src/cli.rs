//! The command line of `memoryvault-server`: what may be said, and what it means.

use std::io::{IsTerminal, Read, Write};
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::admin::{Command as AdminCommand, QuotaChange};
use crate::clamd::Clamd;
use crate::config::{self, Config, Registration, TlsFiles};
use crate::limit;

/// Hosts MemoryVault for yourself and others: accounts, sync, pictures and sounds.
///
/// Without a command it serves. Standard output's first line says where; the log goes to standard error and is
/// filtered by MEMORYVAULT_LOG (for instance `info` or `server=debug`).
#[derive(Debug, Parser)]
#[command(name = "memoryvault-server", version, max_term_width = 100)]
pub struct Cli {
    /// Data directory; made when it is missing
    #[arg(
        long,
        global = true,
        env = "MEMORYVAULT_DATA",
        value_name = "DIR",
        default_value = "memoryvault-data"
    )]
    pub data: PathBuf,
    /// Address to listen on; port 0 takes a free one
    #[arg(
        long,
        global = true,
        env = "MEMORYVAULT_LISTEN",
        value_name = "ADDR",
        default_value = "127.0.0.1:8080"
    )]
    pub listen: SocketAddr,
    /// Whether anyone who reaches the server may make an account
    #[arg(
        long,
        env = "MEMORYVAULT_REGISTRATION",
        value_enum,
        default_value = "open"
    )]
    pub registration: Registration,
    /// Bytes of pictures and sounds an account may keep, unless it has a quota of its own
    #[arg(long, global = true, env = "MEMORYVAULT_QUOTA_BYTES", value_name = "N", default_value_t = limit::QUOTA_BYTES_DEFAULT)]
    pub quota_bytes: u64,
    /// Days for which a picture or sound is kept that no device names any more
    #[arg(long, global = true, env = "MEMORYVAULT_UNUSED_DAYS", value_name = "N", default_value_t = limit::UNUSED_GRACE_DAYS_DEFAULT, value_parser = clap::value_parser!(u32).range(..=i64::from(limit::UNUSED_GRACE_DAYS_MAX)))]
    pub unused_days: u32,
    /// A clamd that looks at every picture and sound before it is stored: host:port, or the path of its socket
    #[arg(long, global = true, env = "MEMORYVAULT_CLAMD", value_name = "ADDR")]
    pub clamd: Option<Clamd>,
    /// Certificate chain (PEM); the server then speaks https
    #[arg(
        long,
        global = true,
        env = "MEMORYVAULT_TLS_CERT",
        value_name = "FILE",
        requires = "tls_key"
    )]
    pub tls_cert: Option<PathBuf>,
    /// Private key of the certificate (PEM)
    #[arg(
        long,
        global = true,
        env = "MEMORYVAULT_TLS_KEY",
        value_name = "FILE",
        requires = "tls_cert"
    )]
    pub tls_key: Option<PathBuf>,
    /// What to do instead of serving
    #[command(subcommand)]
    pub action: Option<Action>,
}

/// What to do instead of serving.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Looks after accounts, whether the server runs or not
    #[command(subcommand)]
    User(User),
    /// Prints what accounts and the whole server store, in the text format of Prometheus
    Metrics,
    /// Asks the server that listens on --listen whether it is well
    Healthcheck,
}

/// Commands on accounts.
#[derive(Debug, Subcommand)]
pub enum User {
    /// Makes an account; the password comes on standard input
    Add(Named),
    /// Lists all accounts with what they use
    List {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Sets how many bytes of pictures and sounds an account may keep; shows it without BYTES
    Quota {
        /// User name
        name: String,
        /// The new quota in bytes, or `default` for the server's own
        #[arg(value_parser = quota_change)]
        bytes: Option<QuotaChange>,
    },
    /// Removes an account with all its decks, pictures and sounds
    Remove {
        /// User name
        name: String,
    },
    /// Sets a password, which comes on standard input; all devices have to log in again
    Password(Named),
}

/// A user whose password comes on standard input.
#[derive(Debug, Args)]
pub struct Named {
    /// User name
    pub name: String,
    /// Said for clearness; the password always comes on standard input
    #[arg(long)]
    pub password_stdin: bool,
}

impl Cli {
    /// The settings of a server.
    #[must_use]
    pub fn config(&self) -> Config {
        Config {
            data: self.data.clone(),
            registration: self.registration,
            quota_bytes: self.quota_bytes,
            clamd: self.clamd.clone(),
            unused_grace: config::days(self.unused_days),
            tls: self.tls(),
        }
    }

    /// Certificate and key, when both are given.
    #[must_use]
    pub fn tls(&self) -> Option<TlsFiles> {
        let (cert, key) = self.tls_cert.clone().zip(self.tls_key.clone())?;
        Some(TlsFiles { cert, key })
    }
}

impl User {
    /// The command, with its password read from standard input where it has one.
    ///
    /// # Errors
    /// When standard input cannot be read.
    pub fn command(self) -> std::io::Result<AdminCommand> {
        Ok(match self {
            Self::Add(named) => AdminCommand::Add {
                password: read_password(&named.name)?,
                user: named.name,
            },
            Self::List { json } => AdminCommand::List { json },
            Self::Quota { name, bytes } => AdminCommand::Quota {
                user: name,
                set: bytes.unwrap_or(QuotaChange::Keep),
            },
            Self::Remove { name } => AdminCommand::Remove { user: name },
            Self::Password(named) => AdminCommand::Password {
                password: read_password(&named.name)?,
                user: named.name,
            },
        })
    }
}

fn quota_change(text: &str) -> Result<QuotaChange, String> {
    if text == "default" {
        return Ok(QuotaChange::Default);
    }
    let bytes = text.parse().map(QuotaChange::Bytes);
    bytes.map_err(|_| "a whole number of bytes, or `default`".to_owned())
}

/// The first line of standard input, without its end.
fn read_password(user: &str) -> std::io::Result<String> {
    let stdin = std::io::stdin();
    let mut line = String::new();
    if stdin.is_terminal() {
        eprint!("password of {user} (shown while you type): ");
        std::io::stderr().flush()?;
        stdin.read_line(&mut line)?;
    } else {
        stdin
            .take(limit::ADMIN_BYTES_MAX / 4)
            .read_to_string(&mut line)?;
    }
    Ok(line.lines().next().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn options_may_stand_after_the_command() {
        let cli = Cli::try_parse_from([
            "memoryvault-server",
            "user",
            "quota",
            "ann",
            "5",
            "--data",
            "/d",
        ])
        .unwrap();
        assert_eq!(cli.data, PathBuf::from("/d"));
        let Some(Action::User(user)) = cli.action else {
            panic!("a user command");
        };
        let quota = AdminCommand::Quota {
            user: "ann".into(),
            set: QuotaChange::Bytes(5),
        };
        assert_eq!(user.command().unwrap(), quota);
    }

    #[test]
    fn half_a_certificate_is_refused() {
        assert!(Cli::try_parse_from(["memoryvault-server", "--tls-cert", "a"]).is_err());
        assert!(
            Cli::try_parse_from(["memoryvault-server", "user", "quota", "ann", "many"]).is_err()
        );
    }
}
