//! Places for sockets that have not shown a token yet, counted per network.
//!
//! Up to 64 of one network are served at once and more wait their turn, so a herd behind one address gets in after a
//! restart while a stranger cannot hold all of the server's sockets.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::auth::rate::Network;
use crate::limit;

/// All places of all networks.
#[derive(Debug, Clone, Default)]
pub(crate) struct Places {
    networks: Arc<Mutex<BTreeMap<Network, Crowd>>>,
}

#[derive(Debug)]
struct Crowd {
    served: Arc<Semaphore>,
    sockets: usize,
}

/// One socket's place; given back on drop or when the socket shows a good token.
#[derive(Debug)]
pub(crate) struct Place {
    held: Mutex<Option<(OwnedSemaphorePermit, Counted)>>,
}

#[derive(Debug)]
struct Counted {
    places: Places,
    network: Network,
}

impl Places {
    /// Waits for a place. `None` when too many of this network wait already, or none came free in time.
    pub(crate) async fn enter(&self, from: IpAddr) -> Option<Place> {
        let (served, counted) = self.join(Network::of(from))?;
        let permit = tokio::time::timeout(limit::HANDSHAKE, served.acquire_owned())
            .await
            .ok()?
            .ok()?;
        Some(Place {
            held: Mutex::new(Some((permit, counted))),
        })
    }

    fn join(&self, network: Network) -> Option<(Arc<Semaphore>, Counted)> {
        let mut networks = self.lock();
        let crowd = networks.entry(network).or_insert_with(|| Crowd {
            served: Arc::new(Semaphore::new(limit::UNAUTHENTICATED_PER_NETWORK_MAX)),
            sockets: 0,
        });
        if crowd.sockets >= limit::UNAUTHENTICATED_PER_NETWORK_MAX + limit::WAITING_PER_NETWORK_MAX
        {
            return None;
        }
        crowd.sockets += 1;
        let counted = Counted {
            places: self.clone(),
            network,
        };
        Some((Arc::clone(&crowd.served), counted))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Network, Crowd>> {
        self.networks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Gives the place back: this socket belongs to an account now.
    pub(crate) fn authenticated(&self) {
        drop(
            self.held
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut networks = self.places.lock();
        if let Some(crowd) = networks.get_mut(&self.network) {
            crowd.sockets -= 1;
            if crowd.sockets == 0 {
                networks.remove(&self.network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn sixty_four_are_served_and_a_token_makes_room() {
        let places = Places::default();
        let from: IpAddr = "203.0.113.1".parse().unwrap();
        let mut held = Vec::new();
        for _ in 0..limit::UNAUTHENTICATED_PER_NETWORK_MAX {
            held.push(places.enter(from).await.unwrap());
        }
        let mut next = Box::pin(places.enter("203.0.113.77".parse().unwrap()));
        let waits = std::future::poll_fn(|context| {
            std::task::Poll::Ready(next.as_mut().poll(context).is_pending())
        });
        assert!(waits.await);
        assert!(places.enter("203.0.114.1".parse().unwrap()).await.is_some());
        held[0].authenticated();
        assert!(next.await.is_some());
        drop(held);
        assert!(places.lock().is_empty());
    }

    #[tokio::test]
    async fn the_queue_of_a_network_is_bounded() {
        let places = Places::default();
        let from: IpAddr = "::1".parse().unwrap();
        let all = limit::UNAUTHENTICATED_PER_NETWORK_MAX + limit::WAITING_PER_NETWORK_MAX;
        let joined: Vec<_> = (0..all).map(|_| places.join(Network::of(from))).collect();
        assert!(joined.iter().all(Option::is_some));
        assert!(places.enter(from).await.is_none());
    }
}
