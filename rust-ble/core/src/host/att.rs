//! Received L2CAP PDUs, and the loop that turns everything received into
//! events, one at a time.

use super::{Current, Host, State};
use crate::conn::{pdu_len, State as LinkState, L2CAP_HEADER};
use crate::event::{self, Event, Record};
use crate::gatt::server::{self, Context};
use crate::gatt::Outcome;
use crate::hci::rx::RxQueue;
use crate::l2cap::{cid, Outcome as SignalOutcome, SIGNAL_LEN};
use crate::pool::Block;
use crate::time::Instant;
use crate::wire::att::{opcode, TRANSACTION_TIMEOUT_MS};
use crate::wire::hci::AclHeader;
use crate::wire::{behind, Writer};

/// A whole L2CAP PDU that is being dealt with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pdu {
    slot: u8,
    /// At the front of the receive queue, else in the link's reassembly.
    in_queue: bool,
    /// What it did is being told.
    telling: bool,
    /// The ATT error code with which the script refused a read; or zero.
    refused: u8,
    /// Reads that the script has allowed.
    approved: u16,
}

impl Pdu {
    /// All of it zeros, for a static.
    pub(super) const BLANK: Pdu = Pdu {
        slot: 0,
        in_queue: false,
        telling: false,
        refused: 0,
        approved: 0,
    };
}

/// What became of a PDU; its events are in the queue.
#[derive(PartialEq, Eq)]
enum Progress {
    Done,
    /// It is to be treated again.
    More,
    /// No room for an answer yet.
    Blocked,
}

impl Host {
    /// The next event for the script, or `None` when there is nothing to tell
    /// for now. Its data is valid until the next call.
    pub fn poll_event(&mut self, now: Instant) -> Option<Event<'_>> {
        let record = self.poll_record(now)?;
        let (key, data) = self.payload(&record);
        record.event(key, data)
    }

    /// As `poll_event`, as a flat record without its payload.
    #[inline(never)]
    pub fn poll_record(&mut self, now: Instant) -> Option<Record> {
        self.now = now;
        #[cfg(feature = "broken")]
        self.feed();
        self.blocked = false;
        loop {
            if let Some(record) = self.events.pop() {
                #[cfg(feature = "broken")]
                let Some(record) = self.break_event(record) else {
                    continue;
                };
                return Some(record);
            }
            if !self.next_event() {
                return None;
            }
        }
    }

    /// One step towards the next event, which it may put into the queue; `false`
    /// when there is nothing to do.
    #[inline(never)]
    fn next_event(&mut self) -> bool {
        if self.query.is_pending() {
            return false;
        }
        if self.query.has_waiting() {
            let _ = self.next_query();
            return true;
        }
        if self.take_scan_done() {
            self.push_event(event::BLE_IRQ_SCAN_DONE, 0, 0);
            return true;
        }
        match self.current {
            Some(Current::Pdu(pdu)) => {
                let progress = self.treat(pdu);
                if progress == Progress::Done {
                    self.dealt_with(pdu);
                }
                self.blocked = progress == Progress::Blocked;
                return !self.blocked;
            }
            Some(Current::Reports { at, left }) => {
                self.next_report(at, left);
                return true;
            }
            None => {}
        }
        if self.channels.next_event(&mut self.events) {
            return true;
        }
        if self.poll_smp() {
            return true;
        }
        while let Some(slot) = self.links.next_to_tell() {
            if self.next_of_link(slot) {
                return true;
            }
            self.links.told_all(slot);
        }
        if self.take_packet() {
            return true;
        }
        if self.smp.needs_step() && self.is_active() && self.rest.is_over(self.now) {
            self.step_smp();
            self.put_off_step();
            return true;
        }
        if self.state == State::Failed {
            // Everything is told.
            self.switch_off();
        }
        false
    }

    /// Puts off the next step of a pairing's cryptography, which takes some 3 kB of
    /// stack, by the 5 ms that it rests after each.
    pub fn put_off_step(&mut self) {
        self.rest = super::security::Rest::Due;
    }

    /// Apart from the rest, for it takes much stack.
    #[inline(never)]
    fn step_smp(&mut self) {
        self.smp.step(&mut self.settings.rng);
    }

    /// Key and data of the record that was polled last, until the next call.
    #[inline(never)]
    pub fn payload(&self, record: &Record) -> (&[u8], &[u8]) {
        if matches!(
            record.kind,
            event::BLE_IRQ_GET_SECRET | event::BLE_IRQ_SET_SECRET
        ) {
            return self.secret(record);
        }
        let whole = match self.current {
            _ if record.kept => self.pool.bytes(),
            Some(Current::Pdu(pdu)) => payload_of(&self.rx, &self.links[pdu.slot as usize].rx, pdu),
            _ => self.rx.front().unwrap_or_default(),
        };
        let data = behind(whole, record.data_at.into());
        let data = data.get(..record.data_len as usize);
        (&[], data.unwrap_or_default())
    }

    /// Tells what a link has to tell without a PDU: timeouts, or its end.
    #[inline(never)]
    fn next_of_link(&mut self, slot: usize) -> bool {
        let link = &mut self.links[slot];
        match link.state {
            LinkState::Free => false,
            LinkState::Closing => {
                self.next_closing(slot);
                true
            }
            LinkState::Up if link.client.has_event() => {
                let (conn, pool) = (link.handle, &mut self.pool);
                let told = link.client.next_event(conn, &[], pool, &mut self.events);
                if told {
                    // The next procedure's turn may have come.
                    self.links.wake_to_send(slot);
                }
                told
            }
            LinkState::Up => link.client.timed_out() && self.indication_failed(slot),
        }
    }

    /// ACL data at the front of the receive queue.
    #[inline(never)]
    pub(super) fn take_acl(&mut self) -> bool {
        let packet = self.rx.front().unwrap_or(&[]);
        let parsed = AclHeader::parse(behind(packet, 1));
        let found = parsed.and_then(|(header, data)| {
            Some((self.find_link(header.handle)?, header.continuing, data))
        });
        let Some((slot, continuing, data)) = found else {
            self.pop_packet();
            return true;
        };
        let link = &mut self.links[slot];
        let in_queue = !continuing && pdu_len(data) == Some(data.len());
        let whole = if in_queue {
            link.rx.clear();
            true
        } else {
            link.rx.push(data, continuing)
        };
        if !in_queue {
            self.pop_packet();
        }
        if whole {
            self.current = Some(Current::Pdu(Pdu {
                slot: slot as u8,
                in_queue,
                ..Pdu::BLANK
            }));
        }
        true
    }

    #[inline(never)]
    fn treat(&mut self, pdu: Pdu) -> Progress {
        let slot = pdu.slot as usize;
        let link = &self.links[slot];
        let bytes = bytes_of(&self.rx, &link.rx, pdu);
        let (channel, first) = match *bytes {
            _ if link.state != LinkState::Up => return Progress::Done,
            [_, _, low, high, first, ..] => (u16::from_le_bytes([low, high]), first),
            _ => return Progress::Done,
        };
        let payload = behind(bytes, L2CAP_HEADER);
        match channel {
            cid::ATT if pdu.telling => return self.tell(pdu, first),
            cid::ATT => return self.treat_att(pdu, first),
            cid::SIGNALLING => return self.treat_signal(pdu),
            cid::SMP => {
                let link = self.smp_link(slot);
                let config = self.settings.security;
                self.smp.handle_pdu(&link, config, payload, self.now);
            }
            cid::FIRST_DYNAMIC..=cid::LAST_DYNAMIC => {
                self.channels
                    .handle_frame(self.now, slot as u8, channel, payload);
            }
            _ => {}
        }
        Progress::Done
    }

    fn dealt_with(&mut self, pdu: Pdu) {
        self.current = None;
        // The next request may follow, or what the PDU made possible.
        self.links.wake(pdu.slot as usize);
        if pdu.in_queue {
            self.pop_packet();
        } else {
            self.link_mut(pdu.slot as usize).rx.clear();
        }
    }

    /// Tells the next event of an ATT PDU that has several.
    fn tell(&mut self, pdu: Pdu, first: u8) -> Progress {
        let link = &mut self.links[pdu.slot as usize];
        let (conn, pool, events) = (link.handle, &mut self.pool, &mut self.events);
        let told = if server::is_for_client(first) {
            let payload = payload_of(&self.rx, &link.rx, pdu);
            link.client.next_event(conn, payload, pool, events)
        } else {
            let written = link.server.next_written(&self.db, pool);
            if let Some(handle) = written {
                events.push(event::BLE_IRQ_GATTS_WRITE, conn, handle);
            }
            written.is_some()
        };
        match told {
            true => Progress::More,
            false => Progress::Done,
        }
    }

    #[inline(never)]
    fn treat_att(&mut self, pdu: Pdu, first: u8) -> Progress {
        let slot = pdu.slot as usize;
        let for_client = server::is_for_client(first);
        let link = self.link(slot);
        let mtu = link.mtu;
        let (is_answered, len, unsent) = if for_client {
            let indication = first == opcode::HANDLE_VALUE_IND;
            (indication, 1, link.confirmation_at)
        } else {
            let request = first & opcode::COMMAND_FLAG == 0 && first != opcode::HANDLE_VALUE_CFM;
            (request, mtu as usize, link.response_at)
        };
        let mut block = None;
        if is_answered {
            if unsent > 0 {
                // The last answer has not even left: the peer breaks the rule of
                // one request or indication at a time (Vol 3, Part F, 3.3.2).
                return Progress::Done;
            }
            block = self.open_pdu(slot, len);
            if block.is_none() {
                return Progress::Blocked;
            }
        }
        let credentials = self.credentials(slot);
        let link = &mut self.links[slot];
        let conn = link.handle;
        let payload = payload_of(&self.rx, &link.rx, pdu);
        let mut out = match &block {
            Some(block) => self.tx.writer(block, L2CAP_HEADER),
            None => Writer::new(&mut []),
        };
        let outcome = if for_client {
            link.client.handle(mtu, payload, &mut self.pool, &mut out)
        } else {
            let mut context = Context {
                db: &mut self.db,
                pool: &mut self.pool,
                slot,
                mtu,
                preferred_mtu: self.settings.mtu,
                credentials,
                approved: pdu.approved,
                refused: pdu.refused,
            };
            server::handle(&mut link.server, &mut context, payload, &mut out)
        };
        let len = out.len();
        if let Some(block) = block {
            self.close_pdu(slot, cid::ATT, block, len);
            if len > 0 {
                let link = self.link_mut(slot);
                let unsent = link.tx.len() as u8;
                match for_client {
                    true => link.confirmation_at = unsent,
                    false => link.response_at = unsent,
                }
            }
        }
        if let Outcome::Query { handle } = outcome {
            let token = self.query.ask_read();
            self.push_event(event::BLE_IRQ_GATTS_READ_REQUEST, conn, handle)
                .token = token.0;
            return Progress::More;
        }
        self.client_changed(slot);
        match outcome {
            Outcome::Done | Outcome::Query { .. } => {}
            Outcome::Events => {
                let telling = true;
                self.current = Some(Current::Pdu(Pdu { telling, ..pdu }));
                return Progress::More;
            }
            Outcome::Written { handle } => {
                self.push_event(event::BLE_IRQ_GATTS_WRITE, conn, handle);
            }
            Outcome::MtuExchanged { mtu } => {
                self.link_mut(slot).mtu = mtu;
                self.push_event(event::BLE_IRQ_MTU_EXCHANGED, conn, mtu);
            }
            Outcome::Confirmed => {
                let _ = self.indication_confirmed(slot);
            }
        }
        Progress::Done
    }

    #[inline(never)]
    fn treat_signal(&mut self, pdu: Pdu) -> Progress {
        let slot = pdu.slot as usize;
        if self.links[slot].tx.is_full() {
            // A peer that asks and asks and takes no answer.
            return Progress::Done;
        }
        let Some(block) = self.open_pdu(slot, SIGNAL_LEN) else {
            return Progress::Blocked;
        };
        let l2cap_link = self.l2cap_link(slot);
        let link = &mut self.links[slot];
        let payload = payload_of(&self.rx, &link.rx, pdu);
        let mut out = self.tx.writer(&block, L2CAP_HEADER);
        let outcome = self
            .channels
            .handle_signal(self.now, l2cap_link, payload, &mut out);
        let len = out.len();
        let conn = link.handle;
        self.close_pdu(slot, cid::SIGNALLING, block, len);
        match outcome {
            SignalOutcome::Nothing => {}
            SignalOutcome::NoRoom => return Progress::Blocked,
            SignalOutcome::Update(params) => {
                self.send_update(conn, &params);
            }
            SignalOutcome::Updated(true) => {}
            SignalOutcome::Updated(false) => self.update_refused(slot),
        }
        Progress::Done
    }

    /// Takes room for a PDU of `len` bytes to a link, if there is any.
    pub(super) fn open_pdu(&mut self, slot: usize, len: usize) -> Option<Block> {
        if self.link(slot).tx.is_full() {
            return None;
        }
        self.tx.alloc(L2CAP_HEADER + len, 0)
    }

    /// Queues what was written behind the header of a block from `open_pdu`;
    /// frees the block if that is nothing.
    pub(super) fn close_pdu(&mut self, slot: usize, channel: u16, mut block: Block, len: usize) {
        if len == 0 {
            return self.tx.free(block);
        }
        self.tx.shrink(&mut block, L2CAP_HEADER + len);
        self.tx.writer(&block, 0).u16(len as u16).u16(channel);
        let _ = self.queue_pdu(slot, block);
    }

    /// The peer confirmed the indication that it was sent.
    fn indication_confirmed(&mut self, slot: usize) -> Option<()> {
        let link = &mut self.links[slot];
        link.indication_deadline.take()?;
        let indication = link.pop_indication()?;
        let handle = indication.handle;
        if handle == crate::gatt::db::SERVICE_CHANGED_HANDLE {
            link.server.service_changed_confirmed(&self.db);
            self.client_changed(slot);
        } else {
            self.tell_indicated(slot, handle, 0);
        }
        Some(())
    }

    /// When the peer must have answered an indication sent now.
    pub(super) fn transaction_deadline(&self) -> Instant {
        self.now.after(TRANSACTION_TIMEOUT_MS)
    }

    /// The script answered a read request: zero allows it, else an ATT error
    /// code. Answers to a query that is over are ignored.
    pub fn answer_read(&mut self, token: crate::Token, code: u8) {
        if self.query.read_answered(token) {
            if let Some(Current::Pdu(pdu)) = &mut self.current {
                pdu.refused = code;
                pdu.approved += (code == 0) as u16;
            }
        }
    }
}

/// The L2CAP PDU that `pdu` names, header included.
fn bytes_of<'a>(rx: &'a RxQueue, reassembly: &'a crate::conn::Reassembly, pdu: Pdu) -> &'a [u8] {
    if pdu.in_queue {
        behind(rx.front().unwrap_or_default(), 5)
    } else {
        reassembly.pdu()
    }
}

/// What follows its header.
fn payload_of<'a>(rx: &'a RxQueue, reassembly: &'a crate::conn::Reassembly, pdu: Pdu) -> &'a [u8] {
    behind(bytes_of(rx, reassembly, pdu), L2CAP_HEADER)
}
