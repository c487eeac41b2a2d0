//! `line --to PORT --delay-ms N`: a line between a device and a server on loopback. Every piece of bytes arrives N ms after it was
//! sent, however many are under way, without a bound on the rate; a connection costs the trip that TCP's handshake would take.
//!
//! Prints `listening on 127.0.0.1:PORT`. For each line on standard input it prints `UP DOWN`, the bytes since the last time,
//! and it ends when standard input does, so that it never outlives who started it.

use std::io::{self, BufRead, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;

/// Bytes read at once.
const PIECE_BYTES: usize = 64 * 1024;
/// Pieces under way in one direction: 64 MiB, which at 25 ms is more than loopback carries.
const PIECES_MAX: usize = 1_024;

static UP_BYTES: AtomicU64 = AtomicU64::new(0);
static DOWN_BYTES: AtomicU64 = AtomicU64::new(0);

/// Delay what two ends on loopback say to each other, and count it
#[derive(Debug, Parser)]
struct Line {
    /// The server's port on loopback
    #[arg(long)]
    to: u16,
    /// Milliseconds from one end to the other; a round trip is twice that
    #[arg(long, default_value_t = 0)]
    delay_ms: u64,
}

/// Bytes and when they arrive.
struct Piece {
    due: Instant,
    bytes: Vec<u8>,
}

fn main() -> io::Result<()> {
    let line = Line::parse();
    let server = SocketAddr::from((Ipv4Addr::LOCALHOST, line.to));
    let delay = Duration::from_millis(line.delay_ms);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    println!("listening on {}", listener.local_addr()?);
    thread::spawn(move || {
        for device in listener.incoming().flatten() {
            thread::spawn(move || connect(device, server, delay));
        }
    });
    for _ in io::stdin().lock().lines() {
        let up = UP_BYTES.swap(0, Ordering::Relaxed);
        let down = DOWN_BYTES.swap(0, Ordering::Relaxed);
        println!("{up} {down}");
    }
    Ok(())
}

fn connect(device: TcpStream, server: SocketAddr, delay: Duration) -> io::Result<()> {
    let server = TcpStream::connect(server)?;
    device.set_nodelay(true)?;
    server.set_nodelay(true)?;
    // The device was connected at once; over a real line it would have waited for one trip before its first byte.
    let open = Instant::now() + 2 * delay;
    carry(
        device.try_clone()?,
        server.try_clone()?,
        delay,
        open,
        &UP_BYTES,
    );
    carry(server, device, delay, open, &DOWN_BYTES);
    Ok(())
}

/// Carries one direction on two threads: one reads and notes when, one writes when it is time.
fn carry(
    from: TcpStream,
    to: TcpStream,
    delay: Duration,
    open: Instant,
    counter: &'static AtomicU64,
) {
    let (pieces, arriving) = sync_channel(PIECES_MAX);
    thread::spawn(move || {
        // Either end may break off at any time; the other end is told by its own half of the line.
        drop(read(&from, &pieces, delay, open, counter));
        drop(from.shutdown(Shutdown::Read));
    });
    thread::spawn(move || {
        drop(write(&to, &arriving));
        drop(to.shutdown(Shutdown::Write));
    });
}

fn read(
    mut from: &TcpStream,
    pieces: &SyncSender<Piece>,
    delay: Duration,
    open: Instant,
    counter: &AtomicU64,
) -> io::Result<()> {
    loop {
        let mut bytes = vec![0; PIECE_BYTES];
        let count = from.read(&mut bytes)?;
        if count == 0 {
            return Ok(());
        }
        counter.fetch_add(count as u64, Ordering::Relaxed);
        bytes.truncate(count);
        let due = Instant::now().max(open) + delay;
        if pieces.send(Piece { due, bytes }).is_err() {
            return Ok(());
        }
    }
}

fn write(mut to: &TcpStream, arriving: &Receiver<Piece>) -> io::Result<()> {
    for piece in arriving {
        thread::sleep(piece.due.saturating_duration_since(Instant::now()));
        to.write_all(&piece.bytes)?;
    }
    Ok(())
}
