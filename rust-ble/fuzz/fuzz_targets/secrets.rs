#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ble_fuzz::targets::secrets::run(data));
