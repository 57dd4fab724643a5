//! ACL data with any flags, cut anywhere, on any channel.

use crate::driver::{Driver, CONN};
use crate::input::Input;

/// PSM that the host listens on.
const PSM: u16 = 0x80;

/// Packets as flags, a length and bytes.
pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let how = input.u8();
    let mut driver = Driver::connected(how & 1 != 0);
    driver.accepts = how & 2 != 0;
    let _ = driver.host.l2cap_listen(PSM, 23 + (how >> 2) as u16);
    if how & 4 != 0 {
        let memory = driver.lend(ble_core::l2cap::memory_needed(64));
        if let Ok(cid) = driver.host.l2cap_connect(driver.now, CONN, PSM, 64, memory) {
            driver.ledger.channel(CONN, cid);
        }
    }
    while !input.is_empty() {
        step(&mut driver, &mut input);
    }
    driver.finish();
}

fn step(driver: &mut Driver, input: &mut Input) {
    let (op, now) = (input.u8(), driver.now);
    match op & 7 {
        0 | 1 => {
            let flags = (op as u16 & 0xf0) << 8;
            driver.acl(CONN | flags, input.slice());
        }
        2 => driver.acl(input.u16(), input.slice()),
        3 => driver.pdu(5, input.slice()),
        4 => driver.pdu(0x40 + (op >> 5) as u16, input.slice()),
        5 => driver.pdu(input.u16(), input.slice()),
        6 => {
            let cid = 0x40 + (op >> 5) as u16;
            let _ = driver.host.l2cap_send(now, CONN, cid, input.slice());
            let mut buf = [0; 32];
            let _ = driver.host.l2cap_recvinto(now, CONN, cid, Some(&mut buf));
        }
        _ if op & 8 != 0 => driver.time(input.u16() as u32),
        _ => {
            let _ = driver
                .host
                .l2cap_disconnect(now, CONN, 0x40 + (op >> 5) as u16);
        }
    }
    driver.turn();
}
