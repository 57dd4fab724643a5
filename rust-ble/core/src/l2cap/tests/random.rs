//! Random schedules of everything that two ends may do.

use super::air::*;
use crate::event::Event;
use crate::l2cap::{cid, header};
use crate::Error;
use std::collections::VecDeque;
use std::vec;
use std::vec::Vec;

/// xorshift32.
struct Random(u32);

impl Random {
    fn next(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0
    }

    fn below(&mut self, n: usize) -> usize {
        self.next() as usize % n
    }

    fn between(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high + 1 - low)
    }
}

/// One end of a channel as its script sees it.
#[derive(Default)]
struct Script {
    cid: u16,
    /// The longest SDU that it may send.
    longest: usize,
    stalled: bool,
    sent: Vec<u8>,
    got: Vec<u8>,
    /// Frames that the link has seen it be allowed to send.
    credits: usize,
    over: bool,
}

/// One end of the link, and PDUs on their way to it.
struct End {
    peer: Peer,
    scripts: Vec<Script>,
    inbox: VecDeque<(u16, Vec<u8>)>,
    fragments: Vec<u8>,
}

impl End {
    fn new(peer: Peer) -> Self {
        End {
            peer,
            scripts: vec![],
            inbox: VecDeque::new(),
            fragments: vec![],
        }
    }

    fn script(&mut self, cid: u16) -> &mut Script {
        self.scripts
            .iter_mut()
            .find(|script| script.cid == cid)
            .unwrap()
    }

    fn events(&mut self) {
        for event in self.peer.events() {
            match event {
                Event::L2capSendReady { cid, status: 0, .. } => {
                    assert!(core::mem::take(&mut self.script(cid).stalled));
                }
                Event::L2capDisconnected { cid, status: 0, .. } => {
                    assert!(!core::mem::replace(&mut self.script(cid).over, true));
                }
                Event::L2capRecv { .. } => {}
                event => panic!("{event:?}"),
            }
        }
    }

    fn send(&mut self, rng: &mut Random) {
        let slot = self.peer.link.slot;
        let at = rng.below(self.scripts.len());
        let script = &mut self.scripts[at];
        let sdu: Vec<u8> = (0..rng.between(0, script.longest))
            .map(|_| rng.next() as u8)
            .collect();
        match self.peer.end.send(slot, script.cid, &sdu) {
            Ok(stalled) => {
                script.sent.extend(&sdu);
                script.stalled = stalled;
            }
            Err(error) => assert!(script.stalled && error == Error::Busy),
        }
    }

    fn read(&mut self, at: usize, n: usize) -> usize {
        let script = &mut self.scripts[at];
        let mut buf = vec![0xa5; n];
        let n = self
            .peer
            .end
            .recvinto(self.peer.link.slot, script.cid, Some(&mut buf))
            .unwrap_or(0);
        script.got.extend(&buf[..n]);
        n
    }

    /// Next signalling PDU or fragment; a whole PDU that left, if any.
    fn transmit(&mut self, rng: &mut Random) -> Option<(u16, Vec<u8>)> {
        if !self.peer.end.frame_open(self.peer.link.slot) {
            let pdu = self.peer.poll();
            if !pdu.is_empty() {
                return Some((cid::SIGNALLING, pdu));
            }
        }
        let last = self
            .peer
            .fragment(rng.between(27, 251), &mut self.fragments)?;
        last.then(|| split(&core::mem::take(&mut self.fragments)))
    }
}

struct Air {
    ends: [End; 2],
    rng: Random,
    /// CIDs of each channel at both ends.
    cids: Vec<[u16; 2]>,
}

impl Air {
    fn new(seed: u32) -> Self {
        let mut rng = Random(seed.wrapping_mul(0x9e37_79b9) | 1);
        let mut ends = [
            End::new(Peer::new(CENTRAL)),
            End::new(Peer::new(PERIPHERAL)),
        ];
        let mut cids = vec![];
        for psm in 1..=rng.between(1, 3) as u16 {
            let from = rng.below(2);
            let mtus = [0; 2].map(|_| match rng.below(200) {
                0 => rng.between(23, 2048),
                1..20 => rng.between(23, 600),
                _ => rng.between(23, 120),
            });
            let channel = connect(&mut ends, from, psm, mtus, &mut rng);
            cids.push(channel);
        }
        Air { ends, rng, cids }
    }

    /// One random action of a random end.
    fn step(&mut self, sending: bool) {
        let at = self.rng.below(2);
        match self.rng.below(6) {
            0 if sending => self.ends[at].send(&mut self.rng),
            1 => {
                let script = self.rng.below(self.cids.len());
                let n = self.rng.between(0, 300);
                self.ends[at].read(script, n);
            }
            2 | 3 => {
                let pdu = self.ends[at].transmit(&mut self.rng);
                if let Some(pdu) = pdu {
                    self.leave(at, pdu);
                }
            }
            _ => self.arrive(at),
        }
        for end in &mut self.ends {
            end.events();
        }
    }

    /// A PDU leaves an end: a frame costs a credit.
    fn leave(&mut self, at: usize, (cid, pdu): (u16, Vec<u8>)) {
        if cid != cid::SIGNALLING {
            let ours = self.cids.iter().find(|cids| cids[1 - at] == cid).unwrap()[at];
            let script = self.ends[at].script(ours);
            assert!(script.credits > 0, "a frame without a credit");
            script.credits -= 1;
        }
        self.ends[1 - at].inbox.push_back((cid, pdu));
    }

    /// A PDU arrives at an end.
    fn arrive(&mut self, at: usize) {
        let Some((cid, pdu)) = self.ends[at].inbox.pop_front() else {
            return;
        };
        if cid != cid::SIGNALLING {
            return self.ends[at].peer.frame(cid, &pdu);
        }
        if pdu[0] == 0x16 {
            let word = |at| u16::from_le_bytes([pdu[at], pdu[at + 1]]);
            let ours = self
                .cids
                .iter()
                .find(|cids| cids[1 - at] == word(4))
                .unwrap()[at];
            self.ends[at].script(ours).credits += word(6) as usize;
        }
        let answer = self.ends[at].peer.signal(&pdu);
        // What is answered while a frame is open leaves after it.
        if !answer.is_empty() {
            while self.ends[at]
                .peer
                .end
                .frame_open(self.ends[at].peer.link.slot)
            {
                if let Some(pdu) = self.ends[at].transmit(&mut self.rng) {
                    self.leave(at, pdu);
                }
            }
            self.leave(at, (cid::SIGNALLING, answer));
        }
    }

    /// Runs until nothing moves any more; with scripts that read, if so said.
    fn drain(&mut self, reading: bool) {
        for _ in 0..100_000 {
            let mut moved = false;
            for at in 0..2 {
                moved |= !self.ends[at].inbox.is_empty();
                self.arrive(at);
                if let Some(pdu) = self.ends[at].transmit(&mut self.rng) {
                    self.leave(at, pdu);
                    moved = true;
                }
                moved |= !self.ends[at].fragments.is_empty();
                for script in 0..self.cids.len() {
                    moved |= reading && self.ends[at].read(script, 1000) > 0;
                }
                self.ends[at].events();
            }
            if !moved {
                return;
            }
        }
        panic!("never at rest");
    }
}

/// Opens a channel whose MPS each way is made smaller on its way.
fn connect(
    ends: &mut [End; 2],
    from: usize,
    psm: u16,
    mtus: [usize; 2],
    rng: &mut Random,
) -> [u16; 2] {
    let to = 1 - from;
    let [a, b] = [from, to].map(|at| mtus[at] as u16);
    ends[to].peer.end.listen(psm, b).unwrap();
    let link = ends[from].peer.link;
    let ours = ends[from]
        .peer
        .end
        .connect(NOW, link, psm, a, lend(a))
        .unwrap();
    let mut word = |pdu: &mut Vec<u8>, at: usize| {
        let mps = rng.between(23, 498) as u16;
        pdu[at..at + 2].copy_from_slice(&mps.to_le_bytes());
        u16::from_le_bytes([pdu[12], pdu[13]])
    };
    let mut request = ends[from].peer.poll();
    let given = word(&mut request, 10);
    assert_eq!(ends[to].peer.signal(&request), []);
    let Some(Event::L2capAccept { token, cid, .. }) = ends[to].peer.next_event() else {
        panic!("no query");
    };
    ends[to]
        .peer
        .end
        .answer_accept(token, Some(lend(b)))
        .unwrap();
    let mut answer = ends[to].peer.poll();
    let mps = answer[8..10].to_vec();
    word(&mut answer, 8);
    assert_eq!(mps, crate::l2cap::MPS.to_le_bytes());
    assert_eq!(ends[from].peer.signal(&answer), []);
    let taken = u16::from_le_bytes([answer[10], answer[11]]);
    let script = |cid, longest: u16, credits: u16| Script {
        cid,
        longest: longest.into(),
        credits: credits.into(),
        ..Script::default()
    };
    ends[from].scripts.push(script(ours, b.min(2 * a), taken));
    ends[to].scripts.push(script(cid, a.min(2 * b), given));
    for end in ends.iter_mut() {
        assert!(matches!(
            end.peer.events()[..],
            [Event::L2capConnected { .. }]
        ));
    }
    let mut cids = [0; 2];
    (cids[from], cids[to]) = (ours, cid);
    cids
}

#[test]
fn nothing_is_lost_reordered_or_sent_without_credits_in_any_schedule() {
    let mut bytes = 0;
    for seed in 0..if cfg!(miri) { 10 } else { 10_000 } {
        let mut air = Air::new(seed);
        for _ in 0..air.rng.between(10, 300) {
            air.step(true);
        }
        if seed % 2 == 0 {
            air.drain(true);
            for [a, b] in air.cids.clone() {
                let [x, y] = &mut air.ends;
                let (x, y) = (x.script(a), y.script(b));
                assert!(x.got == y.sent && y.got == x.sent, "seed {seed}");
                assert!(!x.stalled && !y.stalled, "seed {seed}");
                bytes += x.got.len() + y.got.len();
            }
        }
        // Any end ends any channel, perhaps both, while the other goes on.
        for channel in 0..air.cids.len() {
            for at in 0..2 {
                if at == 0 || air.rng.below(4) == 0 {
                    let at = if seed % 3 == 0 { 1 - at } else { at };
                    let (slot, cid) = (air.ends[at].peer.link.slot, air.cids[channel][at]);
                    let _ = air.ends[at].peer.end.disconnect(NOW, slot, cid);
                }
            }
            for _ in 0..air.rng.below(20) {
                air.step(false);
            }
        }
        air.drain(true);
        for end in &mut air.ends {
            assert!(end.scripts.iter().all(|script| script.over), "seed {seed}");
            end.peer.assert_idle();
        }
        for [a, b] in air.cids.clone() {
            let [x, y] = &mut air.ends;
            let (x, y) = (x.script(a), y.script(b));
            assert!(
                y.sent.starts_with(&x.got) && x.sent.starts_with(&y.got),
                "seed {seed}"
            );
        }
    }
    assert!(bytes > 1_000_000 || cfg!(miri), "{bytes}");
}

#[test]
fn a_header_names_length_and_channel() {
    assert_eq!(header(0x0102, 0x0304), [2, 1, 4, 3]);
    assert_eq!(split(&[1, 0, 0x40, 0, 9]), (0x40, vec![9]));
}
