//! `include/ble_ffi.h` is what cbindgen makes of this crate and of the core's `Record`.

use std::{env, fs, path::Path};

#[test]
fn the_header_is_up_to_date() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_root_or_default(root);
    let mut text = Vec::new();
    cbindgen::Builder::new()
        .with_src(root.join("src/lib.rs"))
        .with_src(root.join("../core/src/event/record.rs"))
        .with_config(config)
        .generate()
        .expect("cbindgen reads the crate")
        .write(&mut text);
    let text = String::from_utf8(text).unwrap();

    let path = root.join("include/ble_ffi.h");
    if env::var_os("BLE_WRITE_HEADER").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &text).unwrap();
    }
    let stored = fs::read_to_string(&path).unwrap_or_default();
    assert!(stored == text, "run `make header`");
}

/// What the glue provides, for what the test links.
#[no_mangle]
extern "C" fn mp_rust_ble_now() -> u32 {
    0
}

#[no_mangle]
extern "C" fn mp_rust_ble_critical_enter() -> u32 {
    0
}

#[no_mangle]
extern "C" fn mp_rust_ble_critical_exit(_: u32) {}

#[no_mangle]
extern "C" fn mp_rust_ble_check_stack() {}
