//! The cryptographic toolbox (Vol 3, Part H, 2.2). All values are
//! little-endian, as in PDUs, unless said otherwise.

pub use super::curve::{is_debug_key, KeyPair, Multiplication};
use crate::cipher::AesCmac;
use crate::Address;
use aes::cipher::generic_array::GenericArray;
use aes::cipher::{BlockEncrypt, KeyInit};
use aes::Aes128;

/// A key, a random number or a confirm value.
pub type Block = [u8; 16];

/// Security function e: AES-128 of one block (2.2.1).
pub fn e(key: &Block, data: &Block) -> Block {
    let mut block = reversed(data);
    encrypt(&reversed(key), &mut block);
    reversed(&block)
}

/// Random address hash: 24 bits of `prand` to 24 bits (2.2.2).
pub fn ah(irk: &Block, prand: [u8; 3]) -> [u8; 3] {
    let mut data = [0; 16];
    data[..3].copy_from_slice(&prand);
    let [a, b, c, ..] = e(irk, &data);
    [a, b, c]
}

/// Confirm value of LE legacy pairing (2.2.3), from the Pairing Request and
/// Response with their opcodes and the addresses of initiator and responder.
pub fn c1(
    tk: &Block,
    r: &Block,
    request: &[u8; 7],
    response: &[u8; 7],
    ia: &Address,
    ra: &Address,
) -> Block {
    let mut p1 = [0; 16];
    p1[0] = ia.kind as u8;
    p1[1] = ra.kind as u8;
    p1[2..9].copy_from_slice(request);
    p1[9..].copy_from_slice(response);
    xor(&mut p1, r);
    let mut p2 = e(tk, &p1);
    xor(&mut p2, &ra.bytes);
    xor(&mut p2[6..], &ia.bytes);
    e(tk, &p2)
}

/// Short term key of LE legacy pairing (2.2.4), from the random values of
/// responder and initiator.
pub fn s1(tk: &Block, responder: &Block, initiator: &Block) -> Block {
    let mut r = [0; 16];
    r[..8].copy_from_slice(&initiator[..8]);
    r[8..].copy_from_slice(&responder[..8]);
    e(tk, &r)
}

/// Confirm value of LE Secure Connections (2.2.6).
pub fn f4(u: &[u8; 32], v: &[u8; 32], x: &Block, z: u8) -> Block {
    cmac(x, &[u, v, &[z]])
}

/// MacKey (`half` 0) or LTK (1) from the DHKey, the nonces and the addresses
/// of initiator and responder (2.2.7).
pub fn f5(dhkey: &[u8; 32], n1: &Block, n2: &Block, a1: &Address, a2: &Address, half: u8) -> Block {
    const SALT: Block = 0x6c88_8391_aaf5_a538_6037_0bdb_5a60_83be_u128.to_le_bytes();
    const BTLE: [u8; 4] = 0x6274_6c65_u32.to_le_bytes();
    let t = cmac(&SALT, &[dhkey]);
    let (a1, a2) = (address(a1), address(a2));
    cmac(&t, &[&[half], &BTLE, n1, n2, &a1, &a2, &[0, 1]])
}

/// DHKey check value (2.2.8). `io` is IO capability, OOB flag and AuthReq as
/// they follow the opcode in the Pairing Request or Response.
pub fn f6(
    mac_key: &Block,
    n1: &Block,
    n2: &Block,
    r: &Block,
    io: &[u8; 3],
    a1: &Address,
    a2: &Address,
) -> Block {
    cmac(mac_key, &[n1, n2, r, io, &address(a1), &address(a2)])
}

/// The six digits of Numeric Comparison (2.2.9).
pub fn g2(u: &[u8; 32], v: &[u8; 32], x: &Block, y: &Block) -> u32 {
    let [a, b, c, d, ..] = cmac(x, &[u, v, y]);
    u32::from_le_bytes([a, b, c, d]) % 1_000_000
}

/// Key conversion with a key identifier (2.2.10).
pub fn h6(key: &Block, id: &[u8; 4]) -> Block {
    cmac(key, &[id])
}

/// Key conversion with a salt (2.2.11).
pub fn h7(salt: &Block, key: &Block) -> Block {
    cmac(salt, &[key])
}

/// AES-CMAC (RFC 4493) over the concatenation of `parts`, most significant
/// part first, each little-endian like the key and the result.
fn cmac(key: &Block, parts: &[&[u8]]) -> Block {
    let mut mac = AesCmac::new(&reversed(key));
    for part in parts {
        for &byte in part.iter().rev() {
            mac.push(byte);
        }
    }
    reversed(&mac.finish())
}

/// AES-128 in place, big-endian.
#[inline(never)]
pub(super) fn encrypt(key: &Block, block: &mut Block) {
    Aes128::new(GenericArray::from_slice(key)).encrypt_block(GenericArray::from_mut_slice(block));
}

/// An address as A1 and A2 of f5 and f6: 56 bits, the type on top.
#[inline(never)]
fn address(address: &Address) -> [u8; 7] {
    let [a, b, c, d, e, f] = address.bytes;
    [a, b, c, d, e, f, address.kind as u8]
}

#[inline(never)]
fn reversed(block: &Block) -> Block {
    let mut out = *block;
    out.reverse();
    out
}

pub(super) fn xor(to: &mut [u8], from: &[u8]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to ^= from;
    }
}

/// Sample data: Vol 3, Part H, Appendix D; Vol 2, Part G, 7.1.2.
#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Digits as the specification prints them, most significant first.
    pub fn le<const N: usize>(hex: &str) -> [u8; N] {
        let mut digits = hex.chars().filter_map(|c| c.to_digit(16)).map(|d| d as u8);
        let mut out = [0; N];
        for byte in out.iter_mut().rev() {
            *byte = digits.next().unwrap() << 4 | digits.next().unwrap();
        }
        assert_eq!(digits.next(), None);
        out
    }

    const U: &str = "20b003d2 f297be2c 5e2c83a7 e9f9a5b9 eff49111 acf4fddb cc030148 0e359de6";
    const V: &str = "55188b3d 32f6bb9a 900afcfb eed4e72a 59cb9ac2 f19d7cfb 6b4fdd49 f47fc5fd";
    const N1: &str = "d5cb8454 d177733e ffffb2ec 712baeab";
    const N2: &str = "a6e8e7cc 25a75f6e 216583f7 ff3dc4cf";
    const DHKEY: &str = "ec0234a3 57c8ad05 341010a6 0a397d9b 99796b13 b4f866f1 868d34f3 73bfa698";
    const MAC_KEY: &str = "2965f176 a1084a02 fd3f6a20 ce636e20";
    const IRK: &str = "ec0234a3 57c8ad05 341010a6 0a397d9b";

    fn a1() -> Address {
        Address::public(le("56123737bfce"))
    }

    fn a2() -> Address {
        Address::public(le("a713702dcfc1"))
    }

    #[test]
    fn c1_gives_the_sample_data() {
        let r = le("5783D52156AD6F0E6388274EC6702EE0");
        let (request, response) = (le("07071000000101"), le("05000800000302"));
        let ia = Address::random(le("A1A2A3A4A5A6"));
        let ra = Address::public(le("B1B2B3B4B5B6"));
        let confirm = c1(&[0; 16], &r, &request, &response, &ia, &ra);
        assert_eq!(confirm, le("1e1e3fef878988ead2a74dc5bef13b86"));
    }

    #[test]
    fn s1_gives_the_sample_data() {
        let r1 = le("000F0E0D0C0B0A091122334455667788");
        let r2 = le("010203040506070899AABBCCDDEEFF00");
        // The first argument is the high half of r' (2.2.4).
        assert_eq!(
            s1(&[0; 16], &r1, &r2),
            le("9a1fe1f0e8b0f49b5b4216ae796da062")
        );
    }

    #[test]
    fn cmac_gives_the_sample_data() {
        let key = le("2b7e1516 28aed2a6 abf71588 09cf4f3c");
        let m: [u8; 64] = le(
            "6bc1bee2 2e409f96 e93d7e11 7393172a ae2d8a57 1e03ac9c 9eb76fac 45af8e51
            30c81c46 a35ce411 e5fbc119 1a0a52ef f69f2445 df4f9b17 ad2b417b e66c3710",
        );
        for (len, mac) in [
            (0, "bb1d6929 e9593728 7fa37d12 9b756746"),
            (16, "070a16b4 6b4d4144 f79bdd9d d04a287c"),
            (40, "dfa66747 de9ae630 30ca3261 1497c827"),
            (64, "51f0bebf 7e3b9d92 fc497417 79363cfe"),
        ] {
            assert_eq!(cmac(&key, &[&m[64 - len..]]), le(mac), "{len}");
            let half = 64 - len / 2;
            assert_eq!(
                cmac(&key, &[&m[half..], &m[64 - len..half]]),
                le(mac),
                "{len}"
            );
        }
    }

    #[test]
    fn f4_gives_the_sample_data() {
        assert_eq!(
            f4(&le(U), &le(V), &le(N1), 0),
            le("f2c916f1 07a9bd1c f1eda1be a974872d")
        );
    }

    #[test]
    fn f5_gives_the_sample_data() {
        let [mac_key, ltk] =
            [0, 1].map(|half| f5(&le(DHKEY), &le(N1), &le(N2), &a1(), &a2(), half));
        assert_eq!(mac_key, le(MAC_KEY));
        assert_eq!(ltk, le("69867911 69d7cd23 980522b5 94750a38"));
    }

    #[test]
    fn f6_gives_the_sample_data() {
        let r = le("12a3343b b453bb54 08da42d2 0c2d0fc8");
        let check = f6(
            &le(MAC_KEY),
            &le(N1),
            &le(N2),
            &r,
            &le("010102"),
            &a1(),
            &a2(),
        );
        assert_eq!(check, le("e3c47398 9cd0e8c5 d26c0b09 da958f61"));
    }

    #[test]
    fn g2_gives_the_sample_data() {
        let digits = g2(&le(U), &le(V), &le(N1), &le(N2));
        assert_eq!(digits, 0x2f9e_d5ba % 1_000_000);
    }

    #[test]
    fn h6_gives_the_sample_data() {
        assert_eq!(
            h6(&le(IRK), &le("6c656272")),
            le("2d9ae102 e76dc91c e8d3a9e2 80b16399")
        );
    }

    #[test]
    fn h7_gives_the_sample_data() {
        let salt = le("00000000 00000000 00000000 746D7031");
        assert_eq!(
            h7(&salt, &le(IRK)),
            le("fb173597 c6a3c0ec d2998c2a 75a57011")
        );
    }

    #[test]
    fn ah_gives_the_sample_data() {
        assert_eq!(ah(&le(IRK), le("708194")), le("0dfbaa"));
    }

    /// Private A and B, public A and B, DHKey.
    pub const KEYS: [[&str; 5]; 2] = [
        [
            "3f49f6d4 a3c55f38 74c9b3e3 d2103f50 4aff607b eb40b799 5899b8a6 cd3c1abd",
            "55188b3d 32f6bb9a 900afcfb eed4e72a 59cb9ac2 f19d7cfb 6b4fdd49 f47fc5fd",
            "20b003d2 f297be2c 5e2c83a7 e9f9a5b9 eff49111 acf4fddb cc030148 0e359de6
             dc809c49 652aeb6d 63329abf 5a52155c 766345c2 8fed3024 741c8ed0 1589d28b",
            "1ea1f0f0 1faf1d96 09592284 f19e4c00 47b58afd 8615a69f 559077b2 2faaa190
             4c55f33e 429dad37 7356703a 9ab85160 472d1130 e28e3676 5f89aff9 15b1214a",
            DHKEY,
        ],
        [
            "06a51669 3c9aa31a 6084545d 0c5db641 b48572b9 7203ddff b7ac73f7 d0457663",
            "529aa067 0d72cd64 97502ed4 73502b03 7e8803b5 c60829a5 a3caa219 505530ba",
            "2c31a47b 5779809e f44cb5ea af5c3e43 d5f8faad 4a8794cb 987e9b03 745c78dd
             91951218 3898dfbe cd52e240 8e43871f d0211091 17bd3ed4 eaf84377 43715d4f",
            "f465e43f f23d3f1b 9dc7dfc0 4da87581 84dbc966 204796ec cf0d6cf5 e16500cc
             0201d048 bcbbd899 eeefc424 164e33c2 01c2b010 ca6b4d43 a8a155ca d8ecb279",
            "ab85843a 2f6d883f 62e5684b 38e30733 5fe6e194 5ecd1960 4105c6f2 3221eb69",
        ],
    ];

    /// X and Y printed one after the other, as in the PDU.
    pub fn point(hex: &str) -> [u8; 64] {
        let mut out: [u8; 64] = le(hex);
        out.rotate_left(32);
        out
    }

    pub fn key_pair(private: &str) -> KeyPair {
        KeyPair::new(le(private)).unwrap()
    }

    fn dh(keys: &KeyPair, peer: &[u8; 64]) -> Option<[u8; 32]> {
        let (x, y) = peer.split_at(32);
        keys.dhkey(x.try_into().unwrap(), y.try_into().unwrap())
    }

    #[test]
    fn the_debug_key_is_the_sample_key() {
        assert!(is_debug_key(key_pair(KEYS[0][0]).x()));
        assert!(!is_debug_key(key_pair(KEYS[0][1]).x()));
    }

    #[test]
    fn p256_gives_the_sample_keys() {
        for [private_a, private_b, public_a, public_b, dhkey] in KEYS {
            let (a, b) = (key_pair(private_a), key_pair(private_b));
            assert_eq!(a.public, point(public_a));
            assert_eq!(b.public, point(public_b));
            assert_eq!(dh(&a, &b.public), Some(le(dhkey)));
            assert_eq!(dh(&b, &a.public), Some(le(dhkey)));
        }
    }

    #[test]
    fn cve_2018_5383_points_off_the_curve_are_refused() {
        let a = key_pair(KEYS[0][0]);
        let good = point(KEYS[0][3]);
        let mut y_zero = good;
        y_zero[32..].fill(0);
        let mut one_bit = good;
        one_bit[40] ^= 1;
        let mut x_is_p = good;
        x_is_p[..32].copy_from_slice(&le::<32>(
            "ffffffff 00000001 00000000 00000000 00000000 ffffffff ffffffff ffffffff",
        ));
        for bad in [y_zero, one_bit, x_is_p, [0; 64], [0xff; 64]] {
            assert_eq!(dh(&a, &bad), None);
        }
    }

    #[test]
    fn the_database_hash_is_a_cmac_in_byte_order() {
        let mut hash = AesCmac::new(&[0; 16]);
        hash.update(&[1, 2]);
        hash.update(&[3]);
        let mut expected = cmac(&[0; 16], &[&[3, 2, 1]]);
        expected.reverse();
        assert_eq!(hash.finish(), expected);
    }
}
