//! A server process of our own: started, killed, started again on its data, and what the kernel counts of it.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::Context;

/// A running `memoryvault-server`; killed on drop.
#[derive(Debug)]
pub struct ServerProcess {
    binary: PathBuf,
    data: PathBuf,
    child: Child,
    address: SocketAddr,
}

impl ServerProcess {
    /// Starts it on a free port with open registration.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(binary: &Path, data: &Path) -> anyhow::Result<Self> {
        let (child, address) = launch(binary, data, "127.0.0.1:0")?;
        Ok(Self {
            binary: binary.to_owned(),
            data: data.to_owned(),
            child,
            address,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// kill -9.
    ///
    /// # Errors
    /// The system refuses.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Starts it again on the same data and port, after [`Self::kill`].
    ///
    /// # Errors
    /// It does not start.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        let (child, _) = launch(&self.binary, &self.data, &self.address.to_string())?;
        self.child = child;
        Ok(())
    }

    /// Resident memory now and at its highest, in KiB.
    ///
    /// # Errors
    /// The process is gone.
    pub fn memory_kib(&self) -> anyhow::Result<(u64, u64)> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let field = |name: &str| {
            status
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .and_then(|rest| rest.trim().split(' ').next()?.parse().ok())
                .with_context(|| format!("no {name} in the process's status"))
        };
        Ok((field("VmRSS:")?, field("VmHWM:")?))
    }

    /// Lets the highest resident memory begin anew from what is resident now: logins hash passwords, which takes far more than what follows.
    ///
    /// # Errors
    /// The process is gone.
    pub fn forget_peak(&self) -> anyhow::Result<()> {
        std::fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5")?;
        Ok(())
    }

    /// Processor time so far, in milliseconds.
    ///
    /// # Errors
    /// The process is gone.
    pub fn processor_ms(&self) -> anyhow::Result<u64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let after_name = stat.rsplit(") ").next().unwrap_or_default();
        let ticks: u64 = after_name
            .split(' ')
            .skip(11)
            .take(2)
            .filter_map(|field| field.parse::<u64>().ok())
            .sum();
        // The kernel tells hundredths of a second.
        Ok(ticks * 10)
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // Gone already: then there is nothing to end.
        self.kill().ok();
    }
}

fn launch(binary: &Path, data: &Path, listen: &str) -> anyhow::Result<(Child, SocketAddr)> {
    let mut child = Command::new(binary)
        .arg("--data")
        .arg(data)
        .args(["--listen", listen, "--registration", "open"])
        .env("MEMORYVAULT_LOG", "warn")
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("{} does not start", binary.display()))?;
    let stdout = child.stdout.take().context("stdout was asked for")?;
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line)?;
    let address = line
        .trim()
        .strip_prefix("listening on http://")
        .with_context(|| format!("the server said {line:?}"))?;
    Ok((child, address.parse()?))
}
