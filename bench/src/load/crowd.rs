//! Many devices and what they tell.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

use super::account::{Login, log_in, register};
use super::device::{Device, Order, Told, What};

/// Logins asked for at once: the server hashes four passwords side by side and lets 32 wait.
const LOGINS_AT_ONCE: usize = 8;

/// How many, and in how many accounts.
#[derive(Debug, Clone, Copy)]
pub struct CrowdPlan {
    /// Devices.
    pub devices: usize,
    /// Devices of one account, at most 16 connections are allowed.
    pub per_account: usize,
}

/// Devices that run, each as a task.
#[derive(Debug)]
pub struct Crowd {
    orders: Vec<UnboundedSender<Order>>,
    told: UnboundedReceiver<Told>,
    tasks: JoinSet<()>,
}

impl Crowd {
    /// Makes the accounts and logs the devices in.
    ///
    /// # Errors
    /// The server declines one.
    pub async fn logins(server: SocketAddr, plan: CrowdPlan) -> anyhow::Result<Vec<Login>> {
        let run: [u8; 4] = super::device::random();
        let run = u32::from_le_bytes(run);
        let mut logins = Vec::with_capacity(plan.devices);
        let mut tasks = JoinSet::new();
        let accounts = plan.devices.div_ceil(plan.per_account.max(1));
        for account in 0..accounts {
            if tasks.len() >= LOGINS_AT_ONCE {
                let done = tasks.join_next().await.context("a task is running")?;
                logins.extend::<Vec<Login>>(done??);
            }
            let devices = plan
                .per_account
                .min(plan.devices - account * plan.per_account);
            tasks.spawn(async move {
                let user = format!("load-{run:08x}-{account}");
                register(server, &user).await?;
                let mut logins = Vec::new();
                for _ in 0..devices {
                    logins.push(log_in(server, &user).await?);
                }
                anyhow::Ok(logins)
            });
        }
        while let Some(done) = tasks.join_next().await {
            logins.extend(done??);
        }
        Ok(logins)
    }

    /// Starts a task for each device: one session after another, a lost one tried again after a jittered, growing wait as the client does.
    #[must_use]
    pub fn start(logins: Vec<Login>, again: bool, prepare: impl Fn(usize, &mut Device)) -> Self {
        let (tell, told) = unbounded_channel();
        let mut tasks = JoinSet::new();
        let mut orders = Vec::new();
        for (number, login) in logins.into_iter().enumerate() {
            let (order, mut ordered) = unbounded_channel();
            orders.push(order);
            let mut device = Device::new(number, login, tell.clone());
            prepare(number, &mut device);
            tasks.spawn(async move {
                let mut wait_ms = 1_000;
                while !ordered.is_closed() {
                    let begun = Instant::now();
                    device.session(&mut ordered).await;
                    if !again {
                        return;
                    }
                    if begun.elapsed() > Duration::from_secs(5) {
                        wait_ms = 1_000;
                    }
                    let dice = u64::from(u16::from_le_bytes(super::device::random()));
                    let wait = wait_ms / 2 + wait_ms / 2 * dice / u64::from(u16::MAX);
                    tokio::time::sleep(Duration::from_millis(wait)).await;
                    wait_ms = (wait_ms * 2).min(60_000);
                }
            });
        }
        Self {
            orders,
            told,
            tasks,
        }
    }

    /// Gives an order to one device.
    pub fn order(&self, device: usize, order: Order) {
        if let Some(orders) = self.orders.get(device) {
            // A device that has ended says so by its own word.
            orders.send(order).ok();
        }
    }

    /// Gives an order to all.
    pub fn order_all(&self, order: &Order) {
        (0..self.orders.len()).for_each(|device| self.order(device, order.clone()));
    }

    /// The next word of any device.
    ///
    /// # Errors
    /// None comes within a minute.
    pub async fn next(&mut self) -> anyhow::Result<Told> {
        match tokio::time::timeout(Duration::from_secs(60), self.told.recv()).await {
            Ok(Some(told)) => Ok(told),
            _ => bail!("no device said anything for a minute"),
        }
    }

    /// Waits until `count` devices said they were welcomed; how many attempts were turned away or lost meanwhile.
    ///
    /// # Errors
    /// See [`Self::next`].
    pub async fn welcomed(&mut self, count: usize) -> anyhow::Result<usize> {
        let (mut welcomed, mut ended) = (0, 0);
        while welcomed < count {
            match self.next().await?.what {
                What::Welcomed => welcomed += 1,
                What::Ended(words) => {
                    if ended == 0 {
                        eprintln!("a session ended: {words}");
                    }
                    ended += 1;
                }
                _ => {}
            }
        }
        Ok(ended)
    }

    /// Ends all.
    pub async fn end(mut self) {
        self.order_all(&Order::Leave);
        drop(self.orders);
        self.tasks.shutdown().await;
    }
}

/// The duration that `percent` of these are not above.
#[must_use]
pub fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let place = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(place).copied().unwrap_or_default()
}
