//! The client alone, against PDUs written out and against a small server.

mod hostile;
mod peer;

use super::*;
use crate::event::{Event, Record};
use crate::gatt::Outcome;
use crate::wire::att::{error, opcode::*};
use crate::wire::Writer;
use peer::Peer;
use std::string::String;
use std::vec;
use std::vec::Vec;

const CONN: u16 = 5;
/// Every test crosses the wrap of the clock.
const NOW: Instant = Instant(u32::MAX - 100);
const LONG: Uuid = Uuid::long([0xa7; 16]);

/// A client, its pool, and what a link would keep for them.
struct Link {
    client: Client,
    pool: Pool,
    mtu: u16,
}

impl Link {
    fn new(mtu: u16) -> Self {
        Link {
            client: Client::new(),
            pool: Pool::new(),
            mtu,
        }
    }

    /// The next request; empty when there is none.
    fn request(&mut self) -> Vec<u8> {
        let mut buf = vec![0xa5; self.mtu as usize];
        let mut out = Writer::new(&mut buf);
        let sent = self
            .client
            .poll_request(NOW, self.mtu, &mut self.pool, &mut out);
        let len = out.finish().unwrap();
        assert_eq!(sent, len > 0);
        buf.truncate(len);
        buf
    }

    /// Gives an answer to the client, and all events that it brings.
    fn answer(&mut self, pdu: &[u8]) -> Vec<String> {
        let mut buf = [0xa5; 4];
        let mut out = Writer::new(&mut buf);
        let outcome = self.client.handle(self.mtu, pdu, &mut self.pool, &mut out);
        let confirmed = out.finish().unwrap() > 0;
        assert_eq!(
            confirmed,
            pdu.first() == Some(&HANDLE_VALUE_IND) && pdu.len() >= 3
        );
        assert_eq!(buf[0] == HANDLE_VALUE_CFM, confirmed);
        let events = self.events(pdu);
        match outcome {
            Outcome::MtuExchanged { mtu } => self.mtu = mtu,
            Outcome::Done => assert!(events.is_empty()),
            Outcome::Events => {}
            of_a_server => panic!("{of_a_server:?}"),
        }
        events
    }

    fn next_event(&mut self, pdu: &[u8]) -> Option<String> {
        let mut events = Events::new();
        let told = self
            .client
            .next_event(CONN, pdu, &mut self.pool, &mut events);
        let record = events.pop();
        assert_eq!((record.is_some(), events.pop()), (told, None));
        self.text(record?, pdu)
    }

    fn text(&self, record: Record, pdu: &[u8]) -> Option<String> {
        let whole = if record.kept { self.pool.bytes() } else { pdu };
        let at = record.data_at as usize;
        let event = record.event(&[], &whole[at..at + record.data_len as usize]);
        Some(std::format!("{:?}", event?))
    }

    fn events(&mut self, pdu: &[u8]) -> Vec<String> {
        let mut events = Vec::new();
        while let Some(event) = self.next_event(pdu) {
            events.push(event);
            assert!(events.len() < 70_000, "endless events");
        }
        assert!(!self.client.has_event());
        events
    }

    /// Runs every procedure to its end; the requests and the events.
    fn run(&mut self, peer: &mut Peer) -> (Vec<Vec<u8>>, Vec<String>) {
        let (mut requests, mut events) = (Vec::new(), Vec::new());
        loop {
            let request = self.request();
            events.extend(self.events(&[]));
            if request.is_empty() && self.client.queue.is_empty() {
                break;
            }
            if !request.is_empty() {
                let answer = peer.answer(self.mtu, &request);
                requests.push(request);
                events.extend(self.answer(&answer));
            }
        }
        assert_eq!(self.pool.blocks(), 0, "a block leaked");
        (requests, events)
    }

    fn aborted(&mut self, status: u16) -> Vec<String> {
        let mut events = Vec::new();
        let mut queue = Events::new();
        while self
            .client
            .next_aborted(CONN, status, &mut self.pool, &mut queue)
        {
            events.extend(queue.pop().and_then(|record| self.text(record, &[])));
        }
        events
    }
}

fn text(events: &[Event]) -> Vec<String> {
    events
        .iter()
        .map(|event| std::format!("{event:?}"))
        .collect()
}

fn service(start: u16, end: u16, uuid: Uuid) -> Event<'static> {
    Event::GattcService {
        conn: CONN,
        start,
        end,
        uuid,
    }
}

fn service_done(status: u16) -> Event<'static> {
    Event::GattcServiceDone { conn: CONN, status }
}

fn characteristic(value_handle: u16, end: u16, properties: u8, uuid: Uuid) -> Event<'static> {
    Event::GattcCharacteristic {
        conn: CONN,
        end,
        value_handle,
        properties,
        uuid,
    }
}

fn characteristic_done(status: u16) -> Event<'static> {
    Event::GattcCharacteristicDone { conn: CONN, status }
}

fn descriptor(handle: u16, uuid: Uuid) -> Event<'static> {
    Event::GattcDescriptor {
        conn: CONN,
        handle,
        uuid,
    }
}

fn descriptor_done(status: u16) -> Event<'static> {
    Event::GattcDescriptorDone { conn: CONN, status }
}

fn read_result(handle: u16, data: &[u8]) -> Event<'_> {
    Event::GattcReadResult {
        conn: CONN,
        handle,
        data,
    }
}

fn read_done(handle: u16, status: u16) -> Event<'static> {
    Event::GattcReadDone {
        conn: CONN,
        handle,
        status,
    }
}

fn write_done(handle: u16, status: u16) -> Event<'static> {
    Event::GattcWriteDone {
        conn: CONN,
        handle,
        status,
    }
}

fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 7 + i / 256) as u8).collect()
}

/// Three services with characteristics of mixed UUID sizes.
fn database() -> Peer {
    let mut peer = Peer::default();
    peer.service(Uuid::short(0x1800)); // 1
    peer.characteristic(Uuid::short(0x2a00), 2, b"name"); // 2, 3
    peer.characteristic(Uuid::short(0x2a01), 2, &[0, 0]); // 4, 5
    peer.service(LONG); // 6
    peer.characteristic(Uuid::short(0x2a6e), 0x12, &[1]); // 7, 8
    peer.add(Uuid::short(0x2902), &[0, 0]); // 9
    peer.add(LONG, b"descriptor"); // 10
    peer.add(Uuid::short(0x2901), b"user"); // 11
    peer.characteristic(LONG, 0x0a, &[]); // 12, 13
    peer.characteristic(Uuid::short(0x2a6e), 0x02, &[2]); // 14, 15
    peer.skip(5);
    peer.service(Uuid::short(0x180f)); // 21
    peer
}

#[test]
fn services_are_asked_for_until_the_peer_finds_no_more() {
    let mut link = Link::new(23);
    link.client
        .start_discover_services(None, &mut link.pool)
        .unwrap();
    assert_eq!(link.request(), [0x10, 1, 0, 0xff, 0xff, 0x00, 0x28]);
    assert_eq!(
        link.request(),
        [],
        "a second request while one is outstanding"
    );
    let events = link.answer(&[0x11, 6, 1, 0, 5, 0, 0, 0x18, 6, 0, 9, 0, 1, 0x18]);
    let expected = [
        service(1, 5, Uuid::short(0x1800)),
        service(6, 9, Uuid::short(0x1801)),
    ];
    assert_eq!(events, text(&expected));
    assert_eq!(link.request(), [0x10, 10, 0, 0xff, 0xff, 0x00, 0x28]);
    let mut long = vec![0x11, 20, 12, 0, 0xfe, 0xff];
    long.extend([0xa7; 16]);
    assert_eq!(link.answer(&long), text(&[service(12, 0xfffe, LONG)]));
    assert_eq!(link.request(), [0x10, 0xff, 0xff, 0xff, 0xff, 0x00, 0x28]);
    assert_eq!(
        link.answer(&[0x01, 0x10, 0xff, 0xff, 0x0a]),
        text(&[service_done(0)])
    );
    assert_eq!(link.request(), []);
}

#[test]
fn a_service_up_to_the_last_handle_ends_the_discovery() {
    let mut link = Link::new(23);
    link.client
        .start_discover_services(None, &mut link.pool)
        .unwrap();
    link.request();
    let events = link.answer(&[0x11, 6, 1, 0, 0xff, 0xff, 0, 0x18]);
    assert_eq!(
        events,
        text(&[service(1, 0xffff, Uuid::short(0x1800)), service_done(0)])
    );
}

#[test]
fn services_of_mixed_uuid_sizes_take_another_request() {
    for mtu in [23, 517] {
        let mut link = Link::new(mtu);
        link.client
            .start_discover_services(None, &mut link.pool)
            .unwrap();
        let (requests, events) = link.run(&mut database());
        assert_eq!(requests.len(), 3);
        let expected = [
            service(1, 5, Uuid::short(0x1800)),
            service(6, 20, LONG),
            service(21, 0xffff, Uuid::short(0x180f)),
            service_done(0),
        ];
        assert_eq!(events, text(&expected));
    }
}

#[test]
fn services_are_found_by_uuid() {
    let mut peer = database();
    peer.service(LONG); // 22
    peer.skip(10);
    peer.service(Uuid::short(0x1801)); // 33
    let mut link = Link::new(23);
    link.client
        .start_discover_services(Some(LONG), &mut link.pool)
        .unwrap();
    let (requests, events) = link.run(&mut peer);
    assert_eq!(requests[0][..7], [0x06, 1, 0, 0xff, 0xff, 0x00, 0x28]);
    assert_eq!(requests[0][7..], [0xa7; 16]);
    assert_eq!(requests[1][1..3], [33, 0]);
    assert_eq!(
        events,
        text(&[service(6, 20, LONG), service(22, 32, LONG), service_done(0)])
    );

    let none = Uuid::short(0x1234);
    link.client
        .start_discover_services(Some(none), &mut link.pool)
        .unwrap();
    let (requests, events) = link.run(&mut peer);
    assert_eq!(requests, [[0x06, 1, 0, 0xff, 0xff, 0x00, 0x28, 0x34, 0x12]]);
    assert_eq!(events, text(&[service_done(0)]));
}

#[test]
fn a_characteristic_ends_before_the_next_declaration() {
    for mtu in [23, 64, 517] {
        let mut link = Link::new(mtu);
        link.client
            .start_discover_characteristics(6, 20, None, &mut link.pool)
            .unwrap();
        let (requests, events) = link.run(&mut database());
        assert_eq!(requests[0], [0x08, 6, 0, 20, 0, 0x03, 0x28]);
        assert_eq!(requests[1], [0x08, 8, 0, 20, 0, 0x03, 0x28]);
        let expected = [
            characteristic(8, 11, 0x12, Uuid::short(0x2a6e)),
            characteristic(13, 13, 0x0a, LONG),
            characteristic(15, 20, 0x02, Uuid::short(0x2a6e)),
            characteristic_done(0),
        ];
        assert_eq!(events, text(&expected));
    }
}

#[test]
fn a_uuid_selects_characteristics_and_keeps_their_ends() {
    let mut link = Link::new(23);
    let uuid = Some(Uuid::short(0x2a6e));
    link.client
        .start_discover_characteristics(1, 0xffff, uuid, &mut link.pool)
        .unwrap();
    let expected = [
        characteristic(8, 11, 0x12, Uuid::short(0x2a6e)),
        characteristic(15, 0xffff, 0x02, Uuid::short(0x2a6e)),
        characteristic_done(0),
    ];
    assert_eq!(link.run(&mut database()).1, text(&expected));

    link.client
        .start_discover_characteristics(1, 0xffff, Some(LONG), &mut link.pool)
        .unwrap();
    let expected = [characteristic(13, 13, 0x0a, LONG), characteristic_done(0)];
    assert_eq!(link.run(&mut database()).1, text(&expected));
}

#[test]
fn a_value_at_the_end_of_the_range_saves_a_request() {
    let mut link = Link::new(517);
    link.client
        .start_discover_characteristics(1, 5, None, &mut link.pool)
        .unwrap();
    let (requests, events) = link.run(&mut database());
    assert_eq!(requests.len(), 1);
    assert_eq!(events.len(), 3);
}

#[test]
fn a_characteristic_found_before_an_error_is_reported() {
    let mut link = Link::new(23);
    link.client
        .start_discover_characteristics(1, 9, None, &mut link.pool)
        .unwrap();
    link.request();
    assert_eq!(link.answer(&[0x09, 7, 2, 0, 2, 3, 0, 0, 0x2a]), text(&[]));
    link.request();
    let expected = [
        characteristic(3, 9, 2, Uuid::short(0x2a00)),
        characteristic_done(0x0e),
    ];
    assert_eq!(link.answer(&[0x01, 0x08, 3, 0, 0x0e]), text(&expected));
}

#[test]
fn descriptors_are_those_after_the_value() {
    for mtu in [23, 517] {
        let mut link = Link::new(mtu);
        link.client.start_discover_descriptors(8, 11).unwrap();
        let (requests, events) = link.run(&mut database());
        assert_eq!(
            requests,
            [
                [0x04, 9, 0, 11, 0],
                [0x04, 10, 0, 11, 0],
                [0x04, 11, 0, 11, 0]
            ]
        );
        let expected = [
            descriptor(9, Uuid::short(0x2902)),
            descriptor(10, LONG),
            descriptor(11, Uuid::short(0x2901)),
            descriptor_done(0),
        ];
        assert_eq!(events, text(&expected));
    }
}

#[test]
fn a_characteristic_without_descriptors_needs_no_request() {
    let mut link = Link::new(23);
    link.client
        .start_discover_descriptors(0xffff, 0xffff)
        .unwrap();
    link.client.start_discover_descriptors(8, 8).unwrap();
    let (requests, events) = link.run(&mut database());
    assert!(requests.is_empty());
    assert_eq!(events, text(&[descriptor_done(0), descriptor_done(0)]));
}

#[test]
fn impossible_ranges_are_refused() {
    let mut link = Link::new(23);
    let (client, pool) = (&mut link.client, &mut link.pool);
    assert_eq!(
        client.start_discover_characteristics(0, 9, None, pool),
        Err(Error::Invalid)
    );
    assert_eq!(
        client.start_discover_characteristics(9, 8, None, pool),
        Err(Error::Invalid)
    );
    assert_eq!(client.start_discover_descriptors(9, 8), Err(Error::Invalid));
    assert_eq!(
        client.start_write(1, &[0; 513], true, pool),
        Err(Error::Invalid)
    );
    assert!(client.queue.is_empty() && pool.blocks() == 0);
}

#[test]
fn a_short_value_is_read_with_one_request() {
    let mut link = Link::new(23);
    link.client.start_read(8).unwrap();
    assert_eq!(link.request(), [0x0a, 8, 0]);
    assert_eq!(
        link.answer(&[0x0b, 1, 2]),
        text(&[read_result(8, &[1, 2]), read_done(8, 0)])
    );
    link.client.start_read(8).unwrap();
    link.request();
    assert_eq!(
        link.answer(&[0x0b]),
        text(&[read_result(8, &[]), read_done(8, 0)])
    );
}

#[test]
fn a_long_value_is_put_together_whatever_its_length() {
    for mtu in [23, 24, 100, 512, 513, 517] {
        let part = mtu as usize - 1;
        for len in [
            part - 1,
            part,
            part + 1,
            2 * part - 1,
            2 * part,
            2 * part + 1,
            511,
            512,
        ] {
            if len > 512 {
                continue;
            }
            let mut peer = Peer::default();
            let handle = peer.add(LONG, &bytes(len));
            let mut link = Link::new(mtu);
            link.client.start_read(handle).unwrap();
            let (requests, events) = link.run(&mut peer);
            let full = if len >= 512 {
                512usize.div_ceil(part)
            } else {
                len / part + 1
            };
            assert_eq!(requests.len(), full, "{len} bytes with MTU {mtu}");
            let value = bytes(len);
            let expected = [read_result(handle, &value), read_done(handle, 0)];
            assert_eq!(events, text(&expected), "{len} bytes with MTU {mtu}");
        }
    }
}

#[test]
fn read_blob_errors_that_mean_the_end_end_the_value() {
    for code in [
        error::INVALID_OFFSET,
        error::ATTRIBUTE_NOT_LONG,
        error::REQUEST_NOT_SUPPORTED,
    ] {
        let mut link = Link::new(23);
        link.client.start_read(8).unwrap();
        link.request();
        let mut first = vec![0x0b];
        first.extend(bytes(22));
        assert_eq!(link.answer(&first), text(&[]));
        assert_eq!(link.request(), [0x0c, 8, 0, 22, 0]);
        let value = bytes(22);
        let expected = [read_result(8, &value), read_done(8, 0)];
        assert_eq!(link.answer(&[0x01, 0x0c, 8, 0, code]), text(&expected));
        assert_eq!(link.pool.blocks(), 0);
    }
}

#[test]
fn other_errors_in_a_long_read_are_reported_without_a_value() {
    let mut link = Link::new(23);
    link.client.start_read(8).unwrap();
    link.request();
    link.answer(&[0x0b; 23]);
    link.request();
    assert_eq!(
        link.answer(&[0x01, 0x0c, 8, 0, 0x05]),
        text(&[read_done(8, 5)])
    );
    assert_eq!(link.pool.blocks(), 0);
}

#[test]
fn a_value_longer_than_the_limit_is_cut() {
    let mut peer = Peer::default();
    let handle = peer.add(LONG, &bytes(600));
    for mtu in [23, 517] {
        let mut link = Link::new(mtu);
        link.client.start_read(handle).unwrap();
        let value = bytes(512);
        let expected = [read_result(handle, &value), read_done(handle, 0)];
        assert_eq!(link.run(&mut peer).1, text(&expected));
    }
}

#[test]
fn an_mtu_that_grows_between_request_and_answer_loses_no_byte() {
    let mut link = Link::new(23);
    link.client.start_read(8).unwrap();
    link.request();
    link.mtu = 100;
    let mut first = vec![0x0b];
    first.extend(bytes(22));
    assert_eq!(link.answer(&first), text(&[]));
    assert_eq!(link.request(), [0x0c, 8, 0, 22, 0]);
    let mut second = vec![0x0d];
    second.extend(&bytes(50)[22..]);
    assert_eq!(
        link.answer(&second),
        text(&[read_result(8, &bytes(50)), read_done(8, 0)])
    );
}

#[test]
fn a_long_read_waits_for_room_in_the_pool() {
    let mut peer = Peer::default();
    let handle = peer.add(LONG, &bytes(100));
    let mut link = Link::new(23);
    let all = link.pool.alloc(link.pool.free_bytes(), 0).unwrap();
    link.client.start_read(handle).unwrap();
    let request = link.request();
    assert_eq!(link.answer(&peer.answer(23, &request)), text(&[]));
    assert_eq!(link.request(), []);
    assert_eq!(link.client.deadline(), Some(NOW.after(30_000)));
    link.pool.free(all);
    let (requests, events) = link.run(&mut peer);
    assert_eq!(requests[0], [0x0a, handle as u8, 0]);
    assert_eq!(
        events,
        text(&[read_result(handle, &bytes(100)), read_done(handle, 0)])
    );
}

#[test]
fn a_value_that_became_short_while_waiting_is_read() {
    let mut link = Link::new(23);
    let all = link.pool.alloc(link.pool.free_bytes(), 0).unwrap();
    link.client.start_read(8).unwrap();
    link.request();
    link.answer(&[0x0b; 23]);
    link.pool.free(all);
    assert_eq!(link.request(), [0x0a, 8, 0]);
    assert_eq!(
        link.answer(&[0x0b, 9]),
        text(&[read_result(8, &[9]), read_done(8, 0)])
    );
    assert_eq!(link.pool.blocks(), 0);
}

#[test]
fn a_long_read_that_gets_no_room_ends_alone() {
    let mut link = Link::new(23);
    let all = link.pool.alloc(link.pool.free_bytes(), 0).unwrap();
    link.client.start_read(8).unwrap();
    link.client.start_read(9).unwrap();
    link.request();
    link.answer(&[0x0b; 23]);
    assert_eq!(link.request(), []);
    link.client.handle_timeout(NOW.after(29_999));
    assert!(!link.client.has_event());
    link.client.handle_timeout(NOW.after(30_000));
    assert_eq!(
        link.events(&[]),
        text(&[read_done(8, error::INSUFFICIENT_RESOURCES as u16)])
    );
    assert!(!link.client.timed_out());
    assert_eq!(link.request(), [0x0a, 9, 0]);
    link.pool.free(all);
}

#[test]
fn a_write_is_done_when_the_peer_says_so() {
    let mut link = Link::new(23);
    link.client
        .start_write(0x1234, b"value", false, &mut link.pool)
        .unwrap();
    assert_eq!(
        link.request(),
        [0x12, 0x34, 0x12, b'v', b'a', b'l', b'u', b'e']
    );
    assert_eq!(link.answer(&[0x13]), text(&[write_done(0x1234, 0)]));
    link.client
        .start_write(1, &[], true, &mut link.pool)
        .unwrap();
    assert_eq!(link.request(), [0x12, 1, 0]);
    assert_eq!(
        link.answer(&[0x01, 0x12, 1, 0, 3]),
        text(&[write_done(1, 3)])
    );
    assert_eq!(link.pool.blocks(), 0);
}

#[test]
fn a_write_that_was_sent_keeps_nothing_and_waits_for_its_response() {
    let mut link = Link::new(23);
    link.client.write_sent(NOW, 23, 0x1234);
    assert!(!link.client.is_idle());
    assert_eq!(link.client.deadline(), Some(NOW.after(30_000)));
    assert_eq!((link.request(), link.pool.blocks()), (vec![], 0));
    assert_eq!(link.answer(&[0x13]), text(&[write_done(0x1234, 0)]));
    assert!(link.client.is_idle());
}

#[test]
fn a_write_that_is_not_long_is_cut_to_the_mtu_of_its_sending() {
    let mut peer = Peer::default();
    let handle = peer.add(LONG, &[]);
    for mtu in [23, 50, 517] {
        let mut link = Link::new(mtu);
        link.client
            .start_write(handle, &bytes(600), false, &mut link.pool)
            .unwrap();
        assert_eq!(link.run(&mut peer).1, text(&[write_done(handle, 0)]));
        assert_eq!(*peer.value(handle), bytes(mtu as usize - 3));
    }
}

#[test]
fn a_long_write_arrives_whole() {
    for mtu in [23, 24, 100, 517] {
        for len in [mtu as usize - 3, mtu as usize - 2, 36, 37, 511, 512] {
            if len > 512 {
                continue;
            }
            let mut peer = Peer::default();
            let handle = peer.add(LONG, &[]);
            let mut link = Link::new(mtu);
            link.client
                .start_write(handle, &bytes(len), true, &mut link.pool)
                .unwrap();
            let (requests, events) = link.run(&mut peer);
            assert_eq!(events, text(&[write_done(handle, 0)]));
            assert_eq!(*peer.value(handle), bytes(len));
            let parts = len.div_ceil(mtu as usize - 5) + 1;
            assert_eq!(
                requests.len(),
                if len + 3 > mtu as usize { parts } else { 1 }
            );
        }
    }
}

#[test]
fn prepared_parts_carry_handle_and_offset() {
    let mut link = Link::new(23);
    link.client
        .start_write(0x1234, &[7; 21], true, &mut link.pool)
        .unwrap();
    let mut first = link.request();
    assert_eq!(first[..5], [0x16, 0x34, 0x12, 0, 0]);
    assert_eq!(first[5..], [7; 18]);
    first[0] = PREPARE_WRITE_RSP;
    assert_eq!(link.answer(&first), text(&[]));
    assert_eq!(link.request(), [0x16, 0x34, 0x12, 18, 0, 7, 7, 7]);
    link.answer(&[0x17, 0x34, 0x12, 18, 0, 7, 7, 7]);
    assert_eq!(link.request(), [0x18, 1]);
    assert_eq!(link.answer(&[0x19]), text(&[write_done(0x1234, 0)]));
    assert_eq!(link.pool.blocks(), 0);
}

#[test]
fn an_mtu_that_grows_amid_a_long_write_loses_no_byte() {
    let mut peer = Peer::default();
    let handle = peer.add(LONG, &[]);
    let mut link = Link::new(23);
    link.client
        .start_write(handle, &bytes(100), true, &mut link.pool)
        .unwrap();
    let request = link.request();
    link.mtu = 200;
    link.answer(&peer.answer(23, &request));
    let (requests, events) = link.run(&mut peer);
    assert_eq!(requests.len(), 2);
    assert_eq!(events, text(&[write_done(handle, 0)]));
    assert_eq!(*peer.value(handle), bytes(100));
}

#[test]
fn a_prepared_part_that_comes_back_different_cancels_the_write() {
    for spoiled in 1..8 {
        let mut peer = Peer::default();
        let handle = peer.add(LONG, b"old");
        let mut link = Link::new(23);
        link.client
            .start_write(handle, &bytes(21), true, &mut link.pool)
            .unwrap();
        let request = link.request();
        link.answer(&peer.answer(23, &request));
        let request = link.request();
        let mut answer = peer.answer(23, &request);
        answer[spoiled] ^= 1;
        assert_eq!(link.answer(&answer), text(&[]));
        let (requests, events) = link.run(&mut peer);
        assert_eq!(requests, [[0x18, 0]]);
        assert_eq!(events, text(&[write_done(handle, status::DATA_MISMATCH)]));
        assert_eq!((peer.prepared(), &peer.value(handle)[..]), (0, &b"old"[..]));
    }
}

#[test]
fn a_refused_part_cancels_those_that_were_taken() {
    let mut link = Link::new(23);
    link.client
        .start_write(1, &[7; 100], true, &mut link.pool)
        .unwrap();
    link.request();
    // Nothing was taken yet: the error is the end.
    assert_eq!(
        link.answer(&[0x01, 0x16, 1, 0, 0x09]),
        text(&[write_done(1, 9)])
    );

    link.client
        .start_write(1, &[7; 100], true, &mut link.pool)
        .unwrap();
    let mut first = link.request();
    first[0] = PREPARE_WRITE_RSP;
    link.answer(&first);
    link.request();
    assert_eq!(link.answer(&[0x01, 0x16, 1, 0, 0x09]), text(&[]));
    assert_eq!(link.request(), [0x18, 0]);
    // Whatever comes of the cancelling, the first error counts.
    assert_eq!(
        link.answer(&[0x01, 0x18, 0, 0, 0x0e]),
        text(&[write_done(1, 9)])
    );
    assert_eq!(link.pool.blocks(), 0);
}

#[test]
fn a_refused_execute_is_the_status_of_the_write() {
    let mut link = Link::new(23);
    link.client
        .start_write(1, &[7; 21], true, &mut link.pool)
        .unwrap();
    for _ in 0..2 {
        let mut part = link.request();
        part[0] = PREPARE_WRITE_RSP;
        link.answer(&part);
    }
    assert_eq!(link.request(), [0x18, 1]);
    assert_eq!(
        link.answer(&[0x01, 0x18, 1, 0, 0x0d]),
        text(&[write_done(1, 0x0d)])
    );
}

#[test]
fn the_mtu_is_the_smaller_one_and_at_least_23() {
    for (ours, theirs, mtu) in [(256, 185, 185), (100, 185, 100), (256, 5, 23)] {
        let mut link = Link::new(23);
        link.client.start_exchange_mtu(ours).unwrap();
        let bytes = ours.to_le_bytes();
        assert_eq!(link.request(), [0x02, bytes[0], bytes[1]]);
        let answer = [0x03, theirs as u8, 0];
        assert_eq!(link.answer(&answer), text(&[]));
        assert_eq!(link.mtu, mtu);
        assert_eq!(link.client.start_exchange_mtu(100), Err(Error::Already));
        link.client.start_read(1).unwrap();
        assert_eq!(link.request()[0], READ_REQ);
    }
}

#[test]
fn a_peer_without_mtu_exchange_keeps_the_mtu() {
    let mut link = Link::new(23);
    link.client.start_exchange_mtu(256).unwrap();
    link.request();
    link.mtu = 40;
    assert_eq!(link.answer(&[0x01, 0x02, 0, 0, 0x06]), text(&[]));
    assert_eq!(link.mtu, 40);
}

#[test]
fn notifications_come_through_while_a_request_is_outstanding() {
    let mut link = Link::new(23);
    link.client.start_read(8).unwrap();
    link.request();
    let notify = |handle, data| Event::GattcNotify {
        conn: CONN,
        handle,
        data,
    };
    assert_eq!(
        link.answer(&[0x1b, 8, 0, 1, 2]),
        text(&[notify(8, &[1, 2])])
    );
    assert_eq!(link.answer(&[0x1b, 8, 1]), text(&[notify(0x108, &[])]));
    let indicate = Event::GattcIndicate {
        conn: CONN,
        handle: 9,
        data: &[3],
    };
    assert_eq!(link.answer(&[0x1d, 9, 0, 3]), text(&[indicate]));
    let multiple = [0x23, 8, 0, 2, 0, 1, 2, 9, 0, 0, 0, 10, 0, 1, 0, 7];
    let expected = [notify(8, &[1, 2]), notify(9, &[]), notify(10, &[7])];
    assert_eq!(link.answer(&multiple), text(&expected));
    assert_eq!(link.answer(&multiple[..15]), text(&expected[..2]));
    assert_eq!(
        link.answer(&[0x0b, 4]),
        text(&[read_result(8, &[4]), read_done(8, 0)])
    );
}

#[test]
fn procedures_run_in_the_order_asked_for() {
    let mut peer = database();
    let mut link = Link::new(23);
    link.client.start_read(3).unwrap();
    link.client.start_exchange_mtu(256).unwrap();
    link.client
        .start_discover_services(Some(LONG), &mut link.pool)
        .unwrap();
    link.client
        .start_write(13, &bytes(100), true, &mut link.pool)
        .unwrap();
    link.client.start_discover_descriptors(15, 15).unwrap();
    link.client.start_read(13).unwrap();
    link.client
        .start_discover_characteristics(1, 3, None, &mut link.pool)
        .unwrap();
    link.client.start_read(99).unwrap();
    assert_eq!(link.client.start_read(1), Err(Error::NoMemory));
    assert_eq!(
        link.client.start_write(1, b"x", false, &mut link.pool),
        Err(Error::NoMemory)
    );
    let (_, events) = link.run(&mut peer);
    let value = bytes(100);
    let expected = [
        read_result(3, b"name"),
        read_done(3, 0),
        service(6, 20, LONG),
        service_done(0),
        write_done(13, 0),
        descriptor_done(0),
        read_result(13, &value),
        read_done(13, 0),
        characteristic(3, 3, 2, Uuid::short(0x2a00)),
        characteristic_done(0),
        read_done(99, 1),
    ];
    assert_eq!(events, text(&expected));
    assert_eq!(link.mtu, 185);
}

#[test]
fn a_write_that_finds_no_room_is_refused() {
    let mut link = Link::new(23);
    let room = link.pool.free_bytes();
    let most = link.pool.alloc(room, 0).unwrap();
    assert_eq!(
        link.client.start_write(1, b"x", false, &mut link.pool),
        Err(Error::NoMemory)
    );
    assert_eq!(
        link.client
            .start_discover_services(Some(LONG), &mut link.pool),
        Err(Error::NoMemory)
    );
    assert_eq!(link.request(), []);
    link.pool.free(most);
}

#[test]
fn no_room_to_send_leaves_everything_as_it_was() {
    let mut link = Link::new(23);
    link.client
        .start_write(1, b"value", false, &mut link.pool)
        .unwrap();
    for room in 0..8 {
        let mut buf = [0xa5; 8];
        let mut out = Writer::new(&mut buf[..room]);
        assert!(!link.client.poll_request(NOW, 23, &mut link.pool, &mut out));
        assert_eq!((out.finish(), link.client.deadline()), (Some(0), None));
    }
    assert_eq!(link.request().len(), 8);
}

#[test]
fn a_silent_peer_ends_all_procedures_and_the_bearer() {
    let mut link = Link::new(23);
    assert_eq!(link.client.deadline(), None);
    link.client
        .start_discover_characteristics(1, 9, Some(LONG), &mut link.pool)
        .unwrap();
    link.client
        .start_write(7, b"value", false, &mut link.pool)
        .unwrap();
    link.client.start_exchange_mtu(100).unwrap();
    link.client.start_read(8).unwrap();
    link.request();
    assert_eq!(link.client.deadline(), Some(NOW.after(30_000)));
    link.client.handle_timeout(NOW.after(29_999));
    assert!(!link.client.has_event());
    link.client.handle_timeout(NOW.after(30_000));
    assert!(link.client.has_event() && link.client.timed_out());
    let expected = [
        characteristic_done(status::TIMEOUT),
        write_done(7, status::TIMEOUT),
        read_done(8, status::TIMEOUT),
    ];
    assert_eq!(link.events(&[]), text(&expected));
    assert_eq!((link.client.deadline(), link.pool.blocks()), (None, 0));
    assert_eq!(link.client.start_read(1), Err(Error::TimedOut));
    assert_eq!(
        link.client.start_write(1, b"x", true, &mut link.pool),
        Err(Error::TimedOut)
    );
    assert_eq!(link.pool.blocks(), 0);
    // The late answer is for nobody; notifications still are.
    assert_eq!(link.answer(&[0x09, 7, 2, 0, 2, 3, 0, 0, 0x2a]), text(&[]));
    assert_eq!(link.answer(&[0x1b, 8, 0]).len(), 1);
    assert_eq!(link.request(), []);
}

#[test]
fn every_request_has_its_own_30_seconds() {
    let mut link = Link::new(23);
    link.client
        .start_discover_services(None, &mut link.pool)
        .unwrap();
    link.request();
    link.answer(&[0x11, 6, 1, 0, 5, 0, 0, 0x18]);
    assert_eq!(link.client.deadline(), None);
    let mut buf = [0; 23];
    let later = NOW.after(29_000);
    let mut out = Writer::new(&mut buf);
    assert!(link
        .client
        .poll_request(later, 23, &mut link.pool, &mut out));
    assert_eq!(link.client.deadline(), Some(later.after(30_000)));
}

#[test]
fn a_disconnect_at_any_step_ends_each_procedure_once() {
    let start = |link: &mut Link| {
        let (client, pool) = (&mut link.client, &mut link.pool);
        client.start_discover_services(Some(LONG), pool).unwrap();
        client
            .start_discover_characteristics(1, 0xffff, Some(LONG), pool)
            .unwrap();
        client.start_exchange_mtu(100).unwrap();
        client.start_discover_descriptors(8, 11).unwrap();
        client.start_write(13, &bytes(300), true, pool).unwrap();
        client.start_read(13).unwrap();
        client.start_write(8, b"x", false, pool).unwrap();
    };
    let is_done = |event: &&String| event.contains("Done");
    for steps in 0.. {
        let (mut peer, mut link) = (database(), Link::new(23));
        start(&mut link);
        let mut events = Vec::new();
        let mut over = false;
        for step in 0..steps {
            let request = link.request();
            over = request.is_empty();
            // Odd counts of steps end with a request outstanding.
            if !over && step + 1 < steps {
                events.extend(link.answer(&peer.answer(link.mtu, &request)));
            }
        }
        events.extend(link.aborted(status::DISCONNECTED));
        assert_eq!(
            events.iter().filter(is_done).count(),
            6,
            "after {steps} requests"
        );
        assert_eq!(link.pool.blocks(), 0, "after {steps} requests");
        assert!(!link.client.has_event());
        if over {
            break;
        }
        let last = events.last().unwrap();
        assert_eq!(*last, text(&[write_done(8, status::DISCONNECTED)])[0]);
    }
}

#[test]
fn a_disconnect_amid_the_events_of_one_answer_ends_the_procedure_once() {
    for taken in 0..3 {
        let mut link = Link::new(23);
        link.client
            .start_discover_services(None, &mut link.pool)
            .unwrap();
        link.request();
        let pdu = [0x11, 6, 1, 0, 5, 0, 0, 0x18, 6, 0, 9, 0, 1, 0x18];
        link.client
            .handle(23, &pdu, &mut link.pool, &mut Writer::new(&mut []));
        for _ in 0..taken {
            link.next_event(&pdu).unwrap();
        }
        assert_eq!(
            link.aborted(status::DISCONNECTED),
            text(&[service_done(0x1f)])
        );
    }
}

#[test]
fn clearing_frees_everything_without_events() {
    let mut link = Link::new(23);
    link.client
        .start_write(13, &bytes(300), true, &mut link.pool)
        .unwrap();
    link.client.start_read(13).unwrap();
    link.request();
    link.client.clear(&mut link.pool);
    assert!(!link.client.has_event());
    assert_eq!(
        (
            link.pool.blocks(),
            link.request().len(),
            link.client.deadline()
        ),
        (0, 0, None)
    );
}

#[test]
fn procedures_started_amid_events_wait_for_their_turn() {
    let mut link = Link::new(23);
    link.client.start_read(8).unwrap();
    link.request();
    let pdu = [0x0b, 1];
    link.client
        .handle(23, &pdu, &mut link.pool, &mut Writer::new(&mut []));
    link.next_event(&pdu).unwrap();
    link.client.start_read(9).unwrap();
    assert_eq!(link.request(), [], "the first has not ended yet");
    assert_eq!(link.events(&pdu), text(&[read_done(8, 0)]));
    assert_eq!(link.request(), [0x0a, 9, 0]);
}

#[test]
fn a_client_is_small_enough_for_every_link() {
    let queue = MAX_PROCEDURES * size_of::<Procedure>();
    assert!(size_of::<Procedure>() <= 14);
    assert!(size_of::<Client>() <= queue + 80);
}
