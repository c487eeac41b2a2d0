//! `load WORD`: devices in one process against a server process of its own, each the protocol's session with a store in memory. Prints a
//! line of JSON.
//!
//! | word | what it measures |
//! |---|---|
//! | `devices --count 1000` | memory of the server for connected, idle devices |
//! | `herd --count 1000` | the server is killed and started again; how long until all devices are back |
//! | `burst --devices 50 --changes 20 [--one-at-a-time]` | changes a second, each durable at the server before it counts |
//! | `latency --changes 1000 --rate 100` | from a change on A until B has it; the server has flushed it by then |
//! | `documents --count 200 --bytes 50000` | up from one device, down to another, in step again with a server started anew |
//! | `narrow --bytes-a-second 1000000` | the same through a narrow line, idle and during an upload of 25 MB from A |
//!
//! `--server PATH` names the server's binary, `--data DIR` a folder for its data (a fresh temporary one without), `--at ADDRESS` a server
//! that runs already (then memory and processor time are not told).

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context;
use bench::load::{Crowd, CrowdPlan, Narrow, Order, ServerProcess, Visitor, What, percentile};
use clap::{Parser, Subcommand};
use serde_json::{Value, json};

/// Load on a server
#[derive(Debug, Parser)]
struct Line {
    /// The server's binary
    #[arg(
        long,
        global = true,
        default_value = "target/release/memoryvault-server"
    )]
    server: PathBuf,
    /// Folder for the server's data, which stays; without it a temporary one
    #[arg(long, global = true)]
    data: Option<PathBuf>,
    /// A server that runs already
    #[arg(long, global = true)]
    at: Option<SocketAddr>,
    /// Devices of an account (at most 16 may be connected)
    #[arg(long, global = true, default_value_t = 10)]
    per_account: usize,
    #[command(subcommand)]
    word: Word,
}

#[derive(Debug, Subcommand)]
enum Word {
    /// Memory of the server for connected, idle devices
    Devices {
        #[arg(long, default_value_t = 1_000)]
        count: usize,
    },
    /// All devices come back after the server was killed
    Herd {
        #[arg(long, default_value_t = 1_000)]
        count: usize,
    },
    /// Many devices write as fast as they can
    Burst {
        #[arg(long, default_value_t = 50)]
        devices: usize,
        /// Changes of each device
        #[arg(long, default_value_t = 20)]
        changes: usize,
        /// Each change is acknowledged before the next is made
        #[arg(long)]
        one_at_a_time: bool,
    },
    /// From a change on A until B has it
    Latency {
        #[arg(long, default_value_t = 1_000)]
        changes: usize,
        /// Changes a second
        #[arg(long, default_value_t = 100)]
        rate: u32,
    },
    /// Many documents up, down, and once more when nothing changed
    Documents {
        #[arg(long, default_value_t = 200)]
        count: usize,
        /// Text of each
        #[arg(long, default_value_t = 50_000)]
        bytes: usize,
    },
    /// As latency, through a narrow line, without and with an upload under way
    Narrow {
        #[arg(long, default_value_t = 1_000_000)]
        bytes_a_second: u64,
        /// One way
        #[arg(long, default_value_t = 10)]
        delay_ms: u64,
        #[arg(long, default_value_t = 25_000_000)]
        upload_bytes: usize,
    },
}

/// The server under load: our own process, or one that runs already.
struct Target {
    address: SocketAddr,
    process: Option<ServerProcess>,
    _data: Option<tempfile::TempDir>,
}

fn main() -> anyhow::Result<()> {
    let line = Line::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let told = runtime.block_on(run(line))?;
    println!("{told}");
    Ok(())
}

async fn run(line: Line) -> anyhow::Result<Value> {
    let mut target = target(&line)?;
    let plan = |devices| CrowdPlan {
        devices,
        per_account: line.per_account,
    };
    match line.word {
        Word::Devices { count } => devices(&target, plan(count)).await,
        Word::Herd { count } => herd(&mut target, plan(count)).await,
        Word::Burst {
            devices,
            changes,
            one_at_a_time,
        } => burst(&target, plan(devices), changes, one_at_a_time).await,
        Word::Latency { changes, rate } => latency(&target, changes, rate).await,
        Word::Documents { count, bytes } => documents(&mut target, count, bytes).await,
        Word::Narrow {
            bytes_a_second,
            delay_ms,
            upload_bytes,
        } => {
            let line = Narrow {
                bytes_a_second,
                delay: Duration::from_millis(delay_ms),
            };
            narrow(&target, line, upload_bytes).await
        }
    }
}

fn target(line: &Line) -> anyhow::Result<Target> {
    if let Some(address) = line.at {
        return Ok(Target {
            address,
            process: None,
            _data: None,
        });
    }
    let fresh = match line.data {
        Some(_) => None,
        None => Some(tempfile::tempdir()?),
    };
    let data = match (&line.data, &fresh) {
        (Some(data), _) => data.clone(),
        (None, Some(fresh)) => fresh.path().join("data"),
        (None, None) => anyhow::bail!("no folder"),
    };
    let process = ServerProcess::start(&line.server, &data)?;
    Ok(Target {
        address: process.address(),
        process: Some(process),
        _data: fresh,
    })
}

impl Target {
    fn memory_kib(&self) -> anyhow::Result<(u64, u64)> {
        self.process
            .as_ref()
            .map_or(Ok((0, 0)), ServerProcess::memory_kib)
    }

    fn forget_peak(&self) -> anyhow::Result<()> {
        self.process
            .as_ref()
            .map_or(Ok(()), ServerProcess::forget_peak)
    }

    fn processor_ms(&self) -> anyhow::Result<u64> {
        self.process
            .as_ref()
            .map_or(Ok(0), ServerProcess::processor_ms)
    }
}

async fn devices(target: &Target, plan: CrowdPlan) -> anyhow::Result<Value> {
    let (baseline_kib, _) = target.memory_kib()?;
    let logins = Crowd::logins(target.address, plan).await?;
    let (logged_in_kib, _) = target.memory_kib()?;
    let begun = Instant::now();
    let mut crowd = Crowd::start(logins, false, |_, _| {});
    crowd.welcomed(plan.devices).await?;
    let connected = begun.elapsed();
    let (idle_kib, peak_kib) = target.memory_kib()?;
    crowd.end().await;
    Ok(json!({
        "devices": plan.devices,
        "connected_ms": ms(connected),
        "baseline_kib": baseline_kib,
        "after_logins_kib": logged_in_kib,
        "idle_kib": idle_kib,
        "peak_kib": peak_kib,
    }))
}

async fn herd(target: &mut Target, plan: CrowdPlan) -> anyhow::Result<Value> {
    let logins = Crowd::logins(target.address, plan).await?;
    let mut crowd = Crowd::start(logins, true, |_, _| {});
    crowd.welcomed(plan.devices).await?;
    let process = target
        .process
        .as_mut()
        .context("a herd needs a server of its own")?;
    process.kill()?;
    let killed = Instant::now();
    process.restart()?;
    let open = killed.elapsed();
    let lost = crowd.welcomed(plan.devices).await?;
    let back = killed.elapsed();
    let (_, peak_kib) = target.memory_kib()?;
    crowd.end().await;
    Ok(json!({
        "devices": plan.devices,
        "server_open_ms": ms(open),
        "all_back_ms": ms(back),
        "attempts_in_vain": lost.saturating_sub(plan.devices),
        "peak_kib": peak_kib,
    }))
}

async fn burst(
    target: &Target,
    plan: CrowdPlan,
    changes: usize,
    one_at_a_time: bool,
) -> anyhow::Result<Value> {
    let logins = Crowd::logins(target.address, plan).await?;
    let mut crowd = Crowd::start(logins, false, |_, _| {});
    crowd.welcomed(plan.devices).await?;
    target.forget_peak()?;
    let before_ms = target.processor_ms()?;
    let begun = Instant::now();
    let first = if one_at_a_time { 1 } else { changes };
    crowd.order_all(&Order::Change(first));
    let mut left = vec![changes; plan.devices];
    let mut total = plan.devices * changes;
    while total > 0 {
        let told = crowd.next().await?;
        match told.what {
            What::Acknowledged(count) => {
                total = total.saturating_sub(count);
                let left = left.get_mut(told.device).context("an unknown device")?;
                *left = left.saturating_sub(count);
                if one_at_a_time && count > 0 && *left > 0 {
                    crowd.order(told.device, Order::Change(1));
                }
            }
            What::Ended(words) => anyhow::bail!("a session ended: {words}"),
            _ => {}
        }
    }
    let took = begun.elapsed();
    let processor_ms = target.processor_ms()?.saturating_sub(before_ms);
    let (_, peak_kib) = target.memory_kib()?;
    crowd.end().await;
    let sent = plan.devices * changes;
    Ok(json!({
        "devices": plan.devices,
        "changes": sent,
        "took_ms": ms(took),
        "changes_a_second": (sent as f64 / took.as_secs_f64()).round(),
        "server_processor_ms": processor_ms,
        "peak_kib": peak_kib,
    }))
}

async fn documents(target: &mut Target, count: usize, bytes: usize) -> anyhow::Result<Value> {
    let plan = CrowdPlan {
        devices: 2,
        per_account: 2,
    };
    let logins = Crowd::logins(target.address, plan).await?;
    let mut visitors = logins.into_iter().map(Visitor::new);
    let (mut a, mut b) = (visitors.next(), visitors.next());
    let (a, b) = (a.as_mut().context("A")?, b.as_mut().context("B")?);
    let made = bench::load::documents(count, bytes)?;
    let changes = made.len();
    let bytes: usize = made.iter().map(|made| made.change.len()).sum();
    a.hold(made);
    let acknowledged = |what: &What| match what {
        What::Acknowledged(changes) => *changes,
        _ => 0,
    };
    target.forget_peak()?;
    let logged_in_ms = target.processor_ms()?;
    let up = a.visit(changes, acknowledged).await?;
    let up_processor_ms = target.processor_ms()?.saturating_sub(logged_in_ms);
    let everything =
        |what: &What| usize::from(matches!(what, What::Stands(seq) if *seq >= changes as u64));
    let down = b.visit(1, everything).await?;
    let processor_ms = target.processor_ms()?.saturating_sub(logged_in_ms);
    let (_, peak_kib) = target.memory_kib()?;
    let process = target.process.as_mut().context("a server of our own")?;
    process.kill()?;
    process.restart()?;
    let starting_ms = target.processor_ms()?;
    let again = a
        .visit(1, |what| usize::from(*what == What::Welcomed))
        .await?;
    let (_, again_peak_kib) = target.memory_kib()?;
    Ok(json!({
        "documents": count,
        "changes": changes,
        "document_bytes": bytes / count.max(1),
        "up_ms": ms(up),
        "down_ms": ms(down),
        "up_processor_ms": up_processor_ms,
        "processor_ms": processor_ms,
        "peak_kib": peak_kib,
        "again_ms": ms(again),
        "again_processor_ms": target.processor_ms()?.saturating_sub(starting_ms),
        "again_peak_kib": again_peak_kib,
    }))
}

async fn latency(target: &Target, changes: usize, rate: u32) -> anyhow::Result<Value> {
    let plan = CrowdPlan {
        devices: 2,
        per_account: 2,
    };
    let logins = Crowd::logins(target.address, plan).await?;
    let mut crowd = Crowd::start(logins, false, |_, _| {});
    crowd.welcomed(2).await?;
    let pace = Duration::from_secs(1) / rate.max(1);
    let (durable, visible) = paced(&mut crowd, changes, pace).await?;
    crowd.end().await;
    Ok(json!({"changes": changes, "durable": spread(durable), "visible": spread(visible)}))
}

async fn narrow(target: &Target, line: Narrow, upload_bytes: usize) -> anyhow::Result<Value> {
    let through = line.before(target.address).await?;
    let pace = Duration::from_millis(100);
    let mut told = Vec::new();
    for upload in [0, upload_bytes] {
        let plan = CrowdPlan {
            devices: 2,
            per_account: 2,
        };
        let logins = Crowd::logins(target.address, plan).await?;
        let mut crowd = Crowd::start(logins, false, |number, device| {
            if number == 0 {
                device.go_through(through);
                if upload > 0 {
                    device.offer(sound(upload), "audio/wav");
                }
            }
        });
        crowd.welcomed(2).await?;
        let changes = if upload == 0 { 30 } else { 150 };
        let (_, visible) = paced(&mut crowd, changes, pace).await?;
        crowd.end().await;
        told.push(spread(visible));
    }
    Ok(
        json!({"bytes_a_second": line.bytes_a_second, "idle": told.first(), "uploading": told.last()}),
    )
}

/// Changes at a pace on device 0; how long until each was acknowledged, and until device 1 had it.
async fn paced(
    crowd: &mut Crowd,
    changes: usize,
    pace: Duration,
) -> anyhow::Result<(Vec<Duration>, Vec<Duration>)> {
    let mut ticks = tokio::time::interval(pace);
    let (mut made, mut unacknowledged) = (HashMap::new(), std::collections::VecDeque::new());
    let (mut durable, mut visible) = (Vec::new(), Vec::new());
    let mut left = changes;
    while visible.len() < changes || durable.len() < changes {
        tokio::select! {
            _ = ticks.tick(), if left > 0 => {
                left -= 1;
                crowd.order(0, Order::Change(1));
            }
            told = crowd.next() => {
                let told = told?;
                match told.what {
                    What::Made(change) => {
                        unacknowledged.push_back(told.at);
                        made.insert(change, told.at);
                    }
                    What::Acknowledged(count) => {
                        let sent = unacknowledged.drain(..count.min(unacknowledged.len()));
                        durable.extend(sent.map(|sent| told.at - sent));
                    }
                    What::Seen(change) => {
                        let sent = made.remove(&change);
                        visible.extend(sent.map(|sent| told.at - sent));
                    }
                    What::Ended(words) => anyhow::bail!("a session ended: {words}"),
                    What::Welcomed | What::Stands(_) | What::BlobStored => {}
                }
            }
        }
    }
    Ok((durable, visible))
}

/// A WAV of so many random bytes.
fn sound(bytes: usize) -> Vec<u8> {
    let data = u32::try_from(bytes.saturating_sub(44)).unwrap_or(u32::MAX);
    let mut wav = b"RIFF".to_vec();
    wav.extend((data + 36).to_le_bytes());
    wav.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0\x44\xac\0\0\x88\x58\x01\0\x02\0\x10\0data");
    wav.extend(data.to_le_bytes());
    let mut noise = vec![0; data as usize];
    blake3::Hasher::new().finalize_xof().fill(&mut noise);
    wav.extend(noise);
    wav
}

fn spread(mut taken: Vec<Duration>) -> Value {
    taken.sort();
    json!({
        "p50_ms": ms(percentile(&taken, 50)),
        "p90_ms": ms(percentile(&taken, 90)),
        "p99_ms": ms(percentile(&taken, 99)),
        "max_ms": ms(percentile(&taken, 100)),
    })
}

fn ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}
