//! `GET /v1/sync`: one WebSocket a device. The session machine of `sync_protocol` decides; this carries frames, disk
//! work and news of the hub to and from it.

mod jobs;
mod session;
pub(crate) mod socket;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use sync_protocol::{OPENING_HEADER, OPENING_TAKEN, decode_opening};
use tracing::Instrument;

use crate::http::caller::Caller;
use crate::http::error::HttpError;
use crate::service::Context;
use session::Session;
use socket::Upgrade;

/// Takes the connection of a device that showed its token, and the frames that stand in the request's head.
pub(crate) async fn open(
    State(context): State<Context>,
    caller: Caller,
    headers: HeaderMap,
    upgrade: Upgrade,
) -> Result<Response, HttpError> {
    let seat = context.service.hub.join(caller.account, caller.device);
    let seat = seat.map_err(|_| HttpError::TooManyConnections)?;
    let span = tracing::info_span!("sync", account = %caller.account, device = %caller.device);
    let opening = headers
        .get(OPENING_HEADER)
        .and_then(|value| decode_opening(value.to_str().ok()?));
    let is_taken = opening.is_some();
    let mut answer = upgrade.start(move |socket| {
        Session::new(context, caller, seat)
            .run(socket, opening.unwrap_or_default())
            .instrument(span)
    });
    if is_taken {
        let taken = HeaderValue::from_static(OPENING_TAKEN);
        answer.headers_mut().insert(OPENING_HEADER, taken);
    }
    Ok(answer)
}
