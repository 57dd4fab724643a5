//! Key pairs on the curve P-256 (Vol 3, Part H, 2.3.5.6.1), on the
//! integers of the crate p256.
//!
//! A Montgomery ladder over X coordinates alone: without the crate's code for
//! points, its table on the stack, and its field arithmetic, which is written
//! out for speed (docs/DESIGN.md, "P-256 and the script"). Every step is the
//! same sequence of operations, kept as data. What depends on the private key
//! is only which of two points a step doubles, selected without a branch.

use p256::elliptic_curve::bigint::subtle::{Choice, ConditionallySelectable};
use p256::elliptic_curve::bigint::{Encoding, Limb};
use p256::elliptic_curve::Curve;
use p256::{NistP256, U256};

/// A P-256 key pair.
#[derive(Clone, Debug)]
pub struct KeyPair {
    /// Little-endian.
    private: [u8; 32],
    /// X then Y, as in Pairing Public Key.
    pub public: [u8; 64],
}

impl KeyPair {
    /// Begins to make one from a private key, little-endian; `None` when that is
    /// not below the order of the curve, which happens once in 2^32 times with
    /// random bytes.
    pub fn start(private: &[u8; 32]) -> Option<Multiplication> {
        below(private, &NistP256::ORDER)?;
        Some(Multiplication::new(private, &GENERATOR_X))
    }

    /// The key pair once `step` is done; `None` when the private key was zero,
    /// or the order of the curve less one.
    pub fn finish(work: &Multiplication) -> Option<Self> {
        let mut r = work.product();
        if r[P as usize] == U256::ZERO {
            return None;
        }
        let mut keys = KeyPair {
            private: work.scalar,
            public: [0; 64],
        };
        let (x, y) = keys.public.split_at_mut(32);
        x.copy_from_slice(&put(&r[X0 as usize], &U256::ONE));
        // Y follows from X of the product and of its successor: the sum of the
        // product and the generator is what a step computes but for this X.
        r[X as usize] = double(&r[X1 as usize]);
        r[X1 as usize] = GENERATOR_X;
        (r[Z0 as usize], r[Z1 as usize]) = (ONE, ONE);
        run_step(&mut r);
        y.copy_from_slice(&put(&r[X1 as usize], &RECIPROCAL_OF_4Y));
        Some(keys)
    }

    /// `start` to `finish` in one go: slow.
    pub fn new(private: [u8; 32]) -> Option<Self> {
        let mut work = Self::start(&private)?;
        while work.step() {}
        Self::finish(&work)
    }

    /// X of the public key.
    pub fn x(&self) -> &[u8; 32] {
        self.public.first_chunk().unwrap_or(&[0; 32])
    }

    /// Begins to make the DHKey with a peer's public key; `None` when that is
    /// no point of the curve (2.3.5.6.1).
    pub fn start_dhkey(&self, x: &[u8; 32], y: &[u8; 32]) -> Option<Multiplication> {
        let (x, y) = (get(x)?, get(y)?);
        // Among what a step computes is 4 (x^3 - 3 x + b).
        let mut r = registers(&x);
        r[X0 as usize] = x;
        run_step(&mut r);
        let y2 = double(&y);
        if r[Z0 as usize] != multiply(&y2, &y2) {
            return None;
        }
        Some(Multiplication::new(&self.private, &x))
    }

    /// The DHKey in one go: slow.
    pub fn dhkey(&self, x: &[u8; 32], y: &[u8; 32]) -> Option<[u8; 32]> {
        let mut work = self.start_dhkey(x, y)?;
        while work.step() {}
        Some(work.x())
    }
}

/// Bits of the scalar that one step does: a sixteenth of all.
const STEP_BITS: u16 = 16;

/// A multiplication that is done in steps, so that the script goes on between
/// them: the ladder, where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Multiplication {
    /// Little-endian.
    scalar: [u8; 32],
    x: Element,
    /// X0, Z0, X1 and Z1.
    points: [Element; 4],
    /// Bits of the scalar that are done.
    done: u16,
}

impl Multiplication {
    #[inline(never)]
    fn new(scalar: &[u8; 32], x: &Element) -> Self {
        Multiplication {
            scalar: *scalar,
            x: *x,
            points: [ONE, U256::ZERO, *x, ONE],
            done: 0,
        }
    }

    /// Does a part of it; `false` when all is done but for the result, which
    /// takes about as long as two steps.
    pub fn step(&mut self) -> bool {
        if self.done >= 256 {
            return false;
        }
        let mut r = self.registers();
        for i in self.done..self.done + STEP_BITS {
            let choice = Choice::from(bit(&self.scalar, i.into()));
            swap(&mut r, choice);
            run_step(&mut r);
            swap(&mut r, choice);
        }
        self.points.copy_from_slice(&r[POINTS]);
        self.done += STEP_BITS;
        true
    }

    /// X of the product, little-endian.
    pub fn x(&self) -> [u8; 32] {
        put(&self.product()[X0 as usize], &U256::ONE)
    }

    fn registers(&self) -> Registers {
        let mut r = registers(&self.x);
        r[POINTS].copy_from_slice(&self.points);
        r
    }

    /// X0 is X of the product, X1 X of its successor's, P zero if one of the
    /// two is at infinity.
    #[inline(never)]
    fn product(&self) -> Registers {
        let mut r = self.registers();
        run(&mut r, op(MUL, X0, X0, Z1));
        run(&mut r, op(MUL, X1, X1, Z0));
        run(&mut r, op(MUL, Q, Z0, Z1));
        r[P as usize] = ONE;
        for i in 0..256 {
            run(&mut r, op(MUL, P, P, P));
            if bit(&RECIPROCAL, i) != 0 {
                run(&mut r, op(MUL, P, P, Q));
            }
        }
        run(&mut r, op(MUL, X0, X0, P));
        run(&mut r, op(MUL, X1, X1, P));
        r
    }
}

/// Whether X belongs to the debug key pair, whose private key is published
/// (2.3.5.6.1).
pub fn is_debug_key(x: &[u8; 32]) -> bool {
    const X: [u8; 32] = [
        0xe6, 0x9d, 0x35, 0x0e, 0x48, 0x01, 0x03, 0xcc, 0xdb, 0xfd, 0xf4, 0xac, 0x11, 0x91, 0xf4,
        0xef, 0xb9, 0xa5, 0xf9, 0xe9, 0xa7, 0x83, 0x2c, 0x5e, 0x2c, 0xbe, 0x97, 0xf2, 0xd2, 0x03,
        0xb0, 0x20,
    ];
    *x == X
}

/// An element of the field: below its order, times 2^256 (Montgomery's form).
type Element = U256;

/// The order of the field (FIPS 186-4, D.1.2.3).
const ORDER: U256 =
    U256::from_be_hex("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff");
/// Of Montgomery's form of one: 2^256 less the order.
const ONE: Element = ORDER.wrapping_neg();
/// Of 2^256, which as a factor makes an integer an element.
const RADIX: Element = shifted(ONE);

/// a b / 2^256: the product of two elements, word by word of b. The order is -1 modulo
/// any word, so the multiple of it that clears the lowest word of a sum is that word.
#[inline(never)]
fn multiply(a: &U256, b: &U256) -> U256 {
    let (a, order) = (a.as_limbs(), ORDER.as_limbs());
    // Behind a word that is zero and left out; with what is above it.
    let mut sum = [Limb::ZERO; U256::LIMBS + 1];
    let mut top = Limb::ZERO;
    for &b in b.as_limbs() {
        let (lowest, _) = sum[1].mac(a[0], b, Limb::ZERO);
        let (mut carry, mut carry_of_order) = (Limb::ZERO, Limb::ZERO);
        for i in 0..U256::LIMBS {
            let word;
            (word, carry) = sum[i + 1].mac(a[i], b, carry);
            (sum[i], carry_of_order) = word.mac(order[i], lowest, carry_of_order);
        }
        (sum[U256::LIMBS], top) = carry.adc(carry_of_order, top);
    }
    let [_, sum @ ..] = &sum;
    difference(sum, top, &ORDER)
}

/// a - b, plus the order if that is negative; `top` is the word above a.
#[inline(never)]
const fn difference(a: &[Limb; U256::LIMBS], top: Limb, b: &U256) -> U256 {
    let mut words = [Limb::ZERO; U256::LIMBS];
    let (mut borrow, mut carry) = (Limb::ZERO, Limb::ZERO);
    let mut i = 0;
    while i < U256::LIMBS {
        (words[i], borrow) = a[i].sbb(b.as_limbs()[i], borrow);
        i += 1;
    }
    let (_, negative) = top.sbb(Limb::ZERO, borrow);
    i = 0;
    while i < U256::LIMBS {
        let order = ORDER.as_limbs()[i].bitand(negative);
        (words[i], carry) = words[i].adc(order, carry);
        i += 1;
    }
    U256::new(words)
}

const fn subtract(a: &Element, b: &Element) -> Element {
    difference(a.as_limbs(), Limb::ZERO, b)
}

const fn add(a: &Element, b: &Element) -> Element {
    subtract(a, &subtract(&U256::ZERO, b))
}

const fn double(a: &Element) -> Element {
    add(a, a)
}

/// Times 2^256.
const fn shifted(mut a: Element) -> Element {
    let mut i = 0;
    while i < 256 {
        a = double(&a);
        i += 1;
    }
    a
}

/// The integer, from little-endian bytes, if it is below a limit.
fn below(bytes: &[u8; 32], limit: &U256) -> Option<U256> {
    let value = U256::from_le_bytes(*bytes);
    (value < *limit).then_some(value)
}

/// A coordinate from a PDU; `None` when it is not below the order.
fn get(bytes: &[u8; 32]) -> Option<Element> {
    Some(multiply(&below(bytes, &ORDER)?, &RADIX))
}

/// A coordinate for a PDU: an element times an integer.
fn put(value: &Element, factor: &U256) -> [u8; 32] {
    multiply(value, factor).to_le_bytes()
}

/// The curve (FIPS 186-4, D.1.2.3): y^2 = x^3 - 3 x + b.
const B: Element = number("5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b");
const FOUR_B: Element = double(&double(&B));
const GENERATOR_X: Element =
    number("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296");
/// 1 / (4 y) of the generator.
const RECIPROCAL_OF_4Y: U256 =
    U256::from_be_hex("3e89e8f68b001862a0a3e3359706a467bff19efda2d36ec16ef6a9dd7117500d");

const fn number(hex: &str) -> Element {
    shifted(U256::from_be_hex(hex))
}

/// The exponent that gives the reciprocal: the field's order less two.
const RECIPROCAL: [u8; 32] = [
    0xfd, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff,
];

/// Registers: X of the given point, 4 b, the two points of the ladder, whose
/// difference is the given one, as fractions X / Z, and four for a step.
type Registers = [Element; 10];

const X: u16 = 0;
const B4: u16 = 1;
const X0: u16 = 2;
const Z0: u16 = 3;
const X1: u16 = 4;
const Z1: u16 = 5;
const POINTS: core::ops::Range<usize> = 2..6;
const P: u16 = 6;
const Q: u16 = 7;
const R: u16 = 8;
const S: u16 = 9;

/// For steps with points whose difference has this X.
fn registers(x: &Element) -> Registers {
    let mut r = [ONE; 10];
    r[X as usize] = *x;
    r[X1 as usize] = *x;
    r[B4 as usize] = FOUR_B;
    r
}

/// One bit, from the most significant on.
fn bit(bytes: &[u8; 32], i: usize) -> u8 {
    bytes[31 - i / 8 % 32] >> (7 - i % 8) & 1
}

/// Swaps the two points.
fn swap(r: &mut Registers, choice: Choice) {
    let [_, _, x0, z0, x1, z1, ..] = r;
    Element::conditional_swap(x0, x1, choice);
    Element::conditional_swap(z0, z1, choice);
}

/// Point 1 becomes the sum of both, point 0 its double. (E. Brier, M. Joye,
/// Weierstrass Elliptic Curves and Side-Channel Attacks, 2002.)
///
/// x(P+Q) = (2 (x0 + x1) (x0 x1 - 3) + 4 b) / (x0 - x1)^2 - x(P-Q)
/// x(2P) = ((x0^2 + 3)^2 - 8 b x0) / 4 (x0^3 - 3 x0 + b)
#[inline(never)]
fn run_step(r: &mut Registers) {
    const STEP: [u16; 33] = [
        op(MUL, P, X0, Z1),
        op(MUL, Q, X1, Z0),
        op(MUL, R, X0, X1),
        op(MUL, S, Z0, Z1),
        op(SUB, Z1, P, Q),
        op(MUL, Z1, Z1, Z1),
        op(ADD, P, P, Q),
        op(ADD, P, P, P),
        op(SUB, R, R, S),
        op(SUB, R, R, S),
        op(SUB, R, R, S),
        op(MUL, P, P, R),
        op(MUL, S, S, S),
        op(MUL, S, S, B4),
        op(ADD, P, P, S),
        op(MUL, X1, X, Z1),
        op(SUB, X1, P, X1),
        op(MUL, P, X0, Z0),
        op(ADD, P, P, P),
        op(MUL, X0, X0, X0),
        op(MUL, Z0, Z0, Z0),
        op(ADD, Q, Z0, Z0),
        op(ADD, Q, Q, Z0),
        op(SUB, R, X0, Q),
        op(ADD, X0, X0, Q),
        op(MUL, X0, X0, X0),
        op(MUL, R, R, P),
        op(ADD, R, R, R),
        op(MUL, S, Z0, B4),
        op(MUL, Z0, Z0, S),
        op(ADD, Z0, Z0, R),
        op(MUL, S, S, P),
        op(SUB, X0, X0, S),
    ];
    for &op in &STEP {
        run(r, op);
    }
}

const MUL: u16 = 0;
const ADD: u16 = 1;
const SUB: u16 = 2;

/// An operation: what, the register for the result, the two operands.
const fn op(what: u16, to: u16, a: u16, b: u16) -> u16 {
    what << 12 | to << 8 | a << 4 | b
}

#[inline(never)]
fn run(r: &mut Registers, op: u16) {
    let register = |shift: u16| usize::from(op >> shift & 0xf);
    let (Some(a), Some(b)) = (r.get(register(4)), r.get(register(0))) else {
        return;
    };
    let result = match op >> 12 {
        MUL => multiply(a, b),
        ADD => add(a, b),
        _ => subtract(a, b),
    };
    if let Some(to) = r.get_mut(register(8)) {
        *to = result;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::smp::Rng;
    use p256::elliptic_curve::ff::PrimeField;
    use p256::elliptic_curve::sec1::ToEncodedPoint;
    use p256::{ProjectivePoint, Scalar};

    /// The same by the crate's own multiplication.
    fn reference(private: [u8; 32]) -> [u8; 64] {
        let point = (ProjectivePoint::GENERATOR * scalar(private)).to_affine();
        let point = point.to_encoded_point(false);
        let mut public = [0; 64];
        public[..32].copy_from_slice(point.x().unwrap());
        public[32..].copy_from_slice(point.y().unwrap());
        public[..32].reverse();
        public[32..].reverse();
        public
    }

    fn scalar(mut private: [u8; 32]) -> Scalar {
        private.reverse();
        Scalar::from_repr(private.into()).unwrap()
    }

    fn small(n: u8) -> [u8; 32] {
        let mut private = [0; 32];
        private[0] = n;
        private
    }

    /// The order less `n`.
    fn large(n: u8) -> [u8; 32] {
        let mut private: [u8; 32] = (-Scalar::from(u64::from(n))).to_repr().into();
        private.reverse();
        private
    }

    #[test]
    fn field_operations_are_those_of_the_crate() {
        use p256::elliptic_curve::bigint::modular::montgomery_reduction;
        let mut rng = Rng::new(&[9; 32]);
        let most = ORDER.wrapping_sub(&U256::ONE);
        let some = [U256::ZERO, U256::ONE, most, ONE, RADIX, B, GENERATOR_X];
        let random = (0..40).filter_map(|_| below(&rng.array(), &ORDER));
        let elements: std::vec::Vec<U256> = some.into_iter().chain(random).collect();
        for a in &elements {
            for b in &elements {
                assert_eq!(add(a, b), a.add_mod(b, &ORDER));
                assert_eq!(subtract(a, b), a.sub_mod(b, &ORDER));
                let product = montgomery_reduction(&a.mul_wide(b), &ORDER, Limb::ONE);
                assert_eq!(multiply(a, b), product);
            }
        }
    }

    #[test]
    fn public_keys_are_those_of_the_crate() {
        let mut rng = Rng::new(&[7; 32]);
        let random = (0..20).map(|_| rng.array());
        let extreme = (1..20).flat_map(|n| [small(n), large(n + 1)]);
        for private in extreme.chain(random) {
            let keys = KeyPair::new(private).unwrap();
            assert_eq!(keys.public, reference(private));
        }
    }

    #[test]
    fn two_sides_have_one_dhkey() {
        let mut rng = Rng::new(&[8; 32]);
        for a in [
            small(1),
            small(2),
            large(2),
            large(3),
            rng.array(),
            rng.array(),
        ] {
            let b = rng.array();
            let (a, b) = (KeyPair::new(a).unwrap(), KeyPair::new(b).unwrap());
            let [(ax, ay), (bx, by)] = [&a, &b].map(|keys| {
                let (x, y) = keys.public.split_at(32);
                (x.try_into().unwrap(), y.try_into().unwrap())
            });
            assert_eq!(a.dhkey(bx, by), b.dhkey(ax, ay));
            assert!(a.dhkey(bx, by).is_some());
        }
    }

    /// The point with X zero takes no other path.
    #[test]
    fn a_point_with_x_zero_is_one_as_any() {
        use p256::elliptic_curve::point::DecompressPoint;
        let point = p256::AffinePoint::decompress(&[0; 32].into(), 0.into()).unwrap();
        let mut bytes: [u8; 32] = (*point.to_encoded_point(false).y().unwrap()).into();
        bytes.reverse();
        for private in [small(1), small(2), small(3), [0x5a; 32], large(2)] {
            let keys = KeyPair::new(private).unwrap();
            let expected = (ProjectivePoint::from(point) * scalar(private)).to_affine();
            let mut expected: [u8; 32] = (*expected.to_encoded_point(false).x().unwrap()).into();
            expected.reverse();
            assert_eq!(keys.dhkey(&[0; 32], &bytes), Some(expected));
        }
    }

    #[test]
    fn a_multiplication_takes_seventeen_steps() {
        let mut work = KeyPair::start(&small(5)).unwrap();
        assert_eq!((0..100).take_while(|_| work.step()).count(), 16);
        assert_eq!(&work.x(), KeyPair::new(small(5)).unwrap().x());
    }

    #[test]
    fn private_keys_out_of_range_are_refused() {
        for private in [small(0), large(0), large(1), [0xff; 32]] {
            assert!(KeyPair::new(private).is_none());
        }
        assert!(KeyPair::new(NistP256::ORDER.to_le_bytes()).is_none());
    }
}
