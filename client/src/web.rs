//! The local page: the vault for a browser on the same machine. Nobody else reaches it: loopback only, a token at the launch, a
//! cookie after it, and checks of Host and Origin (`guard`). What the page asks for is `api`'s and `study`'s; the page itself is
//! in `client/web`, embedded.

mod api;
mod assets;
mod guard;
mod study;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use tokio::net::TcpListener;

use crate::local_state;
use crate::shared::SharedVault;
use crate::vault::VaultResult;

/// Bytes of a request of the page: a card's texts with room. Files have their own bound.
const BODY_BYTES_MAX: usize = 512 * 1024;

/// The page, ready to be served.
#[derive(Debug)]
pub struct Page {
    listener: TcpListener,
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// What all requests share.
#[derive(Debug)]
struct Shared {
    vault: Arc<SharedVault>,
    guard: guard::Guard,
    /// The sitting under way; all tabs share it.
    sitting: Mutex<Option<study::Sitting>>,
}

impl Page {
    /// Takes a port of this machine; 0 is any that is free.
    ///
    /// # Errors
    /// The port is taken, or the system gives no random bytes.
    pub async fn open(vault: Arc<SharedVault>, port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        let secret = |random: VaultResult<[u8; 32]>| {
            let bytes = random.map_err(io::Error::other)?;
            Ok::<String, io::Error>(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
        };
        let guard = guard::Guard::new(
            address.port(),
            secret(local_state::random())?,
            secret(local_state::random())?,
        );
        Ok(Self {
            listener,
            address,
            shared: Arc::new(Shared {
                vault,
                guard,
                sitting: Mutex::new(None),
            }),
        })
    }

    /// The address to open: it lets in whoever knows it, as long as the page is served.
    pub fn address(&self) -> String {
        format!(
            "http://{}/?token={}",
            self.address,
            self.shared.guard.token()
        )
    }

    /// Serves until `stop` is done; requests under way are answered first.
    ///
    /// # Errors
    /// The system refuses.
    pub async fn serve(self, stop: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
        let router = Router::new()
            .route("/api/status", get(api::status))
            .route("/api/decks", get(api::decks))
            .route("/api/keys", get(api::keys))
            .route("/api/study", get(study::present).post(study::begin))
            .route("/api/study/answer", post(study::answer))
            .route("/api/study/{step}", post(study::step))
            .route("/blob/{hash}", get(api::blob))
            .fallback(assets::serve)
            .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
            .layer(axum::middleware::from_fn_with_state(
                Arc::clone(&self.shared),
                guard::check,
            ))
            .with_state(self.shared);
        axum::serve(self.listener, router)
            .with_graceful_shutdown(stop)
            .await
    }
}
