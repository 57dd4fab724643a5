//! Every size and limit of the host, in one file.
//!
//! A build may override a value through an environment variable of the same
//! name with the prefix `RUST_BLE_`, e.g. `RUST_BLE_MAX_LINKS=4`. The ports'
//! build fragments set these from the board's `MICROPY_…` macros.

/// Reads an override given at build time, or takes the default.
const fn sized(text: Option<&str>, default: usize) -> usize {
    let Some(text) = text else { return default };
    let digits = text.as_bytes();
    let mut value = 0;
    let mut i = 0;
    while i < digits.len() {
        assert!(
            digits[i].is_ascii_digit(),
            "a RUST_BLE_ size is not a number"
        );
        value = value * 10 + (digits[i] - b'0') as usize;
        i += 1;
    }
    value
}

/// Simultaneous links, any mix of roles.
pub const MAX_LINKS: usize = sized(option_env!("RUST_BLE_MAX_LINKS"), 8);

/// Largest ATT_MTU: a 512 byte value in a Prepare Write Response or a Read By
/// Type Response still fits (Vol 3, Part F, 3.2.8 and 3.2.9).
pub const MAX_MTU: usize = 517;

/// ATT_MTU offered in an MTU exchange until the script configures another.
pub const PREFERRED_MTU: u16 = 256;

/// Received HCI packets that wait for the script, in bytes.
pub const RX_BYTES: usize = sized(option_env!("RUST_BLE_RX_BYTES"), 16384);

/// Pool for PDUs to send, queued write values, long reads and prepared writes.
pub const POOL_BYTES: usize = sized(option_env!("RUST_BLE_POOL_BYTES"), 16384);

/// Blocks the pool may be divided into.
pub const POOL_BLOCKS: usize = sized(option_env!("RUST_BLE_POOL_BLOCKS"), 64);

/// GATT client procedures queued on one link, the running one included.
pub const MAX_PROCEDURES: usize = sized(option_env!("RUST_BLE_MAX_PROCEDURES"), 8);

/// L2CAP credit-based channels, all links together.
pub const MAX_CHANNELS: usize = sized(option_env!("RUST_BLE_MAX_CHANNELS"), 8);

/// Frames that a peer may send ahead on a channel with a small MTU.
pub const L2CAP_WINDOW: usize = sized(option_env!("RUST_BLE_L2CAP_WINDOW"), 8);

/// PSMs that can be listened on at once.
pub const MAX_LISTENERS: usize = sized(option_env!("RUST_BLE_MAX_LISTENERS"), 4);

/// Pairings that run at the same time; further peers are told to try later.
pub const MAX_PAIRINGS: usize = sized(option_env!("RUST_BLE_MAX_PAIRINGS"), MAX_LINKS);

/// Bonds whose identity keys are held in memory for address resolution.
pub const MAX_BONDS: usize = sized(option_env!("RUST_BLE_MAX_BONDS"), 16);

/// Capacity of a value until `gatts_set_buffer` changes it.
pub const DEFAULT_VALUE_LEN: usize = 20;

/// Longest attribute value (Vol 3, Part F, 3.2.9).
pub const MAX_VALUE_LEN: usize = 512;

/// Prepared writes of one link: two of the longest values, each in any number
/// of parts.
pub const PREPARE_QUEUE_BYTES: usize = 2 * (MAX_VALUE_LEN + 6);

/// Longest device name (Vol 3, Part C, 12.1 allows 248).
pub const MAX_NAME_LEN: usize = 64;

/// PDUs that wait to be sent on one link.
pub const TX_QUEUE: usize = sized(option_env!("RUST_BLE_TX_QUEUE"), 32);

/// Bytes of the pool that a script's own data leaves for answers.
pub const POOL_RESERVE: usize = sized(option_env!("RUST_BLE_POOL_RESERVE"), 2 * (MAX_MTU + 4));

/// Indications of one link that wait, the one at the peer included.
pub const MAX_INDICATIONS: usize = sized(option_env!("RUST_BLE_MAX_INDICATIONS"), 4);

/// Events that one packet may leave behind; at least two of each link, which all
/// commands that the controller refuses at a time leave behind.
pub const MAX_EVENTS: usize = {
    let events = sized(option_env!("RUST_BLE_MAX_EVENTS"), 16);
    if events > 2 * MAX_LINKS {
        events
    } else {
        2 * MAX_LINKS
    }
};

// What a peer may ask for at any time has room: prepared writes, and an answer
// beside the longest notification.
const _: () = assert!(
    PREPARE_QUEUE_BYTES <= POOL_BYTES - POOL_BYTES / 4,
    "POOL_BYTES is too small"
);
const _: () = assert!(
    POOL_RESERVE + MAX_MTU + 4 <= POOL_BYTES,
    "POOL_BYTES is too small"
);
const _: () = assert!(TX_QUEUE >= 8, "TX_QUEUE is too small");

/// Milliseconds after which a private address is replaced (Vol 3, Part C,
/// Appendix A: TGAP(private_addr_int)).
pub const RPA_TIMEOUT_MS: u32 = 15 * 60 * 1000;

/// ATT_MTU that `BLE.config(mtu=)` takes.
pub const MTU_RANGE: core::ops::RangeInclusive<u16> = 23..=MAX_MTU as u16;

/// Whether PDUs of up to 251 bytes are negotiated unless the script says
/// otherwise: 0 for controllers that do not survive it, such as the CYW43.
pub const DATA_LENGTH: usize = sized(option_env!("RUST_BLE_DATA_LENGTH"), 1);

/// Whether links move to the 2M PHY unless the script says otherwise.
pub const PHY_2M: usize = sized(option_env!("RUST_BLE_PHY_2M"), 1);
