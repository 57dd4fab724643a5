//! What the host takes of RAM, with the sizes that it was built with.

use ble_core::config::{MAX_CHANNELS, MAX_LINKS, POOL_BYTES, RX_BYTES};
use ble_core::conn::Link;
use ble_core::gatt::client::Client;
use ble_core::host::Host;
use ble_core::l2cap::{memory_needed, Channels};
use ble_core::smp::Smp;
use core::mem::size_of;

/// What it is, and bytes.
pub fn rows() -> [(&'static str, usize); 11] {
    [
        ("the host in all", size_of::<Host>()),
        ("of it: links", size_of::<Link>() * MAX_LINKS),
        ("of it: L2CAP channels", size_of::<Channels>()),
        ("of it: pairing and bonds", size_of::<Smp>()),
        ("of it: queue of received packets", RX_BYTES),
        (
            "of it: pool of PDUs, and pool of values, together",
            2 * POOL_BYTES,
        ),
        ("links, at most", MAX_LINKS),
        ("channels, at most", MAX_CHANNELS),
        ("a link's record", size_of::<Link>()),
        ("of a link: its GATT client", size_of::<Client>()),
        (
            "lent by MicroPython for an open channel with an MTU of 512",
            memory_needed(512),
        ),
    ]
}
