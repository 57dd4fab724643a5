//! L2CAP credit-based channels.

use crate::ble_error_t;
use crate::singleton::{command, insist, query};
use crate::slice::{bytes, optional_mut};
use ble_core::Token;

/// Bytes to lend for a channel with SDUs of up to `mtu` bytes.
#[no_mangle]
pub extern "C" fn ble_l2cap_memory_needed(mtu: u16) -> usize {
    ble_core::l2cap::memory_needed(mtu)
}

/// Accepts channels to a PSM from now on.
#[no_mangle]
pub extern "C" fn ble_l2cap_listen(psm: u16, mtu: u16) -> ble_error_t {
    command(|host| host.l2cap_listen(psm, mtu))
}

/// Connects a channel and gives our CID. If it fails, `memory` is not kept.
///
/// # Safety
/// `memory` points to `len` bytes that nothing else touches as long as
/// `ble_l2cap_holds` says so; `cid` to room for the CID.
#[no_mangle]
pub unsafe extern "C" fn ble_l2cap_connect(
    conn: u16,
    psm: u16,
    mtu: u16,
    memory: *mut u8,
    len: usize,
    cid: *mut u16,
) -> ble_error_t {
    // SAFETY: the caller promises this memory.
    let memory = unsafe { optional_mut(memory, len) }.unwrap_or(&mut []);
    command(|host| {
        let ours = host.l2cap_connect(host.now(), conn, psm, mtu, memory)?;
        // SAFETY: the caller promises room.
        unsafe { cid.write(ours) };
        Ok(())
    })
}

/// Accepts a channel with memory as for `ble_l2cap_connect`, or refuses it
/// with a null pointer.
///
/// # Safety
/// As for `ble_l2cap_connect`.
#[no_mangle]
pub unsafe extern "C" fn ble_answer_accept(token: u16, memory: *mut u8, len: usize) -> ble_error_t {
    // SAFETY: the caller promises this memory.
    let memory = unsafe { optional_mut(memory, len) };
    insist(ble_error_t::BLE_INACTIVE, |host| {
        host.answer_accept(Token(token), memory).into()
    })
}

/// Whether memory lent for our CID is in use.
#[no_mangle]
pub extern "C" fn ble_l2cap_holds(cid: u16) -> bool {
    query(true, |host| host.l2cap_holds(cid))
}

/// Ends a channel.
#[no_mangle]
pub extern "C" fn ble_l2cap_disconnect(conn: u16, cid: u16) -> ble_error_t {
    command(|host| host.l2cap_disconnect(host.now(), conn, cid))
}

/// Sends an SDU and tells whether the channel is stalled now.
///
/// # Safety
/// `data` points to `len` bytes, `stalled` to room for the answer.
#[no_mangle]
pub unsafe extern "C" fn ble_l2cap_send(
    conn: u16,
    cid: u16,
    data: *const u8,
    len: usize,
    stalled: *mut bool,
) -> ble_error_t {
    // SAFETY: the caller promises these bytes.
    let data = unsafe { bytes(data, len) };
    command(|host| {
        let full = host.l2cap_send(host.now(), conn, cid, data)?;
        // SAFETY: the caller promises room.
        unsafe { stalled.write(full) };
        Ok(())
    })
}

/// Takes received bytes; with a null pointer only tells how many there are.
///
/// # Safety
/// `buf` is null or points to `*len` bytes; `len` points to their number,
/// which is replaced.
#[no_mangle]
pub unsafe extern "C" fn ble_l2cap_recvinto(
    conn: u16,
    cid: u16,
    buf: *mut u8,
    len: *mut usize,
) -> ble_error_t {
    // SAFETY: the caller promises these bytes.
    let buf = unsafe { optional_mut(buf, len.read()) };
    command(|host| {
        let taken = host.l2cap_recvinto(host.now(), conn, cid, buf)?;
        // SAFETY: the caller promises room.
        unsafe { len.write(taken) };
        Ok(())
    })
}
