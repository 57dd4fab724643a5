//! Random bytes from a seed: CTR_DRBG with AES-128 and no derivation function
//! (NIST SP 800-90A, 10.2.1).

use super::crypto::{encrypt, xor};
use crate::wire::copy;

/// The generator. It is as good as its seed, which the host takes from the
/// controller or the port.
#[derive(Debug)]
pub struct Rng {
    key: [u8; 16],
    v: [u8; 16],
}

impl Rng {
    /// Without entropy: to be followed by `reseed`.
    pub const fn unseeded() -> Self {
        Rng {
            key: [0; 16],
            v: [0; 16],
        }
    }

    /// From 32 bytes of full entropy.
    pub fn new(seed: &[u8; 32]) -> Self {
        let mut rng = Self::unseeded();
        rng.reseed(seed);
        rng
    }

    /// Mixes in 32 more bytes.
    pub fn reseed(&mut self, seed: &[u8; 32]) {
        let (mut key, mut v) = (self.next(), self.next());
        let (key_seed, v_seed) = seed.split_at(16);
        xor(&mut key, key_seed);
        xor(&mut v, v_seed);
        (self.key, self.v) = (key, v);
    }

    /// Fills `out` with random bytes.
    pub fn fill(&mut self, out: &mut [u8]) {
        for chunk in out.chunks_mut(16) {
            copy(chunk, &self.next());
        }
        // Nobody who reads the state later can tell what was given out.
        self.reseed(&[0; 32]);
    }

    /// `N` random bytes.
    pub fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        self.fill(&mut out);
        out
    }

    fn next(&mut self) -> [u8; 16] {
        let mut carry = 1;
        for byte in self.v.iter_mut().rev() {
            carry += u16::from(*byte);
            *byte = carry as u8;
            carry >>= 8;
        }
        let mut block = self.v;
        encrypt(&self.key, &mut block);
        block
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::smp::crypto::tests::le;

    fn be<const N: usize>(hex: &str) -> [u8; N] {
        let mut bytes = le(hex);
        bytes.reverse();
        bytes
    }

    /// CAVP, CTR_DRBG, AES-128 no df, no reseed, count 0: the second output.
    #[test]
    fn the_generator_gives_the_sample_data() {
        let mut rng = Rng::new(&be(
            "ce50f33da5d4c1d3d4004eb35244b7f2cd7f2e5076fbf6780a7ff634b249a5fc",
        ));
        rng.array::<64>();
        assert_eq!(
            rng.array::<64>(),
            be(
                "6545c0529d372443b392ceb3ae3a99a30f963eaf313280f1d1a1e87f9db373d3
                61e75d18018266499cccd64d9bbb8de0185f213383080faddec46bae1f784e5a"
            )
        );
    }

    #[test]
    fn seeds_give_the_same_bytes_and_others_give_others() {
        let mut a = Rng::new(&[1; 32]);
        let mut b = Rng::new(&[1; 32]);
        let first: [u8; 40] = a.array();
        assert_eq!(first, b.array());
        assert_ne!(first, a.array());
        assert_ne!(first, Rng::new(&[2; 32]).array());
        b.reseed(&[3; 32]);
        assert_ne!(a.array::<16>(), b.array::<16>());
    }
}
