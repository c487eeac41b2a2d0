//! Who calls: the device whose token stands in the request. Everything behind it works on this account alone.

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use domain::DeviceId;

use super::error::HttpError;
use crate::auth::token::Token;
use crate::clock::wall_ms;
use crate::listen::Peer;
use crate::service::{Context, Lane};
use crate::store::AccountId;
use crate::store::accounts::Bearer;

/// A device that showed a good token.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller {
    pub(crate) account: AccountId,
    pub(crate) device: DeviceId,
    pub(crate) bearer: Bearer,
}

impl FromRequestParts<Context> for Caller {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, context: &Context) -> Result<Self, HttpError> {
        let token = parts
            .headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .and_then(|(_, token)| Token::parse(token.trim()))
            .ok_or(HttpError::Unauthorized)?;
        let hash = token.hash();
        let bearer = context
            .service
            .disk(Lane::Documents.ours(), move |store| {
                store.bearer(hash, wall_ms())
            })
            .await?
            .ok_or(HttpError::Unauthorized)?;
        if let Some(peer) = parts.extensions.get::<Peer>() {
            peer.authenticated();
        }
        Ok(Self {
            account: bearer.account,
            device: bearer.device,
            bearer,
        })
    }
}
