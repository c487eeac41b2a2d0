//! `memoryvault account`: register, log in and out, the account's devices, what it uses.

use std::path::PathBuf;

use client::account::{
    AccountClient, AccountError, Credentials, Device, LoggedIn, ServerAddress, Token,
};
use client::{Joining, Login, Vault, client_config};
use domain::{DeviceId, VaultId};
use serde_json::json;

use super::desk::{Desk, OpenVault};
use super::failure::{Failure, Kind, Outcome};
use super::secret;
use super::table::{Align, clean, count, grouped, lines, pairs};
use super::when;

/// A file of certificates is a few kilobytes; nothing larger is read.
const CA_BYTES_MAX: u64 = 1024 * 1024;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum AccountCommand {
    /// Make an account at a server; a vault here that has none joins it
    Register {
        #[command(flatten)]
        server: ServerArgs,
        /// Fail unless this device can be logged in at once
        #[arg(long)]
        login: bool,
    },
    /// Log this device in; decks that are here join those of the account
    Login {
        #[command(flatten)]
        server: ServerArgs,
        /// Do not ask before leaving another account
        #[arg(long, short)]
        yes: bool,
    },
    /// Log this device out; everything stays here
    Logout(HereArgs),
    /// List the account's devices, or remove one
    Devices {
        #[command(flatten)]
        here: HereArgs,
        /// Take this device off the account: its id, or the first letters of it
        #[arg(long, value_name = "ID")]
        remove: Option<String>,
    },
    /// Tell what the account uses
    Usage(HereArgs),
}

/// Which server, and as whom.
#[derive(Debug, clap::Args)]
pub(crate) struct ServerArgs {
    /// The server's address, like https://sync.example.org
    url: String,
    /// The user's name there
    #[arg(long, value_name = "USER")]
    user: String,
    /// Read the password from stdin instead of asking
    #[arg(long)]
    password_stdin: bool,
    /// Trust the certificates of this file (PEM) only: for a server with a certificate of its own
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Allow plain http beyond this machine: everyone on the way can read password and cards
    #[arg(long)]
    insecure: bool,
}

/// The same words where the device is logged in already: not needed, checked when given.
#[derive(Debug, clap::Args)]
pub(crate) struct HereArgs {
    /// The server's address; the one this device is logged in to unless given
    url: Option<String>,
    /// The user's name; the one this device is logged in as unless given
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// Not needed here; accepted so that all account commands can be typed alike
    #[arg(long)]
    password_stdin: bool,
}

pub(crate) fn run(desk: Desk<'_>, command: AccountCommand) -> Outcome {
    match command {
        AccountCommand::Register { server, login } => register(desk, &server, login),
        AccountCommand::Login { server, yes } => log_in(desk, &server, yes),
        AccountCommand::Logout(here) => log_out(desk, &here),
        AccountCommand::Devices { here, remove: None } => devices(desk, &here),
        AccountCommand::Devices {
            here,
            remove: Some(id),
        } => remove_device(desk, &here, &id),
        AccountCommand::Usage(here) => usage(desk, &here),
    }
}

fn register(mut desk: Desk<'_>, args: &ServerArgs, login: bool) -> Outcome {
    let server = Server::open(&desk, args)?;
    let store = if login {
        Some(free_vault(&desk)?)
    } else {
        unjoined_vault(&desk)?
    };
    let login = store.is_some();
    let password = secret::new_password(&desk, args.password_stdin)?;
    let credentials = Credentials {
        user: &args.user,
        password: &password,
    };
    let made = server.client.register(credentials)?;
    if let Some(store) = &store {
        server.join(store, credentials)?;
    }
    let answer = json!({
        "server": server.address.to_string(), "user": args.user,
        "account": made.account, "vault_id": made.vault, "logged_in": login,
    });
    desk.show(&answer, |screen| {
        screen.line(format!(
            "Made the account {} at {}.",
            clean(&args.user),
            server.address
        ));
        if login {
            screen.note("This device is logged in. Next: memoryvault sync");
        } else {
            let command = format!(
                "memoryvault account login {} --user {}",
                server.address,
                clean(&args.user)
            );
            screen.note(format!("Next, on each device: {command}"));
        }
    })
}

/// Opens the vault for a login that must not leave another account.
fn free_vault(desk: &Desk<'_>) -> Outcome<OpenVault> {
    let store = desk.open()?;
    let login = store.lock()?.login().cloned();
    match login {
        None => Ok(store),
        Some(login) => Err(Failure::choice(format!(
            "this device is logged in as {} at {}",
            login.user, login.url
        ))
        .hint("register without --login, or first: memoryvault account logout")),
    }
}

/// The vault here, if there is one and it never belonged to an account.
fn unjoined_vault(desk: &Desk<'_>) -> Outcome<Option<OpenVault>> {
    let store = match desk.open() {
        Ok(store) => store,
        Err(failure) if failure.kind() == Kind::NotFound => return Ok(None),
        Err(failure) => return Err(failure),
    };
    let unjoined = store.lock()?.last_login().is_none();
    Ok(unjoined.then_some(store))
}

fn log_in(mut desk: Desk<'_>, args: &ServerArgs, yes: bool) -> Outcome {
    let server = Server::open(&desk, args)?;
    let store = desk.open()?;
    store.must_not_be_watched()?;
    let login = store.lock()?.login().cloned();
    if let Some(login) =
        login.filter(|login| login.user != args.user || login.url != server.address.to_string())
    {
        let other = format!("{} at {}", clean(&login.user), clean(&login.url));
        let question = format!(
            "this vault belongs to {other}; join its decks to {} too?",
            clean(&args.user)
        );
        let again = format!(
            "memoryvault account login {} --user {}",
            server.address,
            clean(&args.user)
        );
        desk.confirm(yes, &question, &again)?;
    }
    let password = secret::password(&desk, args.password_stdin)?;
    server.join(
        &store,
        Credentials {
            user: &args.user,
            password: &password,
        },
    )?;
    let status = store.lock()?.status()?;
    let answer = json!({
        "server": server.address.to_string(), "user": args.user,
        "device_id": status.device_id, "vault_id": status.vault_id, "decks": status.decks,
    });
    desk.show(&answer, |screen| {
        screen.line(format!(
            "Logged in as {} at {}.",
            clean(&args.user),
            server.address
        ));
        if status.decks > 0 {
            let decks = count(status.decks, "deck", "decks");
            screen.note(format!(
                "The {decks} of this device join those of the account. Next: memoryvault sync"
            ));
        } else {
            screen.note("Next: memoryvault sync");
        }
    })
}

fn log_out(mut desk: Desk<'_>, here: &HereArgs) -> Outcome {
    let store = desk.open()?;
    let (account, device) = {
        let vault = store.lock()?;
        (Account::of(&vault, here)?, vault.device_id().to_string())
    };
    // Here first: a sync that stays connected ends as soon as the server knows.
    let mut vault = store.lock()?;
    vault.leave()?;
    Token::forget(vault.dir())?;
    drop(vault);
    let told = account.client.remove_device(&account.token, &device);
    // A server that no longer knows this device needs not be told that it is gone.
    if let Err(error) = told.or_else(known_gone) {
        desk.screen
            .warn(format!("the server could not be told: {error}"));
        desk.screen
            .note("From another device: memoryvault account devices --remove ID");
    }
    let answer =
        json!({ "server": account.login.url, "user": account.login.user, "logged_out": true });
    desk.show(&answer, |screen| {
        let Login { url, user, .. } = &account.login;
        screen.line(format!(
            "Logged out of {} at {}. Everything stays on this device.",
            clean(user),
            clean(url)
        ));
    })
}

fn known_gone(error: AccountError) -> Result<(), AccountError> {
    match error {
        AccountError::Unauthorized(_) => Ok(()),
        AccountError::Refused { code, .. } if code == "not_found" => Ok(()),
        error => Err(error),
    }
}

fn devices(desk: Desk<'_>, here: &HereArgs) -> Outcome {
    let devices = account_here(&desk, here)?.devices()?;
    let screen = desk.screen;
    if screen.is_json() {
        return devices.iter().try_for_each(|device| screen.object(device));
    }
    let head = ["DEVICE", "LAST SEEN", "SINCE", "ID", ""]
        .map(str::to_owned)
        .to_vec();
    let rows: Vec<Vec<String>> = std::iter::once(head)
        .chain(devices.iter().map(|device| {
            let seen = device
                .last_seen_ms
                .map_or_else(|| "never".to_owned(), when::minute);
            let this = if device.current { "(this one)" } else { "" };
            vec![
                clean(&device.name),
                seen,
                when::minute(device.created_at_ms),
                device.id.clone(),
                this.to_owned(),
            ]
        }))
        .collect();
    for (place, line) in lines(&[Align::Left; 5], &rows).iter().enumerate() {
        let line = if place == 0 {
            screen.bold(line)
        } else {
            line.clone()
        };
        screen.line(line);
    }
    Ok(())
}

fn remove_device(mut desk: Desk<'_>, here: &HereArgs, wanted: &str) -> Outcome {
    let account = account_here(&desk, here)?;
    let devices = account.devices()?;
    let listed = "memoryvault account devices";
    let mut fitting = devices
        .iter()
        .filter(|device| !wanted.is_empty() && device.id.starts_with(wanted));
    let found: &Device = match (fitting.next(), fitting.next()) {
        (Some(device), None) => device,
        (None, _) => {
            return Err(
                Failure::not_found(format!("the account has no device {}", clean(wanted)))
                    .hint(listed),
            );
        }
        (Some(_), Some(_)) => {
            return Err(
                Failure::choice(format!("{} fits several devices", clean(wanted))).hint(listed),
            );
        }
    };
    if found.current {
        return Err(Failure::choice("that is this device").hint("memoryvault account logout"));
    }
    account.client.remove_device(&account.token, &found.id)?;
    desk.show(&json!({ "device": found.id, "removed": true }), |screen| {
        screen.line(format!(
            "{} can no longer sync. What is on it stays on it.",
            clean(&found.name)
        ));
    })
}

fn usage(mut desk: Desk<'_>, here: &HereArgs) -> Outcome {
    let account = account_here(&desk, here)?;
    let usage = account.client.usage(&account.token)?;
    desk.show(&usage, |screen| {
        let rows = [
            ("Pictures and sounds", grouped(usage.blobs)),
            (
                "Quota",
                format!(
                    "{} of {} bytes used",
                    usage.quota_used_bytes, usage.quota_limit_bytes
                ),
            ),
            (
                "Documents",
                format!(
                    "{} ({} bytes)",
                    grouped(usage.documents),
                    usage.document_bytes
                ),
            ),
            ("Devices", grouped(usage.devices)),
        ];
        pairs(&rows).iter().for_each(|line| screen.line(line));
    })
}

/// The account of this device; nobody waits for the vault while its server is asked.
fn account_here(desk: &Desk<'_>, here: &HereArgs) -> Outcome<Account> {
    Account::of(&*desk.open()?.lock()?, here)
}

/// A server that was named on the command line.
struct Server<'a> {
    args: &'a ServerArgs,
    address: ServerAddress,
    ca: Option<String>,
    client: AccountClient,
}

impl<'a> Server<'a> {
    fn open(desk: &Desk<'_>, args: &'a ServerArgs) -> Outcome<Self> {
        let address = ServerAddress::parse(&args.url, args.insecure)?;
        let ca = args.ca.as_deref().map(|file| desk.file(file)).transpose()?;
        let ca = ca.as_deref().map(read_ca).transpose()?;
        let client = AccountClient::new(address.clone(), ca.as_deref())?;
        Ok(Self {
            args,
            address,
            ca,
            client,
        })
    }

    /// Logs this device in and joins its decks to the account.
    fn join(&self, store: &OpenVault, credentials: Credentials<'_>) -> Outcome {
        let _alone = store.without_sync()?;
        let (id, name) = {
            let vault = store.lock()?;
            (
                vault.device_id().to_string(),
                vault.device_name().to_owned(),
            )
        };
        let LoggedIn {
            token,
            device,
            vault: account_vault,
        } = self.client.log_in(credentials, &id, &name)?;
        let unreadable = |what: &str| {
            Failure::new(
                Kind::Network,
                format!("{} gave no usable {what}", self.address),
            )
        };
        let device: DeviceId = device.parse().map_err(|_| unreadable("device id"))?;
        let account_vault: VaultId = account_vault.parse().map_err(|_| unreadable("vault id"))?;
        let mut vault = store.lock()?;
        // The token first: a vault that is logged in always finds it.
        token.stage(vault.dir(), &device.to_string())?;
        let login = Login {
            url: self.address.to_string(),
            user: self.args.user.clone(),
            ca: self.ca.clone(),
            active: true,
        };
        vault.join(&Joining {
            vault: account_vault,
            device,
            login,
        })?;
        Ok(())
    }
}

fn read_ca(path: &std::path::Path) -> Outcome<String> {
    use std::io::Read;
    let named = |words: String| {
        Failure::usage(format!("{}: {words}", path.display())).hint("give --ca a PEM file")
    };
    let mut pem = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(CA_BYTES_MAX).read_to_string(&mut pem))
        .map_err(|error| Failure::not_found(format!("cannot read {}: {error}", path.display())))?;
    client_config(Some(&pem)).map_err(|error| named(error.to_string()))?;
    Ok(pem)
}

/// The account this device is logged in to.
struct Account {
    login: Login,
    token: Token,
    client: AccountClient,
}

impl Account {
    fn of(vault: &Vault, here: &HereArgs) -> Outcome<Self> {
        let again = "memoryvault account login URL --user NAME";
        let absent = || {
            Failure::new(
                Kind::Authentication,
                "this device is not logged in to a server",
            )
            .hint(again)
        };
        let login = vault
            .login()
            .filter(|login| login.active)
            .ok_or_else(absent)?;
        let token = Token::load(vault.dir(), &vault.device_id().to_string())?.ok_or_else(absent)?;
        let address = ServerAddress::parse(&login.url, true)?;
        let other_url = here
            .url
            .as_deref()
            .map(|url| ServerAddress::parse(url, true))
            .transpose()?;
        let differs = other_url.is_some_and(|other| other != address)
            || here.user.as_ref().is_some_and(|user| *user != login.user);
        if differs {
            let words = format!(
                "this device is logged in as {} at {}",
                clean(&login.user),
                clean(&login.url)
            );
            return Err(Failure::choice(words).hint(again));
        }
        let client = AccountClient::new(address, login.ca.as_deref())?;
        Ok(Self {
            login: login.clone(),
            token,
            client,
        })
    }

    fn devices(&self) -> Outcome<Vec<Device>> {
        Ok(self.client.devices(&self.token)?)
    }
}
