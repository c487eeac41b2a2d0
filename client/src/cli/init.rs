//! `memoryvault init`: makes a vault.

use client::Vault;
use serde_json::json;

use super::desk::Desk;
use super::failure::Outcome;

#[derive(Debug, clap::Args)]
pub(crate) struct InitArgs {
    /// What this device is called; its host name unless given
    #[arg(long, value_name = "DEVICE")]
    name: Option<String>,
}

pub(crate) fn run(mut desk: Desk<'_>, args: InitArgs) -> Outcome {
    let name = args.name.unwrap_or_else(host_name);
    let vault = Vault::init(desk.home(), &name)?;
    let home = desk.home().display().to_string();
    let made = json!({
        "vault": home,
        "vault_id": vault.vault_id(),
        "device": vault.device_name(),
        "device_id": vault.device_id(),
    });
    desk.show(&made, |screen| {
        screen.line(format!(
            "Made a vault in {home} for the device {}.",
            vault.device_name()
        ));
        screen
            .note("Next: memoryvault deck add NAME, or memoryvault account login URL --user NAME");
    })
}

fn host_name() -> String {
    let name = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .trim()
        .to_owned();
    if name.is_empty() {
        "device".to_owned()
    } else {
        name
    }
}
