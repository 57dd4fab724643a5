# The Rust Bluetooth LE host instead of NimBLE.
include $(TOP)/extmod/rust_ble/variant.mk
LD_FILES := boards/PYBD_SF2/rust_ble.ld $(LD_FILES)
TEXT1_SECTIONS += .text_ext_rust
