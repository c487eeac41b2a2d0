//! Errors of the HTTP edge: a status, a stable code, words for a person. The cause goes to the log only.

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use sync_protocol::Quota;

use crate::auth::password::{HashError, PasswordRefused};
use crate::auth::user_name::BadUserName;
use crate::limit;
use crate::service::DiskError;
use crate::store::StoreError;

/// What a request is answered when it cannot be done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    #[error("{0}")]
    BadRequest(String),
    #[error("user name or password is wrong")]
    LoginFailed,
    #[error("a valid device token is needed: log in again")]
    Unauthorized,
    #[error("there is nothing here under this name")]
    NotFound,
    #[error("{0}")]
    Conflict(String),
    #[error("this server takes no registrations: ask the person who hosts it for an account")]
    RegistrationClosed,
    #[error("too many attempts: try again in {} s", seconds(.0))]
    TooManyRequests(Duration),
    #[error("the server is busy: try again in {} s", seconds(.0))]
    Busy(Duration),
    #[error("the account has as many open connections as it may have: close one first")]
    TooManyConnections,
    #[error("this can not be done here")]
    MethodNotAllowed,
    #[error("the server is stopping or its disk has failed; its log says more")]
    Unhealthy,
    #[error("{0}")]
    TooLarge(String),
    #[error("{0}")]
    MediaRefused(String),
    #[error(
        "the file is infected with {0} and was not stored: remove it from the device it came from"
    )]
    Infected(String),
    #[error("the malware scanner gave no answer, and without one nothing is stored: try again in {} s", seconds(.0))]
    ScannerAway(Duration),
    #[error("over the account's quota: {} of {} bytes are used; remove pictures or sounds, or ask the person who hosts the server for more", .0.used, .0.limit)]
    OverQuota(Quota),
    #[error("the request took too long: try again")]
    TimedOut,
    #[error("the server's disk is full: nothing was changed")]
    DiskFull,
    #[error("something went wrong on the server; its log says more")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

#[derive(Serialize)]
struct Body {
    error: Inner,
}

#[derive(Serialize)]
struct Inner {
    code: &'static str,
    message: String,
}

impl HttpError {
    fn status_and_code(&self) -> (StatusCode, &'static str) {
        match self {
            Self::BadRequest(_) => (StatusCode::BAD_REQUEST, "bad_request"),
            Self::LoginFailed | Self::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized"),
            Self::NotFound => (StatusCode::NOT_FOUND, "not_found"),
            Self::Conflict(_) => (StatusCode::CONFLICT, "conflict"),
            Self::RegistrationClosed => (StatusCode::FORBIDDEN, "registration_closed"),
            Self::TooManyRequests(_) => (StatusCode::TOO_MANY_REQUESTS, "too_many_requests"),
            Self::Busy(_) => (StatusCode::SERVICE_UNAVAILABLE, "too_many_requests"),
            Self::TooManyConnections => (StatusCode::TOO_MANY_REQUESTS, "too_many_requests"),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "bad_request"),
            Self::Unhealthy => (StatusCode::SERVICE_UNAVAILABLE, "unhealthy"),
            Self::TooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
            Self::MediaRefused(_) => (StatusCode::UNPROCESSABLE_ENTITY, "media_refused"),
            Self::Infected(_) => (StatusCode::UNPROCESSABLE_ENTITY, "infected"),
            Self::ScannerAway(_) => (StatusCode::SERVICE_UNAVAILABLE, "scanner_away"),
            Self::OverQuota(_) => (StatusCode::INSUFFICIENT_STORAGE, "over_quota"),
            Self::TimedOut => (StatusCode::SERVICE_UNAVAILABLE, "timed_out"),
            Self::DiskFull => (StatusCode::INSUFFICIENT_STORAGE, "disk_full"),
            Self::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::TooManyRequests(wait) | Self::Busy(wait) | Self::ScannerAway(wait) => Some(*wait),
            Self::TimedOut | Self::TooManyConnections => Some(Duration::from_secs(1)),
            _ => None,
        }
    }
}

impl IntoResponse for HttpError {
    fn into_response(self) -> Response {
        let (status, code) = self.status_and_code();
        if let Self::Internal(cause) = &self {
            tracing::error!(cause = %Chain(cause.as_ref()), "a request failed");
        }
        let body = Body {
            error: Inner {
                code,
                message: self.to_string(),
            },
        };
        let mut response = (status, Json(body)).into_response();
        let headers = response.headers_mut();
        if let Some(wait) = self.retry_after() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds(&wait)));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"memoryvault\""),
            );
        }
        response
    }
}

impl From<StoreError> for HttpError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::UserExists(_) | StoreError::TooManyDevices => {
                Self::Conflict(error.to_string())
            }
            StoreError::UnknownAccount | StoreError::UnknownDevice => Self::NotFound,
            StoreError::Full(_) => {
                tracing::error!(cause = %Chain(&error), "the disk is full");
                Self::DiskFull
            }
            StoreError::Scanner(error) => {
                tracing::error!(%error, "the malware scanner gave no answer");
                Self::ScannerAway(limit::CLAMD_RETRY_AFTER)
            }
            StoreError::Busy => Self::Busy(limit::BUSY_RETRY_AFTER),
            other => Self::Internal(Box::new(other)),
        }
    }
}

impl From<DiskError> for HttpError {
    fn from(error: DiskError) -> Self {
        match error {
            DiskError::Store(error) => error.into(),
            DiskError::Pool(error) => Self::Internal(Box::new(error)),
        }
    }
}

impl From<HashError> for HttpError {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Busy => Self::Busy(limit::BUSY_RETRY_AFTER),
            HashError::Argon(_) | HashError::Pool(_) => Self::Internal(Box::new(error)),
        }
    }
}

impl From<PasswordRefused> for HttpError {
    fn from(refused: PasswordRefused) -> Self {
        Self::BadRequest(refused.to_string())
    }
}

impl From<BadUserName> for HttpError {
    fn from(bad: BadUserName) -> Self {
        Self::BadRequest(bad.to_string())
    }
}

impl From<getrandom::Error> for HttpError {
    fn from(error: getrandom::Error) -> Self {
        Self::Internal(Box::new(error))
    }
}

/// An error with its causes on one line, for the log.
pub(crate) struct Chain<'a>(pub(crate) &'a (dyn std::error::Error + 'static));

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

/// Whole seconds, rounded up.
fn seconds(wait: &Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}
