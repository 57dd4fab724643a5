//! Any bytes as the H4 stream, in bits of any size, to a host with a link.

use crate::driver::Driver;

/// The first byte tells the role and the size of the bits.
pub fn run(data: &[u8]) {
    let Some((&how, stream)) = data.split_first() else {
        return;
    };
    let mut driver = Driver::connected(how & 1 != 0);
    driver.obeys = how & 2 != 0;
    for bits in stream.chunks(1 + (how as usize >> 2)) {
        driver.give(bits);
    }
    driver.finish();
}
