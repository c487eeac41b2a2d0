//! `POST /v1/media`: a picture or sound as it comes from a camera, for clients that cannot prepare it themselves.

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use base64::prelude::{BASE64_STANDARD, Engine};
use domain::BlobHash;
use media::{Kind, Mime, Prepared, PreparedContent, Wishes};
use serde::{Deserialize, Serialize};
use sync_protocol::Reason;

use super::caller::Caller;
use super::error::HttpError;
use crate::clamd::Verdict;
use crate::clock::{steady_ms, wall_ms};
use crate::limit;
use crate::service::{Context, Lane};
use crate::store::uploaded::{Put, Shape, Source, Uploaded};

#[derive(Deserialize)]
pub(super) struct Named {
    #[serde(default)]
    name: String,
    #[serde(default)]
    keep_original: bool,
}

#[derive(Serialize)]
pub(super) struct MediaAnswer {
    /// BLAKE3 of the upload.
    source: BlobHash,
    #[serde(flatten)]
    uploaded: Uploaded,
    /// Nothing was done: the same upload was prepared before.
    known: bool,
    links: Links,
}

#[derive(Serialize)]
struct Links {
    blob: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    thumbnails: Vec<String>,
}

/// Validates, prepares, stores; answers what a card needs to name it.
pub(super) async fn upload(
    State(context): State<Context>,
    caller: Caller,
    Query(Named {
        name,
        keep_original,
    }): Query<Named>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<MediaAnswer>), HttpError> {
    let account = caller.account;
    let service = &context.service;
    let rate = service.uploads.attempt(account, steady_ms());
    rate.map_err(HttpError::TooManyRequests)?;
    let room = service.media.room_for_upload().await?;
    let bytes = {
        let max = usize::try_from(media::limit::UPLOAD_BYTES_MAX).unwrap_or(usize::MAX);
        let read = to_bytes(body, max).await;
        read.map_err(|_| {
            HttpError::TooLarge(format!("the file has more than {max} bytes or broke off"))
        })?
    };
    agrees_with_its_type(&bytes, &headers)?;
    let source = BlobHash::from_bytes(*blake3::hash(&bytes).as_bytes());
    let made_of = Source {
        upload: source,
        kept: keep_original,
    };
    let known = service
        .disk(Lane::Blobs.of(account), move |store| {
            store.uploaded(account, made_of)
        })
        .await?;
    if let Some(uploaded) = known {
        return Ok((StatusCode::OK, Json(answer(source, uploaded, true))));
    }
    let scanned = bytes.clone();
    let verdict = service
        .disk(Lane::Blobs.of(account), move |store| store.scan(&scanned))
        .await?;
    if let Verdict::Infected(found) = verdict {
        tracing::warn!(%account, %source, found, "an upload is infected and was refused");
        return Err(HttpError::Infected(found));
    }
    let wishes = Wishes { keep_original };
    let prepared = service
        .media
        .work(move |worker| {
            let prepared = worker.prepare(&bytes, &name, wishes);
            drop((bytes, room));
            prepared
        })
        .await?;
    let (uploaded, bytes) = described(prepared);
    let session = service.hub.session();
    let mime = uploaded.mime.clone();
    let put = service
        .disk(Lane::Blobs.of(account), move |store| {
            store.put_blob(account, session, bytes, &mime, wall_ms())
        })
        .await?;
    match put {
        Put::Held => {}
        Put::Stored => service.tell_stored(account, uploaded.blob).await?,
        Put::Arriving => return Err(HttpError::Busy(limit::BUSY_RETRY_AFTER)),
        Put::OverQuota(quota) => return Err(HttpError::OverQuota(quota)),
        Put::Failed => return Err(HttpError::Busy(limit::BUSY_RETRY_AFTER)),
        Put::Refused(Reason::Storage) => return Err(HttpError::DiskFull),
        Put::Refused(Reason::Infected) => {
            let found = "what the server's log names".to_owned();
            return Err(HttpError::Infected(found));
        }
        Put::Refused(reason) => return Err(HttpError::MediaRefused(reason.to_string())),
    }
    let noted = uploaded.clone();
    service
        .disk(Lane::Blobs.of(account), move |store| {
            store.note_uploaded(account, made_of, &noted)
        })
        .await?;
    Ok((StatusCode::CREATED, Json(answer(source, uploaded, false))))
}

/// Content, name and announced type must agree; a type that says nothing of media is not held against the content.
fn agrees_with_its_type(bytes: &[u8], headers: &HeaderMap) -> Result<(), HttpError> {
    let announced = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .map(|value| value.trim().to_lowercase())
        .filter(|value| value.starts_with("image/") || value.starts_with("audio/"));
    let (Some(announced), Some(found)) = (announced, media::sniff(bytes)) else {
        return Ok(());
    };
    let agrees = match announced.parse::<Mime>() {
        Ok(announced) => announced == found,
        // One of the many other names of the same: image/jpg, audio/x-wav.
        Err(_) => found.as_str().split('/').next() == announced.split('/').next(),
    };
    if agrees {
        return Ok(());
    }
    Err(HttpError::MediaRefused(format!(
        "it was announced as {announced} and is {}: send its own type, or none",
        found.as_str()
    )))
}

fn described(prepared: Prepared) -> (Uploaded, Vec<u8>) {
    let shape = match prepared.content {
        PreparedContent::Image(image) => Shape::Image {
            width_px: image.width_px,
            height_px: image.height_px,
            frames: image.frames,
            thumbhash: BASE64_STANDARD.encode(image.thumbhash),
        },
        PreparedContent::Audio(audio) => Shape::Audio {
            duration_ms: audio.duration_ms,
            lufs: audio.lufs,
            gain_db: audio.gain_db,
            peaks: BASE64_STANDARD.encode(audio.peaks),
        },
    };
    let uploaded = Uploaded {
        blob: BlobHash::from_bytes(*blake3::hash(&prepared.bytes).as_bytes()),
        bytes: prepared.bytes.len() as u64,
        mime: prepared.mime.as_str().to_owned(),
        name: prepared.name,
        shape,
        notes: prepared.notes,
    };
    (uploaded, prepared.bytes)
}

fn answer(source: BlobHash, uploaded: Uploaded, known: bool) -> MediaAnswer {
    let blob = format!("/v1/blobs/{}", uploaded.blob);
    let is_picture = uploaded.mime.parse::<Mime>().map(Mime::kind) == Ok(Kind::Image);
    let thumbnails = limit::THUMBNAIL_SIDES_PX
        .iter()
        .filter(|_| is_picture)
        .map(|side| format!("{blob}/thumbnail/{side}"))
        .collect();
    MediaAnswer {
        source,
        uploaded,
        known,
        links: Links { blob, thumbnails },
    }
}
