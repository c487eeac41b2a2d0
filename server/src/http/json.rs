//! Request bodies: JSON objects, refused with words of our own.

use axum::body::{Body, to_bytes};
use axum::extract::{FromRequest, Request};
use serde::de::DeserializeOwned;

use super::error::HttpError;
use crate::limit;

/// A request's body as JSON, of at most so many bytes.
pub(super) struct JsonBody<T, const BYTES_MAX: usize = { limit::BODY_BYTES_MAX }>(pub(super) T);

impl<T, S, const BYTES_MAX: usize> FromRequest<S> for JsonBody<T, BYTES_MAX>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = HttpError;

    async fn from_request(request: Request<Body>, _: &S) -> Result<Self, HttpError> {
        let bytes = to_bytes(request.into_body(), BYTES_MAX)
            .await
            .map_err(|_| {
                HttpError::BadRequest(format!(
                    "the body has more than {BYTES_MAX} bytes or broke off"
                ))
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
