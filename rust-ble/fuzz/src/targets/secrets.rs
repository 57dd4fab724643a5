//! Any values that the script's store may give back.

use crate::driver::{Driver, CONN};
use crate::input::Input;
use ble_core::smp::bonds::{client_parse, OWN_LEN};
use ble_core::smp::{Bond, Identities, IoCapability, OwnIdentity, SecurityConfig};
use ble_core::wire::Writer;

/// Each value by itself, then all to a host that asks for them.
pub fn run(data: &[u8]) {
    let (&how, data) = data.split_first().unwrap_or((&0, &[]));
    let _ = Bond::parse(data, &mut Bond::blank());
    if let Some(own) = OwnIdentity::parse(data) {
        let mut value = [0; OWN_LEN];
        own.emit(&mut Writer::new(&mut value));
        assert_eq!(OwnIdentity::parse(&value), Some(own));
    }
    let _ = client_parse(data);
    let mut identities = Identities::new();
    identities.load(data);

    let mut driver = Driver::new();
    driver.stores = how & 1 != 0;
    driver.host.set_security_config(SecurityConfig {
        bond: true,
        io: IoCapability::NoInputNoOutput,
        ..SecurityConfig::default()
    });
    let mut input = Input(data);
    driver.secret = Some(input.slice().to_vec());
    driver.start();
    driver.secret = Some(input.slice().to_vec());
    driver.connect(how & 2 != 0);
    while !input.is_empty() {
        driver.secret = Some(input.slice().to_vec());
        let now = driver.now;
        match input.below(4) {
            0 => {
                let _ = driver.host.pair(now, CONN);
            }
            1 => {
                let mut params = [0; 12];
                params[0] = CONN as u8;
                driver.le_event(0x05, &params);
            }
            2 => {
                let _ = driver.host.unpair(now, None);
            }
            _ => driver.time(input.u16() as u32),
        }
        driver.turn();
    }
    driver.finish();
}
