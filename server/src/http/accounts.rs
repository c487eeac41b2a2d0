//! `POST /v1/accounts` and `GET /v1/usage`.

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use domain::VaultId;
use serde::{Deserialize, Serialize};

use super::caller::Caller;
use super::error::HttpError;
use super::json::JsonBody;
use crate::auth::password::Password;
use crate::auth::user_name::UserName;
use crate::clock::{steady_ms, wall_ms};
use crate::config::Registration;
use crate::listen::Peer;
use crate::service::{Context, Lane};

#[derive(Deserialize)]
pub(super) struct Register {
    user: String,
    password: Password,
}

#[derive(Serialize)]
pub(super) struct Registered {
    account: String,
    vault: VaultId,
}

/// Makes an account, where that is open.
pub(super) async fn register(
    State(context): State<Context>,
    Extension(peer): Extension<Peer>,
    JsonBody(body): JsonBody<Register>,
) -> Result<(StatusCode, Json<Registered>), HttpError> {
    let service = &context.service;
    if service.registration == Registration::Closed {
        return Err(HttpError::RegistrationClosed);
    }
    let rate = service.rates.registration(peer.address.ip(), steady_ms());
    rate.map_err(HttpError::TooManyRequests)?;
    let user = UserName::parse(&body.user)?;
    body.password.acceptable_for(user.as_str())?;
    let hash = service.passwords.hash(body.password).await?;
    let (account, vault) = service
        .disk(Lane::Documents.ours(), move |store| {
            store.add_account(&user, hash, wall_ms())
        })
        .await?;
    tracing::info!(%account, "an account was made");
    let registered = Registered {
        account: account.to_string(),
        vault,
    };
    Ok((StatusCode::CREATED, Json(registered)))
}

#[derive(Serialize)]
pub(super) struct UsageAnswer {
    quota_used_bytes: u64,
    quota_limit_bytes: u64,
    documents: u64,
    document_bytes: u64,
    blobs: u64,
    devices: u64,
}

/// What the caller's account uses.
pub(super) async fn usage(
    State(context): State<Context>,
    caller: Caller,
) -> Result<Json<UsageAnswer>, HttpError> {
    let account = caller.account;
    let usage = context
        .service
        .disk(Lane::Documents.of(account), move |store| {
            store.usage(account)
        })
        .await?;
    Ok(Json(UsageAnswer {
        quota_used_bytes: usage.quota_used_bytes,
        quota_limit_bytes: usage.quota_limit_bytes,
        documents: usage.documents,
        document_bytes: usage.document_bytes,
        blobs: usage.blobs,
        devices: usage.devices,
    }))
}
