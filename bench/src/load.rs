//! Load on a real server over real sockets: many devices in one process, each the protocol's own session with a store in memory. What
//! a device's disk costs is therefore not in these figures; what the server does to be durable is. `bin/load.rs` tells the words.

mod account;
mod bandwidth;
mod crowd;
mod device;
mod documents;
mod process;
mod socket;

pub use account::{Login, log_in, register};
pub use bandwidth::Narrow;
pub use crowd::{Crowd, CrowdPlan, percentile};
pub use device::{Device, Order, Told, What};
pub use documents::{Visitor, documents};
pub use process::ServerProcess;
