//! Events as flat records, their payload copied to a buffer of the glue.

use ble_core::wire::copy;

pub use ble_core::event::Record as ble_event_t;

/// Room that the payload of any event needs: a notification, or the key and
/// value of a secret.
pub const BLE_EVENT_BYTES: usize = 520;
const _: () = assert!(BLE_EVENT_BYTES >= ble_core::config::MAX_MTU);

/// Copies the payload of an event; what does not fit is cut.
pub(crate) fn copy_payload(record: &mut ble_event_t, out: &mut [u8], key: &[u8], data: &[u8]) {
    let n = copy(out, key);
    record.data_len = copy(out.get_mut(n..).unwrap_or_default(), data) as u16;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_follows_its_key() {
        let (mut record, mut out) = (ble_event_t::default(), [0xa5; BLE_EVENT_BYTES]);
        copy_payload(&mut record, &mut out, &[1, 2], &[3]);
        assert_eq!((record.data_len, &out[..4]), (1, &[1, 2, 3, 0xa5][..]));
    }

    #[test]
    fn a_payload_that_does_not_fit_is_cut() {
        let (mut record, mut out) = (ble_event_t::default(), [0; 4]);
        copy_payload(&mut record, &mut out, &[], &[7; 9]);
        assert_eq!((record.data_len, out), (4, [7; 4]));
    }
}
