//! Any answers to the procedures of the attribute client.

use crate::driver::{Driver, CONN};
use crate::input::Input;
use ble_core::Uuid;
use ble_sim::sweep::ledger::Procedure;

/// Procedures and PDUs in turn.
pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let mut driver = Driver::connected(input.u8() & 1 != 0);
    while !input.is_empty() {
        step(&mut driver, &mut input);
    }
    driver.finish();
}

fn step(driver: &mut Driver, input: &mut Input) {
    let (op, now) = (input.u8(), driver.now);
    let uuid = (op & 0x10 != 0).then_some(Uuid::short(0x2a00 | (op >> 5) as u16));
    match op % 16 {
        0 => driver.begin(Procedure::Services, |h| {
            h.discover_services(now, CONN, uuid)
        }),
        1 => {
            let (start, end) = (input.u16(), input.u16());
            driver.begin(Procedure::Characteristics, |h| {
                h.discover_characteristics(now, CONN, start, end, uuid)
            });
        }
        2 => {
            let (start, end) = (input.u16(), input.u16());
            driver.begin(Procedure::Descriptors, |h| {
                h.discover_descriptors(now, CONN, start, end)
            });
        }
        3 => {
            let handle = input.u16();
            driver.begin(Procedure::Read(handle), |h| h.gattc_read(now, CONN, handle));
        }
        4 => {
            let (handle, value) = (input.u16(), input.slice());
            let mode = 1 + (op >> 7) as u32;
            driver.begin(Procedure::Write(handle), |h| {
                h.gattc_write(now, CONN, handle, value, mode)
            });
        }
        5 => {
            let handle = input.u16();
            let _ = driver.host.gattc_write(now, CONN, handle, input.slice(), 0);
        }
        6 => {
            let _ = driver.host.exchange_mtu(now, CONN);
        }
        7 => driver.time(input.u16() as u32),
        // An answer to what was asked last, whatever it was.
        8..=12 => {
            let answer = driver.request.wrapping_add(1);
            driver.pdu(4, &[&[answer], input.slice()].concat());
        }
        13 => {
            let error = [1, driver.request, op, 0, input.u8()];
            driver.pdu(4, &error);
        }
        _ => driver.pdu(4, input.slice()),
    }
    driver.turn();
}
