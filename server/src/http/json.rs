//! Request bodies: small JSON objects, refused with words of our own.

use axum::body::{Body, to_bytes};
use axum::extract::{FromRequest, Request};
use serde::de::DeserializeOwned;

use super::error::HttpError;
use crate::limit;

/// A request's body as JSON.
pub(super) struct JsonBody<T>(pub(super) T);

impl<T, S> FromRequest<S> for JsonBody<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = HttpError;

    async fn from_request(request: Request<Body>, _: &S) -> Result<Self, HttpError> {
        let bytes = to_bytes(request.into_body(), limit::BODY_BYTES_MAX)
            .await
            .map_err(|_| {
                let max = limit::BODY_BYTES_MAX;
                HttpError::BadRequest(format!("the body has more than {max} bytes or broke off"))
            })?;
        // serde's words may quote the body, which holds passwords.
        let value = serde_json::from_slice(&bytes).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            HttpError::BadRequest(format!(
                "the body is not the expected JSON object (line {line}, column {column})"
            ))
        })?;
        Ok(Self(value))
    }
}
