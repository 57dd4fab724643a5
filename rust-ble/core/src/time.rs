//! Time is an argument: the core never reads a clock.

/// A moment in milliseconds of any monotonic clock that wraps at 2^32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instant(pub u32);

impl Instant {
    /// The moment `ms` milliseconds later; `ms` is below 2^31 (24 days).
    pub const fn after(self, ms: u32) -> Self {
        Instant(self.0.wrapping_add(ms))
    }

    /// Whether this moment has come at `now`.
    pub const fn reached(self, now: Instant) -> bool {
        now.0.wrapping_sub(self.0) < 1 << 31
    }

    /// The earlier of two moments.
    pub const fn earlier(self, other: Instant) -> Instant {
        if self.reached(other) {
            self
        } else {
            other
        }
    }
}

/// The earlier of two deadlines, where `None` is never.
#[inline(never)]
pub const fn earliest(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.earlier(b)),
        (Some(a), None) => Some(a),
        (None, b) => b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_reached_across_the_wrap() {
        let deadline = Instant(u32::MAX - 5).after(10);
        assert!(!deadline.reached(Instant(u32::MAX)));
        assert!(deadline.reached(Instant(4)));
        assert!(deadline.reached(Instant(5)));
    }

    #[test]
    fn the_earlier_deadline_wins() {
        let (early, late) = (Instant(u32::MAX), Instant(3));
        assert_eq!(earliest(Some(late), Some(early)), Some(early));
        assert_eq!(earliest(None, Some(late)), Some(late));
        assert_eq!(earliest(None, None), None);
    }
}
