//! Memory that C hands over, as slices.

/// `len` bytes at `data`; none if `data` is null.
///
/// # Safety
/// A `data` that is not null points to `len` initialised bytes that stay
/// valid and unchanged for `'a`.
pub(crate) unsafe fn bytes<'a>(data: *const u8, len: usize) -> &'a [u8] {
    // SAFETY: as above.
    unsafe { optional(data, len) }.unwrap_or(&[])
}

/// `len` bytes at `data`, or `None` if `data` is null.
///
/// # Safety
/// As for `bytes`.
pub(crate) unsafe fn optional<'a>(data: *const u8, len: usize) -> Option<&'a [u8]> {
    if data.is_null() {
        return None;
    }
    // SAFETY: the caller promises that these bytes are valid.
    Some(unsafe { core::slice::from_raw_parts(data, len) })
}

/// `len` bytes at `data` to write to, or `None` if `data` is null.
///
/// # Safety
/// A `data` that is not null points to `len` initialised bytes that nothing
/// else accesses for `'a`.
pub(crate) unsafe fn optional_mut<'a>(data: *mut u8, len: usize) -> Option<&'a mut [u8]> {
    if data.is_null() {
        return None;
    }
    // SAFETY: the caller promises that these bytes are ours.
    Some(unsafe { core::slice::from_raw_parts_mut(data, len) })
}

/// Six bytes in the order of MicroPython (as printed) to the order on air.
///
/// # Safety
/// `addr` points to six initialised bytes.
pub(crate) unsafe fn address(kind: u8, addr: *const u8) -> ble_core::Address {
    let mut little = [0; 6];
    // SAFETY: the caller promises six bytes.
    little.copy_from_slice(unsafe { core::slice::from_raw_parts(addr, 6) });
    little.reverse();
    ble_core::Address::from_wire(kind, little)
}
