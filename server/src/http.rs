//! The HTTP API: routes, JSON in and out. Decides who may; what is done lies in `store`.

mod accounts;
mod blobs;
pub(crate) mod caller;
mod devices;
pub(crate) mod error;
mod json;
mod media;
mod sessions;
mod unused;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};

use crate::service::Context;
use error::HttpError;

/// All routes.
pub(crate) fn router(context: Context) -> Router {
    Router::new()
        .route("/healthz", get(health))
        .route("/v1/accounts", post(accounts::register))
        .route("/v1/sessions", post(sessions::log_in))
        .route("/v1/devices", get(devices::list))
        .route("/v1/devices/{id}", delete(devices::remove))
        .route("/v1/media", post(media::upload))
        .route("/v1/blobs/{hash}", get(blobs::get))
        .route("/v1/blobs/{hash}/link", post(blobs::link))
        .route("/v1/blobs/{hash}/thumbnail/{side}", get(blobs::thumbnail))
        .route("/v1/blobs/unused", post(unused::report))
        .route("/v1/usage", get(accounts::usage))
        .route("/v1/sync", get(crate::sync::open))
        .fallback(async || HttpError::NotFound)
        .method_not_allowed_fallback(async || HttpError::MethodNotAllowed)
        .layer(axum::middleware::map_response(with_headers))
        .with_state(context)
}

/// Whether the server can do its work.
async fn health(State(context): State<Context>) -> Result<&'static str, HttpError> {
    if context.service.store.is_poisoned() || context.stop.is_stopped() {
        return Err(HttpError::Unhealthy);
    }
    Ok("ok")
}

/// What every answer says to browsers: take it for what it is, keep no copy unless it says otherwise.
async fn with_headers(mut response: Response) -> Response {
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        let headers = response.headers_mut();
        headers.insert(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        );
        headers
            .entry(header::CACHE_CONTROL)
            .or_insert(HeaderValue::from_static("no-store"));
    }
    response.into_response()
}
