//! The LE signalling channel (Vol 3, Part A, 4): requests that peers make and
//! requests of ours.

use super::channel::{acceptable, pending, Channel, State};
use super::channels::our_cid;
use super::signal::{
    code, emit, has_its_words, is_response, reason, reconfigured, result, Command, MAX_ENHANCED,
    MAX_WORDS,
};
use super::{cid, signal, status, Channels, Link, MIN_MTU, MPS, SIGNAL_LEN};
use crate::config::MAX_CHANNELS;
use crate::event::{Role, Token};
use crate::gap::{valid_parameters, ConnParams};
use crate::time::Instant;
use crate::wire::Writer;

/// What a signalling PDU asks of the host, beside the answer written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing more.
    Nothing,
    /// The writer has less room than `SIGNAL_LEN`; nothing was done, repeat.
    NoRoom,
    /// We are central, the peripheral asked for these valid parameters and was
    /// told that they are accepted: send LE Connection Update (4.20).
    Update(ConnParams),
    /// Our request by `request_update` was accepted or rejected (4.21).
    Updated(bool),
}

/// For a command without an answer, or with one that is written already.
const NO_ANSWER: (u8, usize) = (0, 0);

/// Smallest MTU and MPS of the enhanced mode (4.25).
const MIN_ENHANCED: u16 = 64;

/// No channel: a refused one in `Incoming`.
const REFUSED: u8 = u8::MAX;

/// Signalling state of one link.
#[derive(Debug)]
pub(super) struct Signalling {
    /// Identifier used last.
    id: u8,
    pub update: Update,
    /// Identifier of the request for it.
    update_id: u8,
    pub params: ConnParams,
    /// When that fails.
    pub deadline: Instant,
}

/// Our connection parameter update request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Update {
    Idle,
    Wanted,
    Sent,
    /// The central said yes; its update is to come.
    Accepted,
}

impl Signalling {
    /// All of it zeros, for a static.
    pub const fn new() -> Self {
        Signalling {
            id: 0,
            update: Update::Idle,
            update_id: 0,
            params: [0; 4],
            deadline: Instant(0),
        }
    }

    pub fn deadline(&self) -> Option<Instant> {
        (self.update != Update::Idle).then_some(self.deadline)
    }

    /// Whether the answer with this identifier is waited for.
    fn waits_for(&self, id: u8) -> bool {
        self.update == Update::Sent && self.update_id == id
    }

    /// The answer with this identifier came; whether it was waited for.
    fn answered(&mut self, id: u8, accepted: bool) -> bool {
        let waited = self.waits_for(id);
        if waited {
            self.update = if accepted {
                Update::Accepted
            } else {
                Update::Idle
            };
        }
        waited
    }
}

/// A peer's connection request, for one channel or enhanced for up to five.
#[derive(Debug)]
pub(super) struct Incoming {
    pub slot: u8,
    id: u8,
    enhanced: bool,
    our_mtu: u16,
    result: u16,
    /// Query that waits for the script.
    pub asked: Option<Token>,
    /// Index of each channel in the order of the request.
    channels: heapless::Vec<u8, MAX_ENHANCED>,
    /// How many of them are decided.
    decided: u8,
}

/// How long a connection request for a PSM that nobody listens on waits for a
/// listener, in ms: a script listens when it hears of the link, and the peer's
/// request may come first. Well below any RTX timeout.
const HOLD_MS: u32 = 1_000;

/// A connection request that waits for a listener.
#[derive(Debug)]
pub(super) struct Held {
    pub link: Link,
    id: u8,
    /// PSM, MTU, MPS, credits.
    terms: [u16; 4],
    scid: u16,
    pub until: Instant,
    pub expired: bool,
}

impl Held {
    /// All of it zeros, for a static.
    pub const fn blank() -> Self {
        let link = Link {
            slot: 0,
            conn: 0,
            role: Role::Central,
        };
        Held {
            link,
            id: 0,
            terms: [0; 4],
            scid: 0,
            until: Instant(0),
            expired: false,
        }
    }
}

impl Incoming {
    /// All of it zeros, for a static.
    pub const fn blank() -> Self {
        Incoming {
            slot: 0,
            id: 0,
            enhanced: false,
            our_mtu: 0,
            result: 0,
            asked: None,
            channels: heapless::Vec::new(),
            decided: 0,
        }
    }

    /// Index of the channel to decide next, past all when the answer is ready.
    pub fn next_channel(&self) -> usize {
        self.channels
            .get(self.decided as usize)
            .map_or(usize::MAX, |&index| index.into())
    }

    /// The script accepted or refused the next channel.
    pub fn decide(&mut self, accepted: bool) {
        if !accepted {
            self.result = result::NO_RESOURCES;
            if let Some(index) = self.channels.get_mut(self.decided as usize) {
                *index = REFUSED;
            }
        }
        self.decided += 1;
        self.skip_refused();
    }

    fn skip_refused(&mut self) {
        while self.channels.get(self.decided as usize) == Some(&REFUSED) {
            self.decided += 1;
        }
    }
}

impl Channels {
    /// Takes the payload of a PDU on `cid::SIGNALLING`; writes the payload of
    /// at most one answer. `out` has room for `SIGNAL_LEN`.
    #[inline(never)]
    pub fn handle_signal(
        &mut self,
        now: Instant,
        link: Link,
        pdu: &[u8],
        out: &mut Writer,
    ) -> Outcome {
        if out.room() < SIGNAL_LEN {
            return Outcome::NoRoom;
        }
        // Identifier zero is never used (4).
        let mut room = [0; MAX_WORDS];
        let Some(Command {
            code,
            id: id @ 1..,
            words: n,
        }) = Command::parse(pdu, &mut room)
        else {
            return Outcome::Nothing;
        };
        if is_response(code) && n == 0 {
            return Outcome::Nothing;
        }
        let slot = link.slot;
        let mut outcome = Outcome::Nothing;
        if pdu.len() > SIGNAL_LEN {
            let words = [reason::MTU_EXCEEDED, SIGNAL_LEN as u16];
            emit(out, code::COMMAND_REJECT, id, &words);
            return outcome;
        }
        // Code of the answer, and how many words of `room` it has by then.
        let (answer, n) = match if has_its_words(code, n) { code } else { 0 } {
            code::PARAMETER_UPDATE_REQ if link.role == Role::Central => {
                let params = [room[0], room[1], room[2], room[3]];
                let valid = valid_parameters(&params);
                if valid {
                    outcome = Outcome::Update(params);
                }
                room[0] = !valid as u16;
                (code::PARAMETER_UPDATE_RSP, 1)
            }
            code::PARAMETER_UPDATE_RSP => {
                let accepted = room[0] == 0;
                if self
                    .signalling(slot)
                    .is_some_and(|signalling| signalling.answered(id, accepted))
                {
                    outcome = Outcome::Updated(accepted);
                }
                NO_ANSWER
            }
            code::LE_CONNECTION_REQ => {
                let scid = room[1];
                let terms = [room[0], room[2], room[3], room[4]];
                if self.listener(room[0]) == 0 && self.held.is_none() {
                    let until = now.after(HOLD_MS);
                    let expired = false;
                    self.held = Some(Held {
                        link,
                        id,
                        terms,
                        scid,
                        until,
                        expired,
                    });
                } else {
                    self.connection_request(link, id, false, &terms, &[scid], out);
                }
                NO_ANSWER
            }
            code::LE_CONNECTION_RSP => {
                self.connection_response(slot, id, &room);
                NO_ANSWER
            }
            code::CONNECTION_REQ => {
                let (terms, scids) = room.split_first_chunk().unwrap_or((&[0; 4], &[]));
                let scids = scids.get(..n.saturating_sub(4)).unwrap_or_default();
                self.connection_request(link, id, true, terms, scids, out);
                NO_ANSWER
            }
            code::RECONFIGURE_REQ => {
                let cids = room.get(2..n).unwrap_or_default();
                room[0] = self.reconfigure(slot, room[0], room[1], cids);
                (code::RECONFIGURE_RSP, 1)
            }
            code::FLOW_CONTROL_CREDIT_IND => {
                let index = self.peer_index(slot, room[0]);
                let channel = self.channels.get_mut(index);
                if channel.is_some_and(|channel| channel.credits_taken(room[1]).is_err()) {
                    self.fail(now, index);
                }
                NO_ANSWER
            }
            code::DISCONNECTION_REQ => self.disconnection_request(slot, &mut room),
            code::DISCONNECTION_RSP => {
                if let Some((index, channel)) = self.linked(slot, room[1]) {
                    if channel.waits_for(id) && channel.peer_cid == room[0] {
                        let status = channel.status;
                        self.end(index, status);
                    }
                }
                NO_ANSWER
            }
            code::COMMAND_REJECT => {
                outcome = self.rejected(slot, id, room[0]);
                NO_ANSWER
            }
            _ if is_response(code) => NO_ANSWER,
            _ => {
                room[0] = reason::NOT_UNDERSTOOD;
                (code::COMMAND_REJECT, 1)
            }
        };
        if n > 0 {
            emit(out, answer, id, room.get(..n).unwrap_or_default());
        }
        outcome
    }

    /// Whether `poll_signal` may have something to write for a link.
    pub fn has_signal(&self, slot: u8) -> bool {
        self.channels
            .iter()
            .any(|channel| channel.slot == slot && channel.has_signal())
            || self
                .incoming
                .as_ref()
                .is_some_and(|incoming| incoming.slot == slot)
            || self.update_wanted(slot)
            || self.held_is_due(slot)
    }

    /// Writes the payload of the next signalling PDU that we have to send on a
    /// link. False when there is none, or `out` has less room than
    /// `SIGNAL_LEN`. To be asked before `poll_fragment`, while no frame is open.
    pub fn poll_signal(&mut self, slot: u8, out: &mut Writer) -> bool {
        if out.room() < SIGNAL_LEN {
            return false;
        }
        self.release_held(slot, out);
        if !out.is_empty() || self.poll_answer(slot, out) || self.poll_update(slot, out) {
            return true;
        }
        (0..MAX_CHANNELS).any(|index| self.poll_channel(slot, index, out))
    }

    /// Whether the request that is held waits no longer.
    fn held_is_due(&self, slot: u8) -> bool {
        self.held.as_ref().is_some_and(|held| {
            let listened = self.listener(held.terms[0]) != 0;
            held.link.slot == slot && (listened || held.expired)
        })
    }

    /// Treats the request that was held as if it came now.
    fn release_held(&mut self, slot: u8, out: &mut Writer) {
        if self.held_is_due(slot) {
            if let Some(Held {
                link,
                id,
                terms,
                scid,
                ..
            }) = self.held.take()
            {
                self.connection_request(link, id, false, &terms, &[scid], out);
            }
        }
    }

    /// A request for channels (4.22, 4.25); `terms` are PSM, MTU, MPS, credits.
    #[inline(never)]
    fn connection_request(
        &mut self,
        link: Link,
        id: u8,
        enhanced: bool,
        terms: &[u16; 4],
        scids: &[u16],
        out: &mut Writer,
    ) {
        let [psm, mtu, mps, credits] = *terms;
        let min = if enhanced { MIN_ENHANCED } else { MIN_MTU };
        let mut incoming = Incoming {
            slot: link.slot,
            id,
            enhanced,
            our_mtu: self.listener(psm),
            result: result::SUCCESS,
            asked: None,
            channels: heapless::Vec::new(),
            decided: 0,
        };
        if scids.is_empty() || scids.len() > MAX_ENHANCED {
            incoming.result = result::INVALID_PARAMETERS;
        } else if incoming.our_mtu == 0 {
            incoming.result = result::SPSM_NOT_SUPPORTED;
        } else if !acceptable(mtu, mps, min) {
            incoming.result = result::UNACCEPTABLE_PARAMETERS;
        } else if incoming.our_mtu < min || self.incoming.is_some() {
            incoming.result = result::NO_RESOURCES;
        }
        let refuse_all = incoming.result != result::SUCCESS;
        for &scid in scids {
            let mut index = REFUSED as usize;
            if refuse_all {
            } else if !is_dynamic(scid) {
                incoming.result = result::INVALID_SOURCE_CID;
            } else if self.uses(link.slot, scid) {
                incoming.result = result::SOURCE_CID_ALLOCATED;
            } else {
                index = self.alloc();
            }
            if let Some(channel) = self.channels.get_mut(index) {
                channel.free();
                channel.state = State::Incoming;
                (channel.slot, channel.conn) = (link.slot, link.conn);
                (channel.psm, channel.our_mtu) = (psm, incoming.our_mtu);
                (channel.peer_cid, channel.enhanced) = (scid, enhanced);
                channel.open(mtu, mps, credits);
            } else if incoming.result == result::SUCCESS {
                incoming.result = result::NO_RESOURCES;
            }
            let _ = incoming.channels.push(index as u8);
        }
        incoming.skip_refused();
        if incoming.next_channel() == usize::MAX {
            answer(&mut self.channels, &incoming, out);
        } else {
            self.incoming = Some(incoming);
        }
    }

    /// Sends the answer to a connection request once all of it is decided.
    fn poll_answer(&mut self, slot: u8, out: &mut Writer) -> bool {
        match &self.incoming {
            Some(incoming) if incoming.slot == slot && incoming.next_channel() == usize::MAX => {
                answer(&mut self.channels, incoming, out);
                self.incoming = None;
                true
            }
            _ => false,
        }
    }

    /// The answer to our request (4.23); any other is ignored.
    fn connection_response(
        &mut self,
        slot: u8,
        id: u8,
        &[dcid, mtu, mps, credits, result, ..]: &[u16; MAX_WORDS],
    ) {
        let index = self.outstanding(slot, id);
        let mut status = 0;
        if result != result::SUCCESS {
            status = signal::status(result);
        } else if !is_dynamic(dcid) || self.uses(slot, dcid) || !acceptable(mtu, mps, MIN_MTU) {
            status = status::INVALID;
        }
        match self.channels.get_mut(index) {
            Some(channel) if channel.state == State::Connecting => {
                if status != 0 {
                    return self.end(index, status);
                }
                channel.peer_cid = dcid;
                channel.open(mtu, mps, credits);
                channel.state = State::Open;
                channel.events |= pending::CONNECTED;
            }
            _ => {}
        }
    }

    /// The peer ends a channel (4.6): code and number of the words of the answer.
    fn disconnection_request(&mut self, slot: u8, room: &mut [u16; MAX_WORDS]) -> (u8, usize) {
        let [dcid, scid, ..] = *room;
        match self.linked(slot, dcid) {
            None => {
                (room[0], room[1], room[2]) = (reason::INVALID_CID, dcid, scid);
                (code::COMMAND_REJECT, 3)
            }
            Some((_, channel)) if channel.peer_cid != scid => NO_ANSWER,
            Some((index, channel)) => {
                let status = channel.status;
                self.end(index, status);
                (code::DISCONNECTION_RSP, 2)
            }
        }
    }

    /// The peer changes what it can receive (4.27); the result.
    fn reconfigure(&mut self, slot: u8, mtu: u16, mps: u16, cids: &[u16]) -> u16 {
        if cids.is_empty() || cids.len() > MAX_ENHANCED || !acceptable(mtu, mps, MIN_ENHANCED) {
            return reconfigured::UNACCEPTABLE;
        }
        for &cid in cids {
            let index = self.peer_index(slot, cid);
            match self.channels.get(index) {
                Some(channel) if channel.enhanced => {
                    if mtu < channel.peer_mtu {
                        return reconfigured::MTU_REDUCED;
                    }
                    if mps < channel.peer_mps && cids.len() > 1 {
                        return reconfigured::MPS_REDUCED;
                    }
                }
                _ => return reconfigured::INVALID_CID,
            }
        }
        for &cid in cids {
            let index = self.peer_index(slot, cid);
            if let Some(channel) = self.channels.get_mut(index) {
                (channel.peer_mtu, channel.peer_mps) = (mtu, mps);
            }
        }
        reconfigured::SUCCESS
    }

    /// The peer does not take a command of ours (4.1).
    fn rejected(&mut self, slot: u8, id: u8, reason: u16) -> Outcome {
        let index = self.outstanding(slot, id);
        if let Some(channel) = self.channels.get_mut(index) {
            let status = match (channel.state, reason) {
                (State::Closing, _) => 0,
                (_, reason::NOT_UNDERSTOOD) => status::NOT_SUPPORTED,
                _ => status::REJECTED,
            };
            self.end(index, status);
        } else if self
            .signalling(slot)
            .is_some_and(|signalling| signalling.answered(id, false))
        {
            return Outcome::Updated(false);
        }
        Outcome::Nothing
    }

    fn poll_update(&mut self, slot: u8, out: &mut Writer) -> bool {
        if !self.update_wanted(slot) {
            return false;
        }
        let id = self.next_id(slot);
        if let Some(signalling) = self.signalling(slot) {
            (signalling.update, signalling.update_id) = (Update::Sent, id);
            emit(out, code::PARAMETER_UPDATE_REQ, id, &signalling.params);
        }
        true
    }

    fn update_wanted(&self, slot: u8) -> bool {
        let link = self.links.get(slot as usize);
        link.is_some_and(|link| link.signalling.update == Update::Wanted)
    }

    /// What one channel has to signal, if it is of this link.
    fn poll_channel(&mut self, slot: u8, index: usize, out: &mut Writer) -> bool {
        if !self
            .channels
            .get(index)
            .is_some_and(|channel| channel.slot == slot && channel.has_signal())
        {
            return false;
        }
        let id = self.next_id(slot);
        let Some(channel) = self.channels.get_mut(index) else {
            return false;
        };
        let cid = our_cid(index);
        match channel.state {
            State::Connecting => {
                channel.id = id;
                let words = [channel.psm, cid, channel.our_mtu, MPS, channel.window()];
                emit(out, code::LE_CONNECTION_REQ, id, &words);
            }
            State::Closing => {
                channel.id = id;
                emit(out, code::DISCONNECTION_REQ, id, &[channel.peer_cid, cid]);
            }
            _ => {
                let credits = channel.credits_due();
                channel.credits_given(credits);
                emit(out, code::FLOW_CONTROL_CREDIT_IND, id, &[cid, credits]);
            }
        }
        true
    }

    /// An identifier that no outstanding request of the link has (4).
    fn next_id(&mut self, slot: u8) -> u8 {
        loop {
            let Some(signalling) = self.signalling(slot) else {
                return 1;
            };
            signalling.id = signalling.id.checked_add(1).unwrap_or(1);
            let id = signalling.id;
            if !signalling.waits_for(id) && self.outstanding(slot, id) == usize::MAX {
                return id;
            }
        }
    }

    /// The channel whose request has this identifier; past all if there is none.
    #[inline(never)]
    fn outstanding(&self, slot: u8, id: u8) -> usize {
        let is_it = |channel: &Channel| channel.slot == slot && channel.waits_for(id);
        self.channels.iter().position(is_it).unwrap_or(usize::MAX)
    }

    /// The channel with the peer's CID; past all if there is none.
    fn peer_index(&self, slot: u8, cid: u16) -> usize {
        self.find(slot, LINKED, cid)
    }

    /// Whether the peer's CID belongs to a channel, or is asked for.
    fn uses(&self, slot: u8, cid: u16) -> bool {
        self.find(slot, LINKED | State::Incoming.bit(), cid) != usize::MAX
    }

    /// The first channel of a link in one of these states with the peer's CID;
    /// past all if there is none. Of few channels: not worth an index.
    #[inline(never)]
    fn find(&self, slot: u8, states: u8, cid: u16) -> usize {
        let is_it = |channel: &Channel| {
            channel.slot == slot && states & channel.state.bit() != 0 && channel.peer_cid == cid
        };
        self.channels.iter().position(is_it).unwrap_or(usize::MAX)
    }
}

/// The peer's CID belongs to the channel.
const LINKED: u8 = State::Open.bit() | State::Closing.bit();

fn is_dynamic(cid: u16) -> bool {
    (cid::FIRST_DYNAMIC..=cid::LAST_DYNAMIC).contains(&cid)
}

/// Writes the answer to a connection request; its channels are open.
#[inline(never)]
fn answer(channels: &mut [Channel], incoming: &Incoming, out: &mut Writer) {
    let (mut words, mut n) = ([0; MAX_WORDS], 4);
    let mut credits = 0;
    for (word, &index) in words.iter_mut().skip(4).zip(&incoming.channels) {
        n += 1;
        if let Some(channel) = channels.get_mut(index as usize) {
            credits = channel.window();
            channel.state = State::Open;
            channel.events |= pending::CONNECTED;
            *word = our_cid(index.into());
        }
    }
    // Refused altogether, all fields are zero.
    let (mtu, mps) = if credits > 0 {
        (incoming.our_mtu, MPS)
    } else {
        (0, 0)
    };
    let terms = [mtu, mps, credits, incoming.result];
    if incoming.enhanced {
        words[..4].copy_from_slice(&terms);
        emit(
            out,
            code::CONNECTION_RSP,
            incoming.id,
            words.get(..n).unwrap_or_default(),
        );
    } else {
        words[0] = words[4];
        words[1..5].copy_from_slice(&terms);
        emit(out, code::LE_CONNECTION_RSP, incoming.id, &words[..5]);
    }
}
