//! `GET /v1/sync`: one WebSocket a device. The session machine of `sync_protocol` decides; this carries frames, disk
//! work and news of the hub to and from it.

mod jobs;
mod session;
pub(crate) mod socket;

use axum::extract::State;
use axum::response::Response;
use tracing::Instrument;

use crate::http::caller::Caller;
use crate::http::error::HttpError;
use crate::service::Context;
use session::Session;
use socket::Upgrade;

/// Takes the connection of a device that showed its token.
pub(crate) async fn open(
    State(context): State<Context>,
    caller: Caller,
    upgrade: Upgrade,
) -> Result<Response, HttpError> {
    let seat = context.service.hub.join(caller.account, caller.device);
    let seat = seat.map_err(|_| HttpError::TooManyConnections)?;
    let span = tracing::info_span!("sync", account = %caller.account, device = %caller.device);
    Ok(upgrade.start(move |socket| {
        Session::new(context, caller, seat)
            .run(socket)
            .instrument(span)
    }))
}
