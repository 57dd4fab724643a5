//! Any requests to the attribute server, encrypted or not.

use crate::driver::{Driver, CONN, VALUES};
use crate::input::Input;
use ble_core::Uuid;

/// PDUs as a length and bytes; one byte before each may ask for more.
pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let how = input.u8();
    let mut driver = Driver::connected(how & 1 != 0);
    driver.read_answer = if how & 2 != 0 { how >> 2 } else { 0 };
    while !input.is_empty() {
        let (op, now) = (input.u8(), driver.now);
        let value = VALUES[(op >> 4) as usize % 4];
        match op % 16 {
            0 => {
                let _ = driver.host.notify(now, CONN, value, None);
            }
            1 => {
                if driver.host.indicate(now, CONN, value, Some(&[op])).is_ok() {
                    driver.ledger.indicated(CONN, value);
                }
            }
            2 => driver.write(value, input.slice(), op & 0x80 != 0),
            3 => {
                let _ = driver.host.database().read_out(value);
            }
            4 => {
                let _ = driver
                    .host
                    .database()
                    .set_buffer(value, op as usize, op & 0x40 != 0);
            }
            5 if op & 0x80 != 0 => {
                let db = driver.host.database();
                db.begin(true);
                let _ = db.add_service(&Uuid::short(op as u16));
                db.end();
            }
            5 => driver.time(input.u16() as u32),
            _ => driver.pdu(4, input.slice()),
        }
        driver.turn();
    }
    driver.finish();
}
