//! What the page asks of the vault, as JSON: the shapes are those of `--json`. Every call takes the vault for itself on a thread
//! that may block.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::BlobHash;
use serde_json::{Value, json};

use super::Shared;
use crate::keys::STUDY_KEYS;
use crate::vault::{VaultError, VaultErrorKind};

/// A call that did not come to its end, as the page hears of it.
#[derive(Debug)]
pub(super) struct Failed {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl Failed {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
        }
    }
}

impl From<VaultError> for Failed {
    fn from(error: VaultError) -> Self {
        let (status, code) = match error.kind() {
            VaultErrorKind::NotFound => (StatusCode::NOT_FOUND, "not_found"),
            VaultErrorKind::Usage => (StatusCode::UNPROCESSABLE_ENTITY, "refused"),
            VaultErrorKind::Limit => (StatusCode::UNPROCESSABLE_ENTITY, "limit"),
            _ => (StatusCode::INTERNAL_SERVER_ERROR, "failed"),
        };
        Self::new(status, code, error.to_string())
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        let error = json!({ "error": { "code": self.code, "message": self.message } });
        (self.status, Json(error)).into_response()
    }
}

/// Does a piece of work that may block.
pub(super) async fn work<T: Send + 'static>(
    shared: &Arc<Shared>,
    job: impl FnOnce(&Shared) -> Result<T, Failed> + Send + 'static,
) -> Result<T, Failed> {
    let shared = Arc::clone(shared);
    let done = tokio::task::spawn_blocking(move || job(&shared)).await;
    done.unwrap_or_else(|_| {
        Err(Failed::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "failed",
            "the work ended on the way; what was acknowledged is saved",
        ))
    })
}

pub(super) async fn status(State(shared): State<Arc<Shared>>) -> Result<Json<Value>, Failed> {
    work(&shared, |shared| {
        let status = shared.vault.lock().status()?;
        Ok(Json(json!(status)))
    })
    .await
}

pub(super) async fn decks(State(shared): State<Arc<Shared>>) -> Result<Json<Value>, Failed> {
    work(&shared, |shared| {
        Ok(Json(json!(shared.vault.lock().decks()?)))
    })
    .await
}

pub(super) async fn keys() -> Json<Value> {
    Json(json!(STUDY_KEYS))
}

/// The bytes of a picture or a sound. Nothing in them is carried out, whatever they claim to be.
pub(super) async fn blob(
    State(shared): State<Arc<Shared>>,
    Path(hash): Path<String>,
) -> Result<Response, Failed> {
    let missing = || {
        Failed::new(
            StatusCode::NOT_FOUND,
            "not_found",
            "it is not here yet; a sync brings it",
        )
    };
    let hash: BlobHash = hash.parse().map_err(|_| missing())?;
    work(&shared, move |shared| {
        let vault = shared.vault.lock();
        let kind = vault.media_find(&hash.to_string())?.blob.mime;
        let kind = kind.unwrap_or_else(|| "application/octet-stream".to_owned());
        let bytes = vault.blobs().read(&hash).map_err(|_| missing())?;
        let headers = [
            (header::CONTENT_TYPE, kind),
            (
                header::CONTENT_SECURITY_POLICY,
                "sandbox; default-src 'none'".to_owned(),
            ),
            // Its address is the hash of its bytes.
            (
                header::CACHE_CONTROL,
                "private, max-age=31536000, immutable".to_owned(),
            ),
        ];
        Ok((headers, bytes).into_response())
    })
    .await
}
