//! Devices and tokens over long times, which sockets can not wait for.

use domain::DeviceId;

use super::Fixture;
use crate::auth::token::{Token, TokenHash};
use crate::clock::millis;
use crate::limit;
use crate::store::StoreError;
use crate::store::accounts::NewDevice;

fn log_in(fixture: &Fixture, device: u8, now_ms: u64) -> Result<TokenHash, StoreError> {
    let token = Token::draw().unwrap().hash();
    let device = NewDevice {
        id: DeviceId::from_bytes([device; 16]),
        name: "device".into(),
        token,
    };
    let store = fixture.store();
    store.log_in_device(fixture.account, device, now_ms)?;
    Ok(token)
}

fn is_good(fixture: &Fixture, token: TokenHash, now_ms: u64) -> bool {
    fixture.store().bearer(token, now_ms).unwrap().is_some()
}

#[test]
fn a_token_lives_while_it_is_used_and_90_days_longer() {
    let mut fixture = Fixture::new(0);
    let idle_ms = millis(limit::TOKEN_IDLE);
    let token = log_in(&fixture, 1, 1_000).unwrap();
    assert!(is_good(&fixture, token, 1_000 + idle_ms));
    fixture.restart(0);
    assert!(is_good(&fixture, token, 1_000 + 2 * idle_ms));
    assert!(!is_good(&fixture, token, 1_001 + 3 * idle_ms));
}

#[test]
fn a_device_that_was_away_too_long_makes_room_for_a_new_one() {
    let fixture = Fixture::new(0);
    let idle_ms = millis(limit::TOKEN_IDLE);
    let old = log_in(&fixture, 0, 0).unwrap();
    for device in 1..limit::DEVICES_MAX as u8 {
        log_in(&fixture, device, 10).unwrap();
    }
    let full = log_in(&fixture, 99, idle_ms);
    assert!(matches!(full, Err(StoreError::TooManyDevices)));
    let new = log_in(&fixture, 99, idle_ms + 1).unwrap();
    assert!(is_good(&fixture, new, idle_ms + 1));
    assert!(!is_good(&fixture, old, idle_ms + 1));
    let devices = fixture.store().devices(fixture.account).unwrap();
    assert_eq!(devices.len(), limit::DEVICES_MAX);
    // The clock was set back: nobody is thrown out for that.
    assert!(log_in(&fixture, 100, 5).is_err());
}
