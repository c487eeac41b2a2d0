//! Who may talk to the page: a browser that was opened with the launch token, on this machine, from this page. A page of another
//! origin, a name that was pointed here, a form and a frame are refused; every answer forbids the browser what the page does not need.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Shared;

/// The cookie that stands for the token after the launch.
const COOKIE: &str = "memoryvault";

/// What every answer says: nothing from elsewhere, nothing in a frame, nothing kept.
const HEADERS: [(HeaderName, &str); 7] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self'; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

/// The secrets of a launch and the names under which the page may be asked for.
pub(super) struct Guard {
    token: String,
    cookie: String,
    hosts: [String; 2],
}

impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guard")
            .field("hosts", &self.hosts)
            .finish_non_exhaustive()
    }
}

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    Host,
    Login,
    Origin,
}

impl Guard {
    pub(super) fn new(port: u16, token: String, cookie: String) -> Self {
        let hosts = ["127.0.0.1", "localhost"].map(|name| format!("{name}:{port}"));
        Self {
            token,
            cookie,
            hosts,
        }
    }

    pub(super) fn token(&self) -> &str {
        &self.token
    }

    fn refuses(&self, method: &Method, headers: &HeaderMap) -> Option<Refusal> {
        let Some(host) = self.host(headers) else {
            return Some(Refusal::Host);
        };
        let word = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let is_read = [Method::GET, Method::HEAD].contains(method);
        let origin = word(header::ORIGIN);
        let is_own = origin.is_some_and(|origin| origin == format!("http://{host}"));
        if !is_own && (!is_read || origin.is_some()) {
            return Some(Refusal::Origin);
        }
        let given = headers.get_all(header::COOKIE).iter().any(|value| {
            let cookies = value.to_str().unwrap_or_default().split(';');
            cookies
                .filter_map(|cookie| cookie.trim().split_once('='))
                .any(|(name, value)| name == COOKIE && same(value, &self.cookie))
        });
        (!given).then_some(Refusal::Login)
    }

    fn host<'h>(&self, headers: &'h HeaderMap) -> Option<&'h str> {
        let host = headers.get(header::HOST)?.to_str().ok()?;
        self.hosts.iter().any(|own| own == host).then_some(host)
    }
}

/// Compares secrets without telling by time where they differ.
fn same(one: &str, other: &str) -> bool {
    // Hashes of what is compared tell nothing of it.
    blake3::hash(one.as_bytes()) == blake3::hash(other.as_bytes())
}

/// Lets a request through, or refuses it; every answer carries the page's headers.
pub(super) async fn check(
    State(shared): State<Arc<Shared>>,
    request: Request<Body>,
    next: Next,
) -> Response {
    let guard = &shared.guard;
    let refusal = guard.refuses(request.method(), request.headers());
    let launch = request
        .uri()
        .query()
        .and_then(|query| query.strip_prefix("token="));
    let mut answer = match (refusal, launch) {
        (Some(Refusal::Login) | None, Some(token))
            if request.uri().path() == "/" && same(token, &guard.token) =>
        {
            // The token leaves the address bar at once.
            let cookie = format!(
                "{COOKIE}={}; HttpOnly; SameSite=Strict; Path=/",
                guard.cookie
            );
            let headers = [
                (header::SET_COOKIE, cookie),
                (header::LOCATION, "/".to_owned()),
            ];
            (StatusCode::SEE_OTHER, headers).into_response()
        }
        (None, _) => next.run(request).await,
        (Some(Refusal::Host), _) => (
            StatusCode::MISDIRECTED_REQUEST,
            "This page answers on this machine only.\n",
        )
            .into_response(),
        (Some(Refusal::Origin), _) => (
            StatusCode::FORBIDDEN,
            "This request comes from another page.\n",
        )
            .into_response(),
        (Some(Refusal::Login), _) => (
            StatusCode::UNAUTHORIZED,
            "Open the address that `memoryvault web` printed: it lets you in.\n",
        )
            .into_response(),
    };
    for (name, value) in HEADERS {
        // A blob has a stricter policy of its own.
        answer
            .headers_mut()
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    answer
}
