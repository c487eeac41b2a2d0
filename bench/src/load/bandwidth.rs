//! A narrow line: a proxy that lets so many bytes a second through each way, each after a delay, and whose own buffers are as small as
//! a line's, so that what a sender gives to the system waits at the sender.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

/// Bytes that a hop of a line holds.
const SOCKET_BYTES: u32 = 8 << 10;
/// Bytes passed on at once.
const PIECE_BYTES: usize = 1_460;

/// What a line is like; the same both ways.
#[derive(Debug, Clone, Copy)]
pub struct Narrow {
    /// Bytes a second; 0: as many as come.
    pub bytes_a_second: u64,
    /// One way.
    pub delay: Duration,
}

impl Narrow {
    /// Begins to forward connections to `server`; where to connect.
    ///
    /// # Errors
    /// No socket is to be had.
    pub async fn before(self, server: SocketAddr) -> anyhow::Result<SocketAddr> {
        let socket = TcpSocket::new_v4()?;
        // Taken over by the connections it accepts; must be set before.
        socket.set_recv_buffer_size(SOCKET_BYTES)?;
        socket.bind(([127, 0, 0, 1], 0).into())?;
        let listener: TcpListener = socket.listen(1_024)?;
        let address = listener.local_addr()?;
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(self.carry(near, server));
            }
        });
        Ok(address)
    }

    async fn carry(self, near: TcpStream, server: SocketAddr) -> anyhow::Result<()> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(SOCKET_BYTES)?;
        let far = socket.connect(server).await?;
        near.set_nodelay(true)?;
        far.set_nodelay(true)?;
        let (near_in, near_out) = near.into_split();
        let (far_in, far_out) = far.into_split();
        tokio::join!(
            self.one_way(near_in, far_out),
            self.one_way(far_in, near_out)
        );
        Ok(())
    }

    /// What is read is held for the delay; it is read no faster than the line's rate.
    async fn one_way(self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
        let (send, mut pieces) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
        let read = async move {
            let mut free = Instant::now();
            let mut buffer = [0; PIECE_BYTES];
            loop {
                let Ok(len @ 1..) = from.read(&mut buffer).await else {
                    return;
                };
                free = free.max(Instant::now());
                if let Some(nanos) = (len as u64 * 1_000_000_000).checked_div(self.bytes_a_second) {
                    free += Duration::from_nanos(nanos);
                    sleep_until(free).await;
                }
                let piece = buffer.get(..len).unwrap_or_default().to_vec();
                if send.send((free + self.delay, piece)).is_err() {
                    return;
                }
            }
        };
        let write = async move {
            while let Some((due, piece)) = pieces.recv().await {
                sleep_until(due).await;
                if to.write_all(&piece).await.is_err() {
                    return;
                }
            }
        };
        tokio::join!(read, write);
    }
}
