//! Any events in any state, between commands of the script and of time.

use crate::driver::{Driver, CONN};
use crate::input::Input;
use ble_core::gap::AddressMode;
use ble_core::Address;

/// Steps of one byte and what belongs to each.
pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let mut driver = Driver::active();
    driver.obeys = input.u8() & 1 != 0;
    while !input.is_empty() {
        step(&mut driver, &mut input);
    }
    driver.finish();
}

fn step(driver: &mut Driver, input: &mut Input) {
    let now = driver.now;
    match input.below(20) {
        0..=3 => {
            let code = input.u8();
            driver.event(code, input.slice());
        }
        4..=6 => {
            let code = input.u8();
            driver.le_event(code, input.slice());
        }
        7 => driver.answer(input.u8(), input.slice()),
        8 => driver.obeys = !driver.obeys,
        9 => driver.time(input.u16() as u32),
        10 => {
            let (ms, active) = (input.u8() as u32, input.u8() & 1 != 0);
            driver.scan(ms, active);
        }
        11 => {
            if driver.host.stop_scan(now).is_ok() {
                let _ = driver.operation();
            }
        }
        12 => {
            let data = input.slice();
            if driver
                .host
                .advertise(now, input.u8() & 1 != 0, 30_000, Some(data), None)
                .is_ok()
            {
                let _ = driver.operation();
            }
        }
        13 => {
            let peer = Address::from_wire(input.u8(), [input.u8(); 6]);
            if driver
                .host
                .connect(now, peer, input.u16() as u32, 0, 0)
                .is_ok()
            {
                driver.ledger.connecting();
                if driver.operation().is_err() {
                    driver.ledger.not_connecting();
                }
            }
        }
        14 => {
            if driver.host.cancel_connect(now).is_ok() {
                let _ = driver.operation();
            }
        }
        15 => {
            let mode = AddressMode::from_number(input.u8() % 4).unwrap_or(AddressMode::Public);
            if driver.host.set_address_mode(now, mode).is_ok() {
                let _ = driver.operation();
            }
        }
        16 => {
            let conn = driver.ledger.links().first().copied().unwrap_or(CONN);
            let _ = driver.host.disconnect(now, conn);
        }
        17 => {
            let conn = driver.ledger.links().first().copied().unwrap_or(CONN);
            let (min, latency) = (input.u16(), input.u16());
            let _ = driver
                .host
                .update_connection(now, conn, min, min, latency, input.u16());
        }
        18 => {
            let conn = driver.ledger.links().first().copied().unwrap_or(CONN);
            let _ = driver.host.pair(now, conn);
        }
        _ => {
            if driver.host.stop(now).is_ok() {
                let _ = driver.operation();
            }
            driver.ledger.switched_off();
            driver.start();
        }
    }
    driver.turn();
}
