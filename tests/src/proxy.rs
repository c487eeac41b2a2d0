//! A TCP proxy between a device and the server that does to a connection what bad networks do: cuts it after so many bytes, flips a bit, or holds everything back until told.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// What happens to the bytes of one connection, counted from its start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: everything passes.
    #[default]
    None,
    /// Both directions are cut once the device has sent so many bytes.
    CutUp(u64),
    /// Both directions are cut once the server has sent so many bytes.
    CutDown(u64),
    /// The lowest bit of this byte towards the server is flipped.
    FlipUp(u64),
    /// The lowest bit of this byte towards the device is flipped.
    FlipDown(u64),
    /// No connection is taken: closed at once.
    Refuse,
}

#[derive(Debug, Default)]
struct State {
    fault: Fault,
    held: bool,
    connections: u64,
    bytes_up: u64,
    open: Vec<TcpStream>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

/// The proxy; it stops taking connections when dropped.
#[derive(Debug)]
pub struct Proxy {
    shared: Arc<Shared>,
    address: SocketAddr,
}

impl Proxy {
    /// Listens on a port of its own and forwards to `upstream`.
    pub fn start(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a free port");
        let address = listener.local_addr().expect("a listener has an address");
        let shared = Arc::new(Shared::default());
        let for_thread = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                serve(&for_thread, stream, upstream);
            }
        });
        Self { shared, address }
    }

    /// Where devices connect.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Sets what happens to connections made from now on.
    pub fn set(&self, fault: Fault) {
        self.lock(|state| state.fault = fault);
    }

    /// Holds back everything on all connections, or lets it flow again.
    pub fn hold(&self, held: bool) {
        self.lock(|state| state.held = held);
        self.shared.changed.notify_all();
    }

    /// Cuts every open connection.
    pub fn cut(&self) {
        for stream in self.lock(|state| std::mem::take(&mut state.open)) {
            // Closed already: cut already.
            drop(stream.shutdown(Shutdown::Both));
        }
    }

    /// How many bytes devices have sent through, over all connections.
    pub fn bytes_up(&self) -> u64 {
        self.lock(|state| state.bytes_up)
    }

    /// Waits until devices have sent at least so many bytes through, over all connections.
    pub fn wait_for_bytes_up(&self, bytes: u64) {
        let state = self
            .shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        drop(
            self.shared
                .changed
                .wait_while(state, |state| state.bytes_up < bytes)
                .unwrap_or_else(PoisonError::into_inner),
        );
    }

    /// How many connections were made.
    pub fn connections(&self) -> u64 {
        self.lock(|state| state.connections)
    }

    fn lock<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(
            &mut self
                .shared
                .state
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.set(Fault::Refuse);
        self.hold(false);
        self.cut();
    }
}

fn serve(shared: &Arc<Shared>, device: TcpStream, upstream: SocketAddr) {
    let fault = {
        let mut state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.connections += 1;
        state.fault
    };
    if fault == Fault::Refuse {
        return;
    }
    let Ok(server) = TcpStream::connect(upstream) else {
        return;
    };
    let (Ok(device_again), Ok(server_again)) = (device.try_clone(), server.try_clone()) else {
        return;
    };
    if let (Ok(one), Ok(other)) = (device.try_clone(), server.try_clone()) {
        shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .open
            .extend([one, other]);
    }
    for (from, to, up) in [(device, server, true), (server_again, device_again, false)] {
        let shared = Arc::clone(shared);
        std::thread::spawn(move || {
            forward(&shared, &from, &to, (fault, up));
            // Whatever ended one direction ends the other.
            drop(from.shutdown(Shutdown::Both));
            drop(to.shutdown(Shutdown::Both));
        });
    }
}

fn forward(shared: &Shared, mut from: &TcpStream, mut to: &TcpStream, (fault, up): (Fault, bool)) {
    let mut passed = 0u64;
    let mut buffer = [0u8; 16 * 1024];
    loop {
        let Ok(read) = from.read(&mut buffer) else {
            return;
        };
        if read == 0 {
            return;
        }
        let chunk = &mut buffer[..read];
        let (length, cut) = damage(chunk, passed, fault, up);
        wait_while_held(shared);
        if to.write_all(&chunk[..length]).is_err() || cut {
            return;
        }
        passed += length as u64;
        if up {
            shared
                .state
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .bytes_up += length as u64;
            shared.changed.notify_all();
        }
    }
}

/// Flips what must be flipped; says how much of the chunk passes and whether the connection ends there.
fn damage(chunk: &mut [u8], passed: u64, fault: Fault, up: bool) -> (usize, bool) {
    match (fault, up) {
        (Fault::CutUp(after), true) | (Fault::CutDown(after), false) => {
            let left = usize::try_from(after.saturating_sub(passed)).unwrap_or(usize::MAX);
            (chunk.len().min(left), left <= chunk.len())
        }
        (Fault::FlipUp(at), true) | (Fault::FlipDown(at), false) => {
            let index = at
                .checked_sub(passed)
                .and_then(|index| usize::try_from(index).ok());
            if let Some(byte) = index.and_then(|index| chunk.get_mut(index)) {
                *byte ^= 1;
            }
            (chunk.len(), false)
        }
        _ => (chunk.len(), false),
    }
}

fn wait_while_held(shared: &Shared) {
    let state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
    drop(
        shared
            .changed
            .wait_while(state, |state| state.held)
            .unwrap_or_else(PoisonError::into_inner),
    );
}
