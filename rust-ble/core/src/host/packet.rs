//! Packets from the controller (Vol 4, Part E, 7.7).
//!
//! Answers to commands and returned credits are dealt with when they arrive,
//! so that a command can be waited for while a script handles an event. All
//! else keeps the order of arrival.

use super::{Current, Host, State, RX_RESERVE};
use crate::addr::Address;
use crate::config::MAX_LINKS;
use crate::conn::{State as LinkState, LINK_DEAD_MS};
use crate::event::BLE_IRQ_SCAN_RESULT;
use crate::gap::{valid_parameters, ConnParams};
use crate::l2cap::cid;
use crate::wire::att;
use crate::wire::hci::{event, opcode, status, subevent, HANDLE_MASK};
use crate::wire::hci::{AclHeader, AdvertisingReport, CommandResult, ConnectionUpdateComplete};
use crate::wire::{self, hci, Reader};

impl Host {
    /// A whole packet of `len` bytes is at the back of the receive queue.
    #[inline(never)]
    pub(super) fn packet_arrived(&mut self, len: usize) {
        #[cfg(feature = "broken")]
        self.count_to_hunger();
        let packet = self.rx.back(len);
        let keep = match *packet {
            [hci::EVENT, code, _, ref params @ ..] => match (code, params) {
                (event::COMMAND_COMPLETE | event::COMMAND_STATUS, _) => {
                    return self.answer_arrived(len, code);
                }
                (event::NUMBER_OF_COMPLETED_PACKETS, _) => {
                    self.credits_arrived(len);
                    false
                }
                (event::HARDWARE_ERROR, _) => {
                    self.rx.pop_back(len);
                    return self.hardware_error();
                }
                (event::DISCONNECTION_COMPLETE, &[status::SUCCESS, low, high, ..]) => {
                    self.end_arrived(u16::from_le_bytes([low, high]) & HANDLE_MASK);
                    true
                }
                (event::LE_META, &[code, _, _, _, role, ..])
                    if code == subevent::CONNECTION_COMPLETE
                        || code == subevent::ENHANCED_CONNECTION_COMPLETE =>
                {
                    // The controller stopped advertising by itself; it may be
                    // told to go on before this event's turn comes.
                    self.advertising.on &= role == 0;
                    true
                }
                (event::LE_META, &[code, ..])
                    if code == subevent::ADVERTISING_REPORT
                        || code == subevent::DIRECTED_ADVERTISING_REPORT =>
                {
                    let full = self.is_full();
                    let dropped = (self.scan.on && full) as u32;
                    self.settings.dropped_reports =
                        self.settings.dropped_reports.saturating_add(dropped);
                    // None is told after `ScanDone`.
                    self.scan.on && !full
                }
                _ => true,
            },
            [hci::ACL, ref data @ ..] => {
                let unreliable = is_unreliable(wire::behind(data, 4));
                let header = AclHeader::parse(data).map(|(header, _)| header);
                let full = self.is_full();
                let slot = header.and_then(|header| self.find_link(header.handle));
                slot.is_none_or(|slot| {
                    let link = self.link_mut(slot);
                    if header.is_some_and(|header| !header.continuing) {
                        link.skips = full && unreliable;
                    }
                    !link.skips
                })
            }
            _ => false,
        };
        // What comes before the controller is reset belongs to another life.
        if !keep || self.state != State::Active {
            self.rx.pop_back(len);
        }
    }

    /// Whether what can be spared makes room for what is waited for.
    fn is_full(&self) -> bool {
        self.rx.room() < RX_RESERVE && self.is_awaiting()
    }

    /// A Command Complete or Command Status at the back of the queue.
    fn answer_arrived(&mut self, len: usize, code: u8) {
        let params = wire::behind(self.rx.back(len), 3);
        let Some(result) = CommandResult::parse(code, params) else {
            return self.rx.pop_back(len);
        };
        let target = self.commands.target();
        let is_ours = self.commands.answered(result.opcode);
        self.commands.set_credits(self.now, result.credits);
        let is_step = is_ours && self.operation.is_answered(result.opcode);
        if is_step {
            self.operation.returned(result.opcode, result.returned);
        }
        // The longest return parameters that the host itself reads are the
        // supported commands. What follows counts the packets in the queue.
        let mut copy = [0; 64];
        let n = wire::copy(&mut copy, result.returned);
        let CommandResult {
            credits,
            opcode,
            pending,
            status,
            ..
        } = result;
        self.rx.pop_back(len);
        // One of no command of ours, or too late, counts for its credits only.
        if is_ours {
            let returned = wire::first(&copy, n);
            let result = CommandResult {
                credits,
                opcode,
                pending,
                status,
                returned,
            };
            match is_step {
                true => self.step_answered(result),
                false => self.link_command_answered(result, target),
            }
        }
    }

    /// A link ended. It is told in its turn; but nothing can be sent to it any
    /// more, and what it holds may be what the packets before wait for.
    fn end_arrived(&mut self, handle: u16) {
        let Some(slot) = self.find_link(handle) else {
            return;
        };
        match self.state {
            State::Stopping => self.link_stopped(slot),
            _ => self.stop_sending(slot),
        }
    }

    fn credits_arrived(&mut self, len: usize) {
        let count = self.rx.back(len).get(3).map_or(0, |&n| n as usize);
        for i in 0..count {
            let mut r = Reader(wire::behind(self.rx.back(len), 4 + 4 * i));
            if r.holds(4).is_none() {
                return;
            }
            let (handle, packets) = (r.u16_or_0(), r.u16_or_0());
            // A count that lies gives back no more than was taken, and
            // nothing for a handle that is none of ours.
            if let Some(slot) = self.find_link(handle & HANDLE_MASK) {
                let link = &mut self.links[slot];
                let returned = packets.min(link.in_flight);
                link.in_flight -= returned;
                if returned > 0 && !link.ending {
                    let more = link.in_flight > 0;
                    link.overdue = more.then(|| self.now.after(LINK_DEAD_MS));
                }
                self.controller.acl_free += returned;
            }
        }
    }

    /// Treats the oldest packet; `false` when there is none, or it must wait.
    #[inline(never)]
    pub(super) fn take_packet(&mut self) -> bool {
        let Some(packet) = self.rx.front() else {
            return false;
        };
        match *packet {
            [hci::ACL, ..] => return self.take_acl(),
            [hci::EVENT, code, _, ..] => {
                // Events are short: a copy ends the borrow of the queue. Only
                // reports, which can be long, are read where they are.
                if let (
                    event::LE_META,
                    Some(&(subevent::ADVERTISING_REPORT | subevent::DIRECTED_ADVERTISING_REPORT)),
                ) = (code, packet.get(3))
                {
                    let left = packet.get(4).copied().unwrap_or(0);
                    self.current = Some(Current::Reports { at: 5, left });
                    return true;
                }
                let mut copy = [0; 36];
                let n = wire::copy(&mut copy, wire::behind(packet, 3));
                self.pop_packet();
                // An event cut short is dropped whole.
                let _ = self.take_event(code, wire::first(&copy, n));
            }
            _ => self.pop_packet(),
        }
        true
    }

    /// Tells the advertising report at byte `at` of the packet at the front of
    /// the queue, of which `left` are left; without one, the packet is done with.
    pub(super) fn next_report(&mut self, at: u16, left: u8) {
        if self.tell_report(at, left).is_none() {
            self.current = None;
            self.pop_packet();
        }
    }

    fn tell_report(&mut self, at: u16, left: u8) -> Option<()> {
        let left = left.checked_sub(1)?;
        let packet = self.rx.front()?;
        let mut r = Reader(packet.get(at as usize..)?);
        let directed = packet.get(3) == Some(&subevent::DIRECTED_ADVERTISING_REPORT);
        let report = AdvertisingReport::take(&mut r, directed)?;
        let next = (packet.len() - r.rest().len()) as u16;
        let peer = self.smp.identities.hear(&report.peer);
        let record = self
            .events
            .push(BLE_IRQ_SCAN_RESULT, 0, report.adv_type.into());
        record.value[1] = report.rssi as u8 as u16;
        record.set_peer(&peer);
        // The signal's strength is behind the data.
        record.data_len = report.data.len() as u16;
        record.data_at = next - 1 - record.data_len;
        self.current = Some(Current::Reports { at: next, left });
        Some(())
    }

    fn take_event(&mut self, code: u8, params: &[u8]) -> Option<()> {
        let mut r = Reader(params);
        match code {
            event::DISCONNECTION_COMPLETE => {
                r.holds(3)?;
                let (result, handle) = (r.u8_or_0(), r.u16_or_0() & HANDLE_MASK);
                if result == status::SUCCESS {
                    if let Some(slot) = self.find_link(handle) {
                        self.link_lost(slot);
                    }
                }
            }
            event::ENCRYPTION_CHANGE => {
                r.holds(4)?;
                let result = r.u8_or_0();
                let handle = r.u16_or_0() & HANDLE_MASK;
                let on = r.u8_or_0();
                self.encryption_changed(handle, result, on != 0);
            }
            event::ENCRYPTION_KEY_REFRESH => {
                r.holds(3)?;
                let (result, handle) = (r.u8_or_0(), r.u16_or_0() & HANDLE_MASK);
                self.encryption_changed(handle, result, result == status::SUCCESS);
            }
            event::LE_META => {
                let code = r.u8()?;
                self.take_le_event(code, r)?;
            }
            _ => {}
        }
        Some(())
    }

    #[inline(never)]
    fn take_le_event(&mut self, code: u8, mut r: Reader<'_>) -> Option<()> {
        match code {
            subevent::CONNECTION_COMPLETE | subevent::ENHANCED_CONNECTION_COMPLETE => {
                let enhanced = code == subevent::ENHANCED_CONNECTION_COMPLETE;
                self.connection_complete(&hci::ConnectionComplete::parse(r.rest(), enhanced)?);
            }
            subevent::CONNECTION_UPDATE_COMPLETE => {
                let update = ConnectionUpdateComplete::parse(r.rest())?;
                self.connection_updated(update);
            }
            subevent::READ_REMOTE_FEATURES_COMPLETE => {
                r.holds(5)?;
                let result = r.u8_or_0();
                let handle = r.u16_or_0() & HANDLE_MASK;
                let features = r.u16_or_0();
                if result == status::SUCCESS {
                    self.remote_features(handle, features);
                }
            }
            subevent::LTK_REQUEST => {
                let handle = r.u16()? & HANDLE_MASK;
                let rand = r.array()?;
                self.ltk_requested(handle, rand, r.u16()?);
            }
            subevent::REMOTE_CONNECTION_PARAMETER_REQUEST => {
                r.holds(10)?;
                let handle = r.u16_or_0();
                self.parameters_requested(handle, core::array::from_fn(|_| r.u16_or_0()));
            }
            _ => {}
        }
        Some(())
    }

    /// The peer wants other connection parameters (7.7.65.6).
    fn parameters_requested(&mut self, handle: u16, params: ConnParams) {
        let known = self.find_link(handle & HANDLE_MASK).is_some();
        if known && valid_parameters(&params) {
            self.send_parameters(opcode::LE_CONN_PARAM_REPLY, handle, &params);
        } else {
            let reason = [status::UNACCEPTABLE_PARAMETERS];
            self.send_of(opcode::LE_CONN_PARAM_NEGATIVE_REPLY, handle, &reason);
        }
    }

    /// A command that belongs to no operation was answered, or timed out.
    pub(super) fn link_command_answered(&mut self, result: CommandResult<'_>, target: Option<u16>) {
        let Some(slot) = target.and_then(|handle| self.find_link(handle)) else {
            return;
        };
        if result.status == status::SUCCESS {
            return;
        }
        match result.opcode {
            // Under way already: its end will be reported.
            opcode::DISCONNECT if result.status == status::COMMAND_DISALLOWED => {}
            // The controller does not know the link, or does not end it.
            opcode::DISCONNECT => self.link_lost(slot),
            opcode::LE_ENABLE_ENCRYPTION => {
                let handle = self.link(slot).handle;
                self.encryption_changed(handle, result.status, false);
            }
            opcode::LE_CONNECTION_UPDATE => {
                self.tell_parameters(slot, result.status);
            }
            _ => {}
        }
    }

    /// The slot of the link to a peer, if one is up.
    #[inline(never)]
    pub(super) fn slot_of(&self, peer: &Address) -> Option<usize> {
        (0..MAX_LINKS).find(|&slot| {
            let link = self.link(slot);
            link.state == LinkState::Up && link.peer == *peer
        })
    }
}

/// Whether an L2CAP PDU is one that may be dropped for want of room: a command
/// or a notification (Vol 3, Part F, 3.3.2).
fn is_unreliable(pdu: &[u8]) -> bool {
    let &[_, _, low, high, opcode, ..] = pdu else {
        return false;
    };
    u16::from_le_bytes([low, high]) == cid::ATT
        && (opcode & att::opcode::COMMAND_FLAG != 0 || opcode == att::opcode::HANDLE_VALUE_NTF)
}
