//! `POST /v1/sessions`: a device logs in. An unknown user and a wrong password cannot be told apart, by words or time.

use axum::extract::State;
use axum::{Extension, Json};
use domain::{DeviceId, VaultId};
use serde::{Deserialize, Serialize};

use super::error::HttpError;
use super::json::JsonBody;
use crate::auth::password::Password;
use crate::auth::rate::{Network, Who};
use crate::auth::token::Token;
use crate::auth::user_name::UserName;
use crate::clock::{steady_ms, wall_ms};
use crate::limit;
use crate::listen::Peer;
use crate::service::{Context, Lane, Service};
use crate::store::accounts::{Login, NewDevice};

#[derive(Deserialize)]
pub(super) struct LogIn {
    user: String,
    password: Password,
    device: DeviceBody,
}

#[derive(Deserialize)]
struct DeviceBody {
    id: DeviceId,
    #[serde(default)]
    name: String,
}

#[derive(Serialize)]
pub(super) struct LoggedIn {
    token: String,
    device: DeviceId,
    vault: VaultId,
}

/// Checks the password and gives the device a token.
pub(super) async fn log_in(
    State(context): State<Context>,
    Extension(peer): Extension<Peer>,
    JsonBody(body): JsonBody<LogIn>,
) -> Result<Json<LoggedIn>, HttpError> {
    let service = &context.service;
    let device = body.device.id;
    let name = device_name(body.device.name)?;
    let user = UserName::parse(&body.user).ok();
    let spelling = user.as_ref().map_or("", UserName::as_str).to_owned();
    let (login, is_known) = find(service, user, device).await?;
    let who = if is_known {
        Who::Known(spelling, device.to_bytes())
    } else {
        Who::Stranger(spelling, Network::of(peer.address.ip()))
    };
    let rate = service.rates.attempt(&who, peer.address.ip(), steady_ms());
    rate.map_err(HttpError::TooManyRequests)?;

    let stored = login.as_ref().map(|login| login.password.clone());
    let checked = service.passwords.check(body.password, stored).await?;
    let Some(login) = login.filter(|_| checked.right) else {
        return Err(HttpError::LoginFailed);
    };
    service.rates.succeeded(&who);
    let token = Token::draw()?;
    let new = NewDevice {
        id: device,
        name,
        token: token.hash(),
    };
    let account = login.account;
    service
        .disk(Lane::Documents.of(account), move |store| {
            if let Some(rehash) = checked.rehash {
                store.set_password(account, rehash, false)?;
            }
            store.log_in_device(account, new, wall_ms())
        })
        .await?;
    // The device's former token is void, and so are its open connections.
    let reason = "this device logged in again";
    service.hub.close(account, Some(device), reason);
    tracing::info!(%account, %device, "a device logged in");
    Ok(Json(LoggedIn {
        token: token.reveal().to_string(),
        device,
        vault: login.vault,
    }))
}

/// The login of a name, and whether the account has this device already.
async fn find(
    service: &Service,
    user: Option<UserName>,
    device: DeviceId,
) -> Result<(Option<Login>, bool), HttpError> {
    let Some(user) = user else {
        return Ok((None, false));
    };
    let found = service
        .disk(Lane::Documents.ours(), move |store| {
            let Some(login) = store.login(&user)? else {
                return Ok((None, false));
            };
            let is_known = store.has_device(login.account, device)?;
            Ok((Some(login), is_known))
        })
        .await?;
    Ok(found)
}

fn device_name(name: String) -> Result<String, HttpError> {
    if name.len() > limit::DEVICE_NAME_BYTES_MAX || name.chars().any(char::is_control) {
        let max = limit::DEVICE_NAME_BYTES_MAX;
        return Err(HttpError::BadRequest(format!(
            "the name of a device has at most {max} bytes and no control characters"
        )));
    }
    Ok(if name.trim().is_empty() {
        "device".to_owned()
    } else {
        name
    })
}
