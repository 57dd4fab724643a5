//! Any PDUs, answers of the user and of the controller in a pairing, as
//! central and as peripheral.

use crate::driver::{Driver, CONN};
use crate::input::Input;
use ble_core::smp::{IoCapability, SecurityConfig};

/// The first two bytes choose role and capabilities.
pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let (how, io) = (input.u8(), input.u8());
    let mut driver = Driver::connected(how & 1 != 0);
    driver.stores = how & 2 != 0;
    driver.host.set_security_config(SecurityConfig {
        io: IoCapability::from_wire(io % 5).unwrap_or(IoCapability::NoInputNoOutput),
        mitm: how & 4 != 0,
        mitm_required: how & 8 != 0,
        bond: how & 16 != 0,
        secure: how & 32 != 0,
        secure_only: how & 64 != 0,
        min_key_size: if how & 128 != 0 { 7 } else { 16 },
    });
    while !input.is_empty() {
        step(&mut driver, &mut input);
    }
    driver.finish();
}

/// Length of each command with its code (Vol 3, Part H, 3.3).
const LENGTHS: [usize; 16] = [0, 7, 7, 17, 17, 2, 17, 11, 17, 8, 17, 2, 65, 17, 2, 0];

fn step(driver: &mut Driver, input: &mut Input) {
    let (op, now) = (input.u8(), driver.now);
    let [low, high] = CONN.to_le_bytes();
    match op & 15 {
        0 => {
            let _ = driver.host.pair(now, CONN);
        }
        1 => {
            let number = [op >> 4, input.u8(), input.u8(), 0];
            let _ = driver
                .host
                .passkey(now, CONN, 2 + op % 3, u32::from_le_bytes(number));
        }
        2 => driver.event(0x08, &[input.u8(), low, high, op >> 7]),
        3 => driver.event(0x30, &[input.u8(), low, high]),
        4 => {
            let mut params = [0; 12];
            (params[0], params[1]) = (low, high);
            let rest = input.take(10);
            params[2..2 + rest.len()].copy_from_slice(rest);
            driver.le_event(0x05, &params);
        }
        5 => driver.time(input.u16() as u32),
        6 => driver.pdu(6, input.slice()),
        7 => driver.secret = Some(input.slice().to_vec()),
        8 => driver.obeys = !driver.obeys,
        // A command of the right length.
        _ => {
            let code = op >> 4;
            let body = input.take(LENGTHS[code as usize].saturating_sub(1));
            driver.pdu(6, &[&[code], body].concat());
        }
    }
    driver.turn();
}
