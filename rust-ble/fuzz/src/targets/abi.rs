//! The C ABI with any arguments that its contract allows, in any order.

use crate::input::Input;
use ble_ffi::*;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::Mutex;

/// The host is one static: one call of `run` at a time.
static ONE: Mutex<()> = Mutex::new(());

/// The critical section that the glue provides: only one thread at a time
/// uses the host, which `ONE` sees to.
#[no_mangle]
extern "C" fn mp_rust_ble_critical_enter() -> u32 {
    0
}

#[no_mangle]
extern "C" fn mp_rust_ble_critical_exit(_: u32) {}

#[no_mangle]
extern "C" fn mp_rust_ble_check_stack() {}

/// The clock that the glue provides.
static CLOCK: AtomicU32 = AtomicU32::new(0);

#[no_mangle]
extern "C" fn mp_rust_ble_now() -> u32 {
    CLOCK.load(Ordering::Relaxed)
}

/// Memory lent for channels: one piece for each, so that none is lent twice.
static CHANNELS: Mutex<Vec<(usize, u16)>> = Mutex::new(Vec::new());
const CHANNEL_BYTES: usize = 8192;

/// Calls as a number and arguments.
pub fn run(data: &[u8]) {
    let _one = ONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let mut host = vec![0u128; ble_host_bytes().div_ceil(16)];
    let mut database = vec![0u8; 8192];
    // SAFETY: both are left alone until the end, and long enough.
    unsafe {
        assert!(ble_lend_host(host.as_mut_ptr().cast()));
        ble_lend_database(database.as_mut_ptr(), database.len());
    }
    CLOCK.store(0, Ordering::Relaxed);
    let mut calls = Calls {
        token: 0,
        reply: Box::new([0; 64]),
    };
    let mut input = Input(data);
    if input.u8() & 1 != 0 {
        calls.start();
    }
    while !input.is_empty() {
        calls.call(&mut input);
    }
    ble_switch_off();
    let mut event = ble_event_t::default();
    let mut payload = [0; BLE_EVENT_BYTES];
    // SAFETY: there is room for an event and its payload.
    let told = unsafe { ble_poll_event(&mut event, payload.as_mut_ptr(), true) };
    assert!(!told && !ble_is_active());
    ble_take_reply();
    assert!(ble_take_memory());
}

struct Calls {
    token: u16,
    /// Lent to the host until the next command or the end.
    reply: Box<[u8; 64]>,
}

impl Calls {
    /// On, with a controller that answers everything with success.
    fn start(&mut self) {
        // SAFETY: 32 bytes.
        unsafe { ble_start([7; 32].as_ptr()) };
        for _ in 0..60 {
            self.obey();
        }
        let mut result = ble_error_t::BLE_OK;
        // SAFETY: there is room for a result.
        unsafe { ble_poll_operation(&mut result) };
    }

    /// Sends what there is to send, and answers if it is a command.
    fn obey(&mut self) {
        // SAFETY: all zeros are a packet.
        let mut packet: ble_transmit_t = unsafe { std::mem::zeroed() };
        // SAFETY: there is room for a packet.
        if !unsafe { ble_poll_transmit(&mut packet) } {
            return;
        }
        // SAFETY: the pointers are valid until the next call.
        let head = unsafe { std::slice::from_raw_parts(packet.head, packet.head_len as usize) };
        let mut answer = Vec::new();
        if let [1, low, high, ..] = *head {
            let returned: &[u8] = match u16::from_le_bytes([low, high]) {
                0x1002 | 0x2003 => &[0xff; 64],
                0x2002 => &[251, 0, 8],
                _ => &[1; 8],
            };
            answer = vec![4, 0x0e, 4 + returned.len() as u8, 1, low, high, 0];
            answer.extend_from_slice(returned);
        }
        ble_transmitted();
        self.give(&answer);
    }

    fn give(&mut self, bytes: &[u8]) {
        // SAFETY: a slice is that many bytes.
        unsafe { ble_receive(bytes.as_ptr(), bytes.len()) };
    }

    fn event(&mut self) {
        let mut event = ble_event_t::default();
        let mut payload = [0; BLE_EVENT_BYTES];
        // SAFETY: there is room for an event and its payload.
        if unsafe { ble_poll_event(&mut event, payload.as_mut_ptr(), true) } {
            assert!(event.key_len as usize + event.data_len as usize <= BLE_EVENT_BYTES);
            self.token = event.token;
        }
    }

    /// Memory that no channel holds.
    fn channel_memory(&self) -> Option<(usize, *mut u8)> {
        let mut channels = CHANNELS.lock().ok()?;
        let free = channels
            .iter()
            .position(|(_, cid)| *cid == 0 || !ble_l2cap_holds(*cid));
        let at = free.unwrap_or(channels.len());
        if at == channels.len() {
            if at > 4 * ble_max_channels() {
                return None;
            }
            channels.push((vec![0u8; CHANNEL_BYTES].leak().as_mut_ptr() as usize, 0));
        }
        Some((at, channels[at].0 as *mut u8))
    }

    fn call(&mut self, input: &mut Input) {
        let (conn, handle) = (0x40 + (input.u8() as u16 & 3), input.u8() as u16);
        let op = input.u8();
        // SAFETY, for all below: pointers come from slices with their lengths,
        // from places of the type, or are null where the contract allows it;
        // memory that is lent stays as long as it must.
        match op % 48 {
            0 => self.start(),
            1 => {
                ble_stop();
            }
            2 => ble_switch_off(),
            3 => ble_transport_lost(),
            4..=7 => self.give(input.slice()),
            8 | 9 => {
                let params = input.slice();
                let event = [&[4, handle as u8, params.len() as u8], params].concat();
                self.give(&event);
            }
            10 => {
                let mut complete = vec![4, 0x3e, 19, 1, 0, conn as u8, 0, handle as u8 & 1, 1];
                complete.extend_from_slice(&[1, 2, 3, 4, 5, 0xc6, 0x18, 0, 0, 0, 0x2a, 0, 0]);
                self.give(&complete);
            }
            11 | 12 => {
                let data = input.slice();
                let (n, all) = (data.len() as u16, data.len() as u16 + 4);
                let channel = 4 + (handle & 3);
                let mut acl = vec![2, conn as u8, 0x20, all as u8, (all >> 8) as u8];
                acl.extend_from_slice(&[n as u8, (n >> 8) as u8, channel as u8, 0]);
                acl.extend_from_slice(data);
                self.give(&acl);
            }
            13..=15 => self.obey(),
            16..=18 => self.event(),
            19 => {
                let mut at = 0;
                if unsafe { ble_poll_timeout(&mut at) } && op & 0x40 != 0 {
                    CLOCK.store(at, Ordering::Relaxed);
                }
                ble_handle_timeout();
            }
            20 => {
                CLOCK.fetch_add(input.u16() as u32, Ordering::Relaxed);
                ble_handle_timeout();
            }
            21 => {
                let mut result = ble_error_t::BLE_OK;
                unsafe { ble_poll_operation(&mut result) };
            }
            22 => ble_answer_none(self.token),
            23 => ble_answer_read(self.token, handle as u8),
            24 => {
                let value = input.slice();
                unsafe { ble_answer_secret(self.token, value.as_ptr(), value.len()) };
            }
            25 => ble_answer_stored(self.token, handle & 1 != 0),
            26 => {
                if let Some((at, memory)) = self.channel_memory() {
                    let result = unsafe { ble_answer_accept(self.token, memory, CHANNEL_BYTES) };
                    // Which channel took it is told by an event that may be
                    // dropped: never lend this piece again.
                    if let (ble_error_t::BLE_OK, Ok(mut channels)) = (result, CHANNELS.lock()) {
                        channels.remove(at);
                    }
                }
            }
            27 => {
                ble_services_begin(handle & 1 != 0);
                let uuid = input.take(16);
                let (what, mut made) = (ble_attribute_t::BLE_SERVICE, 0);
                unsafe { ble_add(what, uuid.as_ptr(), uuid.len(), 0, &mut made) };
            }
            28 => {
                let uuid = input.take([2, 4, 16][handle as usize % 3]);
                let mut made = 0;
                let flags = input.u16();
                for what in [
                    ble_attribute_t::BLE_CHARACTERISTIC,
                    ble_attribute_t::BLE_DESCRIPTOR,
                ] {
                    unsafe { ble_add(what, uuid.as_ptr(), uuid.len(), flags, &mut made) };
                }
                if flags & 1 != 0 {
                    ble_services_end();
                }
            }
            29 => {
                let (mut value, mut len) = (std::ptr::null(), 0);
                let result = unsafe { ble_read(handle, &mut value, &mut len) };
                if result == ble_error_t::BLE_OK {
                    let read: u32 = unsafe { std::slice::from_raw_parts(value, len) }
                        .iter()
                        .map(|byte| *byte as u32)
                        .sum();
                    std::hint::black_box(read);
                }
            }
            30 => {
                let value = input.slice();
                unsafe { ble_write(handle, value.as_ptr(), value.len(), op & 64 != 0) };
            }
            31 => {
                ble_set_buffer(handle, input.u16() as usize, op & 64 != 0);
            }
            32 => {
                let value = input.slice();
                let (pointer, len) = match op & 64 {
                    0 => (std::ptr::null(), 0),
                    _ => (value.as_ptr(), value.len()),
                };
                unsafe { ble_notify(conn, handle, op & 128 != 0, pointer, len) };
            }
            33 => {
                ble_set_option(ble_option_t::BLE_OPTION_MTU, input.u16().into());
                ble_option(ble_option_t::BLE_OPTION_MTU);
                ble_exchange_mtu(conn);
            }
            34 => {
                let uuid = input.take(2);
                unsafe { ble_discover_services(conn, uuid.as_ptr(), uuid.len()) };
                let (start, end) = (input.u16(), input.u16());
                let none = std::ptr::null();
                unsafe { ble_discover_characteristics(conn, start, end, none, 0) };
                ble_discover_descriptors(conn, start, end);
            }
            35 => {
                ble_client_read(conn, handle);
                let value = input.slice();
                let mode = op as u32 >> 6;
                unsafe { ble_client_write(conn, handle, value.as_ptr(), value.len(), mode) };
            }
            36 => {
                let data = input.slice();
                let none = std::ptr::null();
                let us = input.u16() as u32;
                unsafe { ble_advertise(op & 64 != 0, us, data.as_ptr(), data.len(), none, 0) };
            }
            37 => {
                ble_stop_advertising();
                ble_set_address_mode(handle as u8);
            }
            38 => {
                let (ms, us) = (input.u16() as u32, input.u16() as u32);
                ble_start_scan(ms, us, us, op & 64 != 0);
            }
            39 => {
                ble_stop_scan();
            }
            40 => {
                let peer = [handle as u8; 6];
                let ms = input.u16() as u32;
                unsafe { ble_connect(op >> 6, peer.as_ptr(), ms, 0, input.u16() as u32) };
            }
            41 => {
                ble_cancel_connect();
                ble_disconnect(conn);
                ble_is_connected(conn);
            }
            42 => {
                // Nothing may be lent twice while a command runs.
                ble_take_reply();
                let params = input.slice();
                let (reply, len) = (self.reply.as_mut_ptr(), self.reply.len());
                let (p, n) = (params.as_ptr(), params.len());
                unsafe { ble_hci_command(input.u16(), p, n, reply, len) };
            }
            43 => {
                ble_set_option(ble_option_t::BLE_OPTION_BOND, (handle & 1).into());
                ble_set_option(ble_option_t::BLE_OPTION_MITM, (handle & 2).into());
                ble_set_option(ble_option_t::BLE_OPTION_SECURE_ONLY, (handle & 4).into());
                ble_set_option(ble_option_t::BLE_OPTION_IO, (handle as u8 >> 4).into());
                ble_pair(conn);
            }
            44 => {
                let peer = [handle as u8; 6];
                let pointer = if op & 64 != 0 {
                    peer.as_ptr()
                } else {
                    std::ptr::null()
                };
                unsafe { ble_unpair(op >> 7, pointer) };
                ble_passkey(conn, handle as u8, input.u16() as u32);
            }
            45 => {
                ble_l2cap_listen(handle, input.u16());
                if let Some((at, memory)) = self.channel_memory() {
                    let mut cid = 0;
                    let mtu = input.u16();
                    let result = unsafe {
                        ble_l2cap_connect(conn, handle, mtu, memory, CHANNEL_BYTES, &mut cid)
                    };
                    if let (ble_error_t::BLE_OK, Ok(mut channels)) = (result, CHANNELS.lock()) {
                        channels[at].1 = cid;
                    }
                }
            }
            46 => {
                let cid = 0x40 + (handle & 7);
                let data = input.slice();
                let mut stalled = false;
                unsafe {
                    ble_l2cap_send(conn, cid, data.as_ptr(), data.len(), &mut stalled);
                }
                let mut buf = [0; 40];
                let mut len = buf.len();
                unsafe { ble_l2cap_recvinto(conn, cid, buf.as_mut_ptr(), &mut len) };
                assert!(len <= buf.len());
            }
            _ => {
                ble_l2cap_disconnect(conn, 0x40 + (handle & 7));
                let name = input.slice();
                unsafe { ble_set_name(name.as_ptr(), name.len()) };
                let (mut stored, mut ours) = (std::ptr::null(), [0; 6]);
                unsafe { ble_name(&mut stored) };
                unsafe { ble_address(ours.as_mut_ptr()) };
                ble_memory_needed();
                ble_l2cap_memory_needed(handle);
            }
        }
    }
}
