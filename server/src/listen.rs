//! Takes sockets and serves HTTP/1.1 on them, with bounds that hold before anyone has shown a token.
//!
//! Knows nothing of accounts: it gives each request its [`Peer`] and hands it to the router. Every connection is a
//! task owned by [`serve`] and awaited at shutdown. A WebSocket leaves here with its upgrade.

pub(crate) mod network;
pub(crate) mod tls;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tower::ServiceExt;

use crate::http::error::HttpError;
use crate::limit;
use crate::listen::network::{Place, Places};
use crate::listen::tls::Tls;
use crate::shutdown::Stop;

/// Who is at the other end of a request's socket. In every request's extensions.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    place: Arc<Place>,
}

impl Peer {
    /// Gives the place among the strangers back.
    pub(crate) fn authenticated(&self) {
        self.place.authenticated();
    }
}

/// What every connection needs.
#[derive(Debug, Clone)]
struct Front {
    router: Router,
    tls: Option<Tls>,
    places: Places,
    stop: Stop,
}

/// Serves until stopped, then ends every connection: at once where it is idle, after its answer where it is not.
pub(crate) async fn serve(listener: TcpListener, router: Router, tls: Option<Tls>, mut stop: Stop) {
    let front = Front {
        router,
        tls,
        places: Places::default(),
        stop: stop.clone(),
    };
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.stopped() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if connections.len() < limit::CONNECTIONS_MAX => {
                match accepted {
                    Ok((socket, address)) => {
                        connections.spawn(front.clone().connection(socket, address));
                    }
                    Err(error) => {
                        tracing::warn!(%error, "a socket could not be accepted");
                        // Out of file descriptors, mostly: trying again at once would only burn the core.
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                }
            }
        }
    }
    drop(listener);
    drop(front);
    let all = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(limit::SHUTDOWN, all).await.is_err() {
        tracing::warn!(left = connections.len(), "connections were cut at shutdown");
        connections.shutdown().await;
    }
}

impl Front {
    async fn connection(mut self, socket: TcpStream, address: SocketAddr) {
        let mut stop = self.stop.clone();
        let place = tokio::select! {
            () = stop.stopped() => return,
            place = self.places.enter(address.ip()) => place,
        };
        let Some(place) = place else {
            tracing::debug!(%address, "too many sockets of one network wait");
            return;
        };
        let peer = Peer {
            address,
            place: Arc::new(place),
        };
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%error, "no TCP_NODELAY");
        }
        match self.tls.take() {
            None => self.http(socket, peer).await,
            Some(tls) => {
                let handshake = tls.acceptor().accept(socket);
                match tokio::time::timeout(limit::HANDSHAKE, handshake).await {
                    Ok(Ok(socket)) => self.http(socket, peer).await,
                    Ok(Err(error)) => tracing::debug!(%address, %error, "TLS handshake failed"),
                    Err(_) => tracing::debug!(%address, "TLS handshake took too long"),
                }
            }
        }
    }

    async fn http<S>(self, socket: S, peer: Peer)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let address = peer.address;
        let mut stop = self.stop;
        let router = self.router;
        let service = hyper::service::service_fn(move |request: hyper::Request<_>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(peer.clone());
            answer(router.clone(), request)
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limit::HANDSHAKE)
            .max_buf_size(16 << 10)
            .serve_connection(TokioIo::new(socket), service)
            .with_upgrades();
        tokio::pin!(connection);
        let result = tokio::select! {
            result = connection.as_mut() => result,
            () = stop.stopped() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = result {
            tracing::debug!(%address, %error, "a connection ended with an error");
        }
    }
}

async fn answer(router: Router, request: hyper::Request<Body>) -> Result<Response, Infallible> {
    match tokio::time::timeout(limit::REQUEST, router.oneshot(request)).await {
        Ok(answered) => answered,
        Err(_) => Ok(HttpError::TimedOut.into_response()),
    }
}
