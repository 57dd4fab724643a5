use super::*;
use crate::wire::att::opcode::*;
use crate::wire::Writer;

const CONN: u16 = 5;
const NOW: Instant = Instant(u32::MAX - 100);

/// A client, its pool, and what a link would keep for them.
struct Link {
    client: Client,
    pool: Pool,
    mtu: u16,
}

impl Link {
    fn new() -> Self {
        Link {
            client: Client::new(),
            pool: Pool::new(),
            mtu: 23,
        }
    }

    /// The next request, or none.
    fn request(&mut self) -> std::vec::Vec<u8> {
        let mut buf = std::vec![0xa5; self.mtu as usize];
        let mut out = Writer::new(&mut buf);
        let sent = self
            .client
            .poll_request(NOW, self.mtu, &mut self.pool, &mut out);
        let len = out.finish().unwrap();
        assert_eq!(sent, len > 0);
        buf.truncate(len);
        buf
    }

    /// The events that an answer brings, as text.
    fn answer(&mut self, pdu: &[u8]) -> std::vec::Vec<std::string::String> {
        let mut out = [0xa5; 1];
        let outcome = self
            .client
            .handle(self.mtu, pdu, &mut self.pool, &mut Writer::new(&mut out));
        assert_eq!(
            out[0] == HANDLE_VALUE_CFM,
            pdu[0] == HANDLE_VALUE_IND && pdu.len() >= 3
        );
        let events = self.events(pdu);
        match outcome {
            Outcome::Mtu(mtu) => self.mtu = mtu,
            Outcome::Ignored => assert!(events.is_empty()),
            Outcome::Events => {}
        }
        events
    }

    fn events(&mut self, pdu: &[u8]) -> std::vec::Vec<std::string::String> {
        let mut events = std::vec::Vec::new();
        while let Some(event) = self.client.next_event(CONN, pdu, &mut self.pool) {
            events.push(std::format!("{event:?}"));
        }
        assert!(!self.client.has_event());
        events
    }
}

#[test]
fn services_are_discovered_over_several_pdus() {
    let mut link = Link::new();
    link.client
        .start_discover_services(None, &mut link.pool)
        .unwrap();
    assert_eq!(link.request(), [0x10, 1, 0, 0xff, 0xff, 0x00, 0x28]);
    assert_eq!(link.request(), []);
    let events = link.answer(&[0x11, 6, 1, 0, 5, 0, 0, 0x18, 6, 0, 9, 0, 1, 0x18]);
    assert_eq!(
        events,
        [
            "GattcService { conn: 5, start: 1, end: 5, uuid: U16(6144) }",
            "GattcService { conn: 5, start: 6, end: 9, uuid: U16(6145) }",
        ]
    );
    assert_eq!(link.request(), [0x10, 10, 0, 0xff, 0xff, 0x00, 0x28]);
    let mut long = std::vec![0x11, 20, 10, 0, 0xfe, 0xff];
    long.extend([7; 16]);
    assert_eq!(link.answer(&long).len(), 1);
    assert_eq!(link.request(), [0x10, 0xff, 0xff, 0xff, 0xff, 0x00, 0x28]);
    assert_eq!(
        link.answer(&[0x01, 0x10, 0xff, 0xff, 0x0a]),
        ["GattcServiceDone { conn: 5, status: 0 }"]
    );
    assert_eq!(link.request(), []);
}
