//! `GET /v1/devices` and `DELETE /v1/devices/{id}`.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use domain::DeviceId;
use serde::Serialize;

use super::caller::Caller;
use super::error::HttpError;
use crate::service::{Context, Lane};

#[derive(Serialize)]
pub(super) struct DeviceAnswer {
    id: DeviceId,
    name: String,
    created_at_ms: u64,
    last_seen_ms: u64,
    current: bool,
}

/// The devices of the caller's account.
pub(super) async fn list(
    State(context): State<Context>,
    caller: Caller,
) -> Result<Json<Vec<DeviceAnswer>>, HttpError> {
    let account = caller.account;
    let devices = context
        .service
        .disk(Lane::Documents.of(account), move |store| {
            store.devices(account)
        })
        .await?;
    let answer = devices.into_iter().map(|device| DeviceAnswer {
        current: device.id == caller.device,
        id: device.id,
        name: device.name,
        created_at_ms: device.created_at_ms,
        last_seen_ms: device.last_seen_ms,
    });
    Ok(Json(answer.collect()))
}

/// Removes a device of the caller's account: its token ends, and so do its open connections.
pub(super) async fn remove(
    State(context): State<Context>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, HttpError> {
    let device: DeviceId = id.parse().map_err(|_| HttpError::NotFound)?;
    let account = caller.account;
    context
        .service
        .disk(Lane::Documents.of(account), move |store| {
            store.remove_device(account, device)
        })
        .await?;
    let reason = "this device was removed from its account: log in again";
    context.service.hub.close(account, Some(device), reason);
    tracing::info!(%account, %device, "a device was removed");
    Ok(StatusCode::NO_CONTENT)
}
