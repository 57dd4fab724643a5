//! Random bytes from a seed: CTR_DRBG with AES-128, no derivation function
//! (NIST SP 800-90A, 10.2.1).

/// The generator; not cryptographically seeded until `reseed` was called.
#[derive(Debug)]
pub struct Rng {
    key: [u8; 16],
    v: [u8; 16],
}

impl Rng {
    /// From 32 bytes of full entropy.
    pub fn new(_seed: &[u8; 32]) -> Self {
        todo!()
    }

    /// Mixes in 32 more bytes.
    pub fn reseed(&mut self, _seed: &[u8; 32]) {
        todo!()
    }

    /// Fills `out` with random bytes.
    pub fn fill(&mut self, _out: &mut [u8]) {
        todo!()
    }

    /// `N` random bytes.
    pub fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        self.fill(&mut out);
        out
    }
}
