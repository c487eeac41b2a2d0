//! `GET /v1/blobs/{hash}`, its thumbnails, and links to it that expire.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{FromRequestParts, Path, Query, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use domain::{BlobHash, VaultId};
use futures_util::stream;
use headers::{ETag, HeaderMapExt, IfNoneMatch, IfRange};
use media::{Kind, Mime};
use serde::{Deserialize, Serialize};
use sync_protocol::server::BlobRead;

use super::caller::Caller;
use super::error::HttpError;
use super::json::JsonBody;
use crate::clock::{steady_ms, wall_ms};
use crate::limit;
use crate::link::Grant;
use crate::service::{Context, Lane, Service};
use crate::store::AccountId;

/// Whose blobs may be read: those of a token's account, or the one blob of a signed link.
pub(super) struct Reader(AccountId);

#[derive(Deserialize)]
struct Signed {
    account: String,
    expires: u64,
    signature: String,
}

impl FromRequestParts<Context> for Reader {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, context: &Context) -> Result<Self, HttpError> {
        let Ok(Query(signed)) = Query::<Signed>::try_from_uri(&parts.uri) else {
            let caller = Caller::from_request_parts(parts, context).await?;
            return Ok(Self(caller.account));
        };
        let Path(hash) = Path::<String>::from_request_parts(parts, context)
            .await
            .map_err(|_| HttpError::NotFound)?;
        let account: VaultId = signed.account.parse().map_err(|_| HttpError::NotFound)?;
        let grant = Grant {
            account: AccountId::from_bytes(account.to_bytes()),
            hash: hash.parse().map_err(|_| HttpError::NotFound)?,
            expires_s: signed.expires,
        };
        let links = context.service.store.links();
        if !links.allows(&grant, &signed.signature, wall_ms() / 1_000) {
            return Err(HttpError::NotFound);
        }
        Ok(Self(grant.account))
    }
}

/// The blob, or the part of it that is asked for.
pub(super) async fn get(
    State(context): State<Context>,
    Reader(account): Reader,
    Path(hash): Path<String>,
    asked: HeaderMap,
) -> Result<Response, HttpError> {
    let hash: BlobHash = hash.parse().map_err(|_| HttpError::NotFound)?;
    let service = &context.service;
    let blob = service
        .disk(Lane::Blobs.of(account), move |store| {
            store.stored_blob(account, hash)
        })
        .await?
        .ok_or(HttpError::NotFound)?;
    let etag = etag(&hash.to_string())?;
    let mut headers = safe(&etag);
    if is_known(&asked, &etag) {
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    let mime = blob.mime.parse::<Mime>().ok();
    let kind = mime.map_or("application/octet-stream", Mime::as_str);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CONTENT_DISPOSITION, disposition(hash, mime)?);
    let (status, from, to) = match part(&asked, &etag, blob.bytes) {
        Part::Whole => (StatusCode::OK, 0, blob.bytes),
        Part::Some { from, to } => {
            let range = format!("bytes {from}-{}/{}", to - 1, blob.bytes);
            headers.insert(header::CONTENT_RANGE, value(&range)?);
            (StatusCode::PARTIAL_CONTENT, from, to)
        }
        Part::Nothing => {
            let range = format!("bytes */{}", blob.bytes);
            headers.insert(header::CONTENT_RANGE, value(&range)?);
            return Ok((StatusCode::RANGE_NOT_SATISFIABLE, headers).into_response());
        }
    };
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(to - from));
    let body = body(Arc::clone(service), account, hash, from, to);
    Ok((status, headers, body).into_response())
}

/// A small WebP copy of a picture, made anew for each who asks: devices keep theirs.
pub(super) async fn thumbnail(
    State(context): State<Context>,
    caller: Caller,
    Path((hash, side)): Path<(String, u32)>,
    asked: HeaderMap,
) -> Result<Response, HttpError> {
    let account = caller.account;
    let rate = context.service.thumbnails.attempt(account, steady_ms());
    rate.map_err(HttpError::TooManyRequests)?;
    let hash: BlobHash = hash.parse().map_err(|_| HttpError::NotFound)?;
    if !limit::THUMBNAIL_SIDES_PX.contains(&side) {
        return Err(HttpError::NotFound);
    }
    let service = &context.service;
    let blob = service
        .disk(Lane::Blobs.of(account), move |store| {
            store.stored_blob(account, hash)
        })
        .await?
        .ok_or(HttpError::NotFound)?;
    if blob.mime.parse::<Mime>().map(Mime::kind) != Ok(Kind::Image) {
        return Err(HttpError::NotFound);
    }
    let etag = etag(&format!("{hash}-{side}"))?;
    let mut headers = safe(&etag);
    if is_known(&asked, &etag) {
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    let bytes = service
        .disk(Lane::Blobs.of(account), move |store| {
            store.whole_blob(account, hash)
        })
        .await?;
    let small = service
        .media
        .work(move |worker| worker.thumbnail(&bytes, side))
        .await?;
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("image/webp"));
    Ok((headers, small).into_response())
}

#[derive(Deserialize)]
pub(super) struct LinkBody {
    #[serde(default = "link_seconds")]
    seconds: u64,
}

#[derive(Serialize)]
pub(super) struct LinkAnswer {
    path: String,
    expires_at_ms: u64,
}

fn link_seconds() -> u64 {
    limit::LINK_SECONDS_DEFAULT
}

/// Makes a link that anybody may follow for a while.
pub(super) async fn link(
    State(context): State<Context>,
    caller: Caller,
    Path(hash): Path<String>,
    JsonBody(body): JsonBody<LinkBody>,
) -> Result<Json<LinkAnswer>, HttpError> {
    let account = caller.account;
    let hash: BlobHash = hash.parse().map_err(|_| HttpError::NotFound)?;
    let max = limit::LINK_SECONDS_MAX;
    if !(1..=max).contains(&body.seconds) {
        let message = format!("a link lives 1 to {max} seconds");
        return Err(HttpError::BadRequest(message));
    }
    context
        .service
        .disk(Lane::Blobs.of(account), move |store| {
            store.stored_blob(account, hash)
        })
        .await?
        .ok_or(HttpError::NotFound)?;
    let grant = Grant {
        account,
        hash,
        expires_s: wall_ms() / 1_000 + body.seconds,
    };
    let signature = context.service.store.links().sign(&grant);
    let expires = grant.expires_s;
    Ok(Json(LinkAnswer {
        path: format!("/v1/blobs/{hash}?account={account}&expires={expires}&signature={signature}"),
        expires_at_ms: expires * 1_000,
    }))
}

/// What of a blob is asked for.
enum Part {
    Whole,
    Some { from: u64, to: u64 },
    Nothing,
}

/// A single range is honoured; several, or one that can not be read, mean the whole.
fn part(asked: &HeaderMap, etag: &ETag, len: u64) -> Part {
    let unchanged = asked
        .typed_get::<IfRange>()
        .is_none_or(|if_range| !if_range.is_modified(Some(etag), None));
    asked
        .get(header::RANGE)
        .filter(|_| unchanged)
        .and_then(|range| single(range.to_str().ok()?, len))
        .unwrap_or(Part::Whole)
}

/// The one range of a header; none where there are several, or no range.
fn single(range: &str, len: u64) -> Option<Part> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let (first, last) = (first.trim(), last.trim());
    let (from, to) = if first.is_empty() {
        (len.saturating_sub(last.parse().ok()?), len)
    } else if last.is_empty() {
        (first.parse().ok()?, len)
    } else {
        let (from, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
        if last < from {
            return None;
        }
        (from, last.saturating_add(1).min(len))
    };
    Some(if from < to {
        Part::Some { from, to }
    } else {
        Part::Nothing
    })
}

fn is_known(asked: &HeaderMap, etag: &ETag) -> bool {
    asked
        .typed_get::<IfNoneMatch>()
        .is_some_and(|known| !known.precondition_passes(etag))
}

/// What a browser is told of every blob: it is these bytes for ever, and no page.
fn safe(etag: &ETag) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.typed_insert(etag.clone());
    let fixed: [(HeaderName, &'static str); 3] = [
        (
            header::CACHE_CONTROL,
            "private, max-age=31536000, immutable",
        ),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; sandbox",
        ),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
}

fn etag(name: &str) -> Result<ETag, HttpError> {
    let etag = format!("\"{name}\"").parse();
    etag.map_err(|_| HttpError::NotFound)
}

fn value(text: &str) -> Result<HeaderValue, HttpError> {
    HeaderValue::from_str(text).map_err(|error| HttpError::Internal(Box::new(error)))
}

/// Pictures and sounds are shown; under their hash, for names of files are the cards' own.
fn disposition(hash: BlobHash, mime: Option<Mime>) -> Result<HeaderValue, HttpError> {
    value(&match mime {
        Some(mime) => format!("inline; filename=\"{hash}.{}\"", mime.usual_extension()),
        None => format!("attachment; filename=\"{hash}\""),
    })
}

/// Pieces of a blob, each read when the one before has left.
fn body(service: Arc<Service>, account: AccountId, hash: BlobHash, from: u64, to: u64) -> Body {
    let pieces = stream::try_unfold(from, move |at| {
        let service = Arc::clone(&service);
        async move {
            let len = to.saturating_sub(at).min(limit::DOWNLOAD_PIECE_BYTES);
            if len == 0 {
                return Ok(None);
            }
            let read = service.disk(Lane::Blobs.of(account), move |store| {
                store.read_blob(account, hash, at, usize::try_from(len).unwrap_or(0))
            });
            match read.await {
                Ok(BlobRead::Bytes(bytes)) => Ok(Some((Bytes::from(bytes), at + len))),
                Ok(BlobRead::Failed) => Err(std::io::Error::other("the blob has gone")),
                Err(error) => Err(std::io::Error::other(error)),
            }
        }
    });
    Body::from_stream(pieces)
}
