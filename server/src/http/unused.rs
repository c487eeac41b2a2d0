//! `POST /v1/blobs/unused`: a device says which blobs no card names any more, and learns what other devices have said.

use axum::Json;
use axum::extract::State;
use domain::BlobHash;
use serde::{Deserialize, Serialize};

use super::caller::Caller;
use super::error::HttpError;
use super::json::JsonBody;
use crate::clock::wall_ms;
use crate::limit;
use crate::service::{Context, Lane};
use crate::store::unused::Report;

#[derive(Deserialize)]
pub(super) struct ReportBody {
    #[serde(default)]
    unused: Vec<BlobHash>,
    #[serde(default)]
    purged: Vec<BlobHash>,
    #[serde(default)]
    seen: u64,
}

#[derive(Serialize)]
pub(super) struct NewsAnswer {
    unused: Vec<BlobHash>,
    purged: Vec<BlobHash>,
    seen: u64,
    more: bool,
    grace_days: u64,
}

/// Takes a report of unused blobs.
pub(super) async fn report(
    State(context): State<Context>,
    caller: Caller,
    JsonBody(body): JsonBody<ReportBody, { limit::UNUSED_BODY_BYTES_MAX }>,
) -> Result<Json<NewsAnswer>, HttpError> {
    let (named, max) = (body.unused.len() + body.purged.len(), limit::UNUSED_A_PAGE);
    if named > max {
        return Err(HttpError::BadRequest(format!(
            "{named} blobs in one report; send {max} at most, and the others after them"
        )));
    }
    let account = caller.account;
    let report = Report {
        unused: body.unused,
        purged: body.purged,
        seen: body.seen,
    };
    let service = &context.service;
    let (news, gone) = service
        .disk(Lane::Blobs.of(account), move |store| {
            store.report_unused(account, report, wall_ms())
        })
        .await?;
    service.tell_gone(account, gone).await?;
    let (purged, unused): (Vec<_>, Vec<_>) = news.notes.into_iter().partition(|note| note.purged);
    let hashes = |notes: Vec<crate::store::unused::Note>| notes.into_iter().map(|note| note.hash);
    Ok(Json(NewsAnswer {
        unused: hashes(unused).collect(),
        purged: hashes(purged).collect(),
        seen: news.seen,
        more: news.more,
        grace_days: service.unused_grace.as_secs() / (24 * 3600),
    }))
}
