//! Advertising reports and data.

use crate::driver::Driver;
use crate::input::Input;
use ble_core::gap::AdvData;
use ble_core::wire::hci::AdvertisingReport;
use ble_core::wire::Reader;

/// Reports alone, then through a host that scans.
pub fn run(data: &[u8]) {
    let mut reports = Reader(data);
    while AdvertisingReport::take(&mut reports, false).is_some() {}
    let mut reports = Reader(data);
    while AdvertisingReport::take(&mut reports, true).is_some() {}
    let mut kept = AdvData::EMPTY;
    kept.set(Some(data));

    let mut input = Input(data);
    let mut driver = Driver::active();
    driver.scan(0, true);
    while !input.is_empty() {
        match input.below(8) {
            0 => driver.le_event(0x0b, input.slice()),
            1 => {
                let (data, response) = (input.slice(), input.slice());
                let now = driver.now;
                if driver
                    .host
                    .advertise(now, true, 30_000, Some(data), Some(response))
                    .is_ok()
                {
                    let _ = driver.operation();
                }
            }
            2 => driver.time(input.u16() as u32),
            _ => driver.le_event(0x02, input.slice()),
        }
    }
    let now = driver.now;
    if driver.host.stop_scan(now).is_ok() {
        let _ = driver.operation();
        driver.turn();
        assert!(driver.ledger.owed().is_empty(), "a scan without its end");
    }
    driver.finish();
}
