//! Waiting intervals after failed pairings (Vol 3, Part H, 2.3.6).

use crate::{Address, Instant};

/// Peers remembered; the one with the fewest failures makes room.
const PEERS: usize = 4;
/// Mistyped passkeys that are forgiven before a peer has to wait.
const FREE: u8 = 3;
/// The wait doubles with each failure, from one second up to this many times.
const DOUBLINGS: u8 = 6;

/// Failures by peer address.
#[derive(Debug)]
pub struct Attempts([Attempt; PEERS]);

#[derive(Clone, Copy, Debug)]
struct Attempt {
    peer: Address,
    failures: u8,
    until: Instant,
}

impl Attempts {
    pub const fn new() -> Self {
        let none = Attempt {
            peer: Address::public([0; 6]),
            failures: 0,
            until: Instant(0),
        };
        Attempts([none; PEERS])
    }

    /// Whether a peer has to wait before it may pair.
    pub fn blocked(&self, peer: &Address, now: Instant) -> bool {
        self.0
            .iter()
            .any(|a| a.peer == *peer && a.failures > FREE && !a.until.reached(now))
    }

    /// Counts a failure that may have been a guess.
    pub fn failed(&mut self, peer: &Address, now: Instant) {
        let [attempt, others @ ..] = &mut self.0;
        let mut attempt = attempt;
        for other in others {
            let found = attempt.peer == *peer;
            if !found && (other.peer == *peer || other.failures < attempt.failures) {
                attempt = other;
            }
        }
        if attempt.peer != *peer {
            *attempt = Attempt {
                peer: *peer,
                failures: 0,
                until: now,
            };
        }
        attempt.failures = (attempt.failures + 1).min(FREE + DOUBLINGS + 1);
        if attempt.failures > FREE {
            attempt.until = now.after(1000 << (attempt.failures - FREE - 1));
        }
    }

    /// Forgives a peer that paired.
    pub fn succeeded(&mut self, peer: &Address) {
        for attempt in self.0.iter_mut().filter(|a| a.peer == *peer) {
            attempt.failures = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_and_a_success_forgives() {
        let mut attempts = Attempts::new();
        let (peer, other) = (Address::public([1; 6]), Address::public([2; 6]));
        let mut now = Instant(u32::MAX - 500);
        for _ in 0..FREE {
            attempts.failed(&peer, now);
            assert!(!attempts.blocked(&peer, now));
        }
        for seconds in [1, 2, 4, 8, 16, 32, 64, 64] {
            attempts.failed(&peer, now);
            assert!(attempts.blocked(&peer, now.after(seconds * 1000 - 1)));
            assert!(!attempts.blocked(&other, now));
            now = now.after(seconds * 1000);
            assert!(!attempts.blocked(&peer, now));
        }
        attempts.failed(&peer, now);
        attempts.succeeded(&peer);
        assert!(!attempts.blocked(&peer, now));
    }

    #[test]
    fn many_peers_do_not_wash_out_the_worst() {
        let mut attempts = Attempts::new();
        let worst = Address::public([0xff; 6]);
        for _ in 0..9 {
            attempts.failed(&worst, Instant(0));
        }
        for peer in 0..100 {
            attempts.failed(&Address::public([peer; 6]), Instant(0));
        }
        assert!(attempts.blocked(&worst, Instant(1)));
    }
}
