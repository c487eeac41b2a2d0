//! Accounts, logins, devices and their errors, over HTTP.

use domain::DeviceId;
use serde_json::json;
use server::Registration;

use crate::host::{Host, PASSWORD};

fn code(answer: &crate::host::Answer) -> (u16, &str) {
    let code = answer.body["error"]["code"].as_str().unwrap();
    assert!(!answer.body["error"]["message"].as_str().unwrap().is_empty());
    (answer.status, code)
}

#[test]
fn an_account_is_made_once_and_logs_devices_in() {
    let host = Host::new();
    let made = host.register("Ann");
    assert_eq!(made.status, 201);
    assert_eq!(code(&host.register("ann")), (409, "conflict"));
    let laptop = host.log_in("ann", 1);
    let phone = host.log_in("ANN", 2);
    assert_eq!(made.body["vault"], laptop.vault);
    assert_eq!(phone.vault, laptop.vault);
    assert_ne!(phone.token, laptop.token);
    assert!(phone.token.starts_with("mv1_") && phone.token.len() == 68);

    let devices = host.get("/v1/devices", &phone.token);
    let devices = devices.body.as_array().unwrap().clone();
    let current: Vec<_> = devices
        .iter()
        .map(|device| device["current"].clone())
        .collect();
    assert_eq!(current, [json!(false), json!(true)]);
    assert_eq!(devices[0]["name"], "device 1");
    assert!(devices[0]["created_at_ms"].as_u64().unwrap() > 1_600_000_000_000);
    let usage = host.get("/v1/usage", &phone.token).body;
    let expected = json!({
        "quota_used_bytes": 0, "quota_limit_bytes": 1 << 30, "documents": 0,
        "document_bytes": 0, "blobs": 0, "devices": 2,
    });
    assert_eq!(usage, expected);
}

#[test]
fn an_unknown_user_and_a_wrong_password_get_the_same_answer() {
    let host = Host::new();
    host.register("ann");
    let wrong = host.try_log_in("ann", "quite a bad one", 1);
    assert_eq!(code(&wrong), (401, "unauthorized"));
    for user in ["bob", "no such name at all!", ""] {
        assert_eq!(host.try_log_in(user, PASSWORD, 1), wrong, "{user:?}");
    }
    let long = "x".repeat(5_000);
    assert_eq!(host.try_log_in("ann", &long, 1), wrong);
    assert_eq!(host.try_log_in("ann", "", 1), wrong);
}

#[test]
fn guessing_is_slowed_and_a_known_device_is_not() {
    let host = Host::new();
    host.register("ann");
    host.log_in("ann", 1);
    let mut last = host.try_log_in("ann", "guess number 0", 9);
    for n in 1..6 {
        last = host.try_log_in("ann", &format!("guess number {n}"), 9);
    }
    assert_eq!(code(&last), (429, "too_many_requests"));
    let wait: u64 = last.retry_after.unwrap().parse().unwrap();
    assert!((1..=12).contains(&wait), "{wait}");
    host.log_in("ann", 1);
}

#[test]
fn bad_registrations_are_refused_with_reasons() {
    let host = Host::new();
    let cases = [
        (json!({"user": "ann", "password": "short"}), "at least 10"),
        (
            json!({"user": "ann", "password": "x".repeat(257)}),
            "at most 256",
        ),
        (
            json!({"user": "ann", "password": "1234567890"}),
            "choose another",
        ),
        (json!({"user": "a b", "password": PASSWORD}), "letters"),
        (json!({"user": "ann"}), "JSON"),
        (json!("ann"), "JSON"),
    ];
    for (body, reason) in cases {
        let answer = host.post("/v1/accounts", &body);
        assert_eq!(code(&answer), (400, "bad_request"), "{body}");
        let message = answer.body["error"]["message"].as_str().unwrap();
        assert!(message.contains(reason), "{message}");
        assert!(!message.contains("short") || reason == "at least 10");
    }
    let huge = "x".repeat(100_000);
    let answer = host.request("POST", "/v1/accounts", None, &huge);
    assert_eq!(code(&answer), (400, "bad_request"));
}

#[test]
fn closed_registration_says_so() {
    let host = Host::with(|config| config.registration = Registration::Closed);
    assert_eq!(code(&host.register("ann")), (403, "registration_closed"));
}

#[test]
fn without_a_good_token_every_route_answers_the_same() {
    let host = Host::new();
    host.register("ann");
    let real = host.log_in("ann", 1).token;
    let mut near = real.clone();
    let last = near.pop().unwrap();
    near.push(if last == '0' { '1' } else { '0' });
    let expected = host.request("GET", "/v1/usage", None, "");
    assert_eq!(code(&expected), (401, "unauthorized"));
    for token in ["", "x", &near, &real.to_uppercase()] {
        for path in ["/v1/usage", "/v1/devices", "/v1/sync"] {
            assert_eq!(host.get(path, token), expected, "{path} {token:?}");
        }
        let removal = format!("/v1/devices/{}", DeviceId::from_bytes([1; 16]));
        assert_eq!(host.request("DELETE", &removal, Some(token), ""), expected);
    }
}

#[test]
fn a_removed_device_is_out_and_a_foreign_one_is_as_unknown_as_a_random_one() {
    let host = Host::new();
    host.register("ann");
    host.register("bob");
    let (laptop, phone) = (host.log_in("ann", 1), host.log_in("ann", 2));
    let bobs = host.log_in("bob", 3);
    let remove = |id: &str| {
        let path = format!("/v1/devices/{id}");
        host.request("DELETE", &path, Some(&laptop.token), "")
    };
    let random = remove(&DeviceId::from_bytes([99; 16]).to_string());
    assert_eq!(code(&random), (404, "not_found"));
    assert_eq!(remove(&bobs.device.to_string()), random);
    assert_eq!(remove("nonsense"), random);
    assert_eq!(host.get("/v1/usage", &bobs.token).status, 200);

    assert_eq!(remove(&phone.device.to_string()).status, 204);
    assert_eq!(
        code(&host.get("/v1/usage", &phone.token)),
        (401, "unauthorized")
    );
    assert_eq!(host.get("/v1/usage", &laptop.token).status, 200);
    assert_eq!(remove(&phone.device.to_string()), random);
}

#[test]
fn logging_in_again_ends_the_former_token() {
    let host = Host::new();
    host.register("ann");
    let first = host.log_in("ann", 1);
    let second = host.log_in("ann", 1);
    assert_eq!(host.get("/v1/usage", &first.token).status, 401);
    assert_eq!(host.get("/v1/usage", &second.token).body["devices"], 1);
}

#[test]
fn an_account_has_at_most_32_devices() {
    let host = Host::new();
    host.register("ann");
    for device in 1..=32 {
        host.log_in("ann", device);
    }
    let refused = host.try_log_in("ann", PASSWORD, 33);
    assert_eq!(code(&refused), (409, "conflict"));
    host.log_in("ann", 32);
}

#[test]
fn health_and_unknown_routes() {
    let host = Host::new();
    let health = host.request("GET", "/healthz", None, "");
    assert_eq!((health.status, health.body.as_str().unwrap()), (200, "ok"));
    assert_eq!(code(&host.request("GET", "/v1/nothing", None, "")).0, 404);
    assert_eq!(code(&host.request("GET", "/v1/accounts", None, "")).0, 405);
}
