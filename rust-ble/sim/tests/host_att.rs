//! GATT servers and clients at both ends of a link.

mod hosts;

use std::collections::VecDeque;

use ble_core::config::MAX_INDICATIONS;
use ble_core::gatt::db::{flag, FIRST_SCRIPT_HANDLE, SERVICE_CHANGED_HANDLE};
use ble_core::{Error, Event, Uuid};
use ble_sim::harness::{next_event, World};
use ble_sim::{NodeConfig, Profile};
use hosts::*;

const DISCONNECTED: u16 = 0x1f;
const TIMEOUT: u16 = 0x7f;
const ALL: u16 = flag::READ | flag::NOTIFY | flag::INDICATE | flag::WRITE | flag::WRITE_NO_RESPONSE;

fn is_disconnected(event: &Event) -> bool {
    matches!(event, Event::Disconnected { .. })
}

fn is_indicated(event: &Event) -> bool {
    matches!(event, Event::GattsIndicateDone { .. })
}

/// Two connected hosts; node 1 serves one value of up to 512 bytes.
fn pair(profile: Profile) -> (World, u16, u16, u16) {
    let mut world = hosts(2, profile);
    let value = serve(&mut world, 1, 1, ALL)[0];
    let (central, peripheral) = world.connect(0, 1);
    (world, central, peripheral, value)
}

/// Registers so many values in a service; gives their handles.
fn serve(world: &mut World, node: usize, values: u16, flags: u16) -> Vec<u16> {
    world.services(node, |db| {
        db.add_service(&Uuid::short(0x1815))?;
        (0..values)
            .map(|i| {
                let value = db.add_characteristic(&Uuid::short(0x2a00 + i), flags)?;
                db.set_buffer(value, 512, false)?;
                Ok(value)
            })
            .collect()
    })
}

fn read(world: &mut World, node: usize, conn: u16, handle: u16) -> Result<Vec<u8>, u16> {
    let now = world.now();
    world.nodes[node]
        .host
        .gattc_read(now, conn, handle)
        .unwrap();
    let status = world.wait(node, 40_000, |event| match *event {
        Event::GattcReadDone {
            conn: c,
            handle: h,
            status,
        } if c == conn && h == handle => Some(status),
        _ => None,
    });
    let result = world.nodes[node].events.iter().rposition(|event| {
        matches!(event, Event::GattcReadResult { conn: c, handle: h, .. }
            if *c == conn && *h == handle)
    });
    match (
        status,
        result.and_then(|at| world.nodes[node].events.remove(at)),
    ) {
        (0, Some(Event::GattcReadResult { data, .. })) => Ok(data.to_vec()),
        (0, _) => panic!("done without a result"),
        (status, _) => Err(status),
    }
}

fn write(world: &mut World, node: usize, conn: u16, handle: u16, data: &[u8], mode: u32) -> u16 {
    let now = world.now();
    world.nodes[node]
        .host
        .gattc_write(now, conn, handle, data, mode)
        .unwrap();
    world.wait(node, 40_000, |event| match *event {
        Event::GattcWriteDone {
            conn: c,
            handle: h,
            status,
        } if c == conn && h == handle => Some(status),
        _ => None,
    })
}

fn exchange_mtu(world: &mut World, node: usize, conn: u16, mtu: u16) {
    for node in 0..world.nodes.len() {
        world.nodes[node].host.set_preferred_mtu(mtu).unwrap();
    }
    let now = world.now();
    world.nodes[node].host.exchange_mtu(now, conn).unwrap();
    for node in 0..2 {
        let event = expect(world, node, 5_000, |e| {
            matches!(e, Event::MtuExchanged { .. })
        });
        assert!(matches!(event, Event::MtuExchanged { mtu: m, .. } if m == mtu));
    }
}

/// Moves bytes and time of one node only, whose script sees events by `see`.
fn drive(world: &mut World, node: usize, ms: u64, mut see: impl FnMut(&mut World, Event<'static>)) {
    let until = world.air.now() + ms * 1_000;
    let id = world.nodes[node].id;
    let mut inbox = VecDeque::new();
    loop {
        let now = world.now();
        while let Some(packet) = world.air.receive(id) {
            inbox.extend(packet);
        }
        let host = &mut world.nodes[node].host;
        let taken = host.receive(now, inbox.make_contiguous());
        inbox.drain(..taken);
        if host.poll_timeout().is_some_and(|at| at.reached(now)) {
            host.handle_timeout(now);
        }
        let event = next_event(host, now);
        let told = event.is_some();
        if let Some(event) = event {
            see(world, event);
        }
        let mut sent = false;
        loop {
            let host = &mut world.nodes[node].host;
            let Some(packet) = host.poll_transmit(now) else {
                break;
            };
            let packet = [packet.header(), packet.head, packet.tail].concat();
            host.transmitted(now);
            world.air.send(id, &packet);
            sent = true;
        }
        if told || sent || taken > 0 {
            continue;
        }
        if world.air.now() >= until {
            return;
        }
        let mut next = world.air.next_time().unwrap_or(until).min(until);
        if let Some(at) = world.nodes[node].host.poll_timeout() {
            next = next.min(u64::from(at.0) * 1_000).max(world.air.now());
        }
        world.air.advance_to(next);
    }
}

/// Sends an ATT PDU past the client's host, and gives what comes back.
fn raw(world: &mut World, conn: u16, pdu: &[u8]) -> Vec<Vec<u8>> {
    let len = pdu.len() as u16;
    let mut frame = vec![len as u8, (len >> 8) as u8, 4, 0];
    frame.extend(pdu);
    for (i, piece) in frame.chunks(251).enumerate() {
        let word = conn | if i > 0 { 1 << 12 } else { 0 };
        let mut packet = vec![2, word as u8, (word >> 8) as u8, piece.len() as u8, 0];
        packet.extend(piece);
        world.air.send(0, &packet);
    }
    drive(world, 1, 400, |world, event| {
        if let Event::GattsReadRequest { token, .. } = event {
            world.nodes[1].host.answer_read(token, 0);
        }
    });
    let (mut pdus, mut whole): (Vec<Vec<u8>>, Vec<u8>) = (vec![], vec![]);
    while let Some(packet) = world.air.receive(0) {
        if packet[0] == 2 {
            whole.extend(&packet[5..]);
            if whole.len() >= 4
                && whole.len() == 4 + u16::from_le_bytes([whole[0], whole[1]]) as usize
            {
                pdus.push(whole.split_off(4));
                whole.clear();
            }
        }
    }
    pdus
}

#[test]
fn a_database_of_five_hundred_attributes_of_all_kinds_of_uuid_is_discovered_whole() {
    for mtu in [23, 517] {
        let mut world = hosts(2, Profile::Full);
        let long = |i: u16| {
            let mut bytes = [0x5a; 16];
            bytes[..2].copy_from_slice(&i.to_le_bytes());
            Uuid::long(bytes)
        };
        let uuid = |i: u16| {
            if i % 3 == 0 {
                long(i)
            } else {
                Uuid::short(0x2b00 + i)
            }
        };
        // (service, [(value, [descriptor])])
        let registered = world.services(1, |db| {
            let mut services = Vec::new();
            let mut i = 0;
            while db.last_handle() < 495 {
                let service = (uuid(i), db.add_service(&uuid(i))?);
                let mut characteristics = Vec::new();
                for c in 0..i % 4 {
                    let flags = if c % 2 == 0 {
                        flag::READ
                    } else {
                        flag::READ | flag::NOTIFY
                    };
                    let value = (uuid(i + c), db.add_characteristic(&uuid(i + c), flags)?);
                    let mut descriptors = Vec::new();
                    if flags & flag::NOTIFY != 0 {
                        descriptors.push((Uuid::short(0x2902), value.1 + 1));
                    }
                    for d in 0..c {
                        let id = uuid(200 + d);
                        descriptors.push((id, db.add_descriptor(&id, flag::READ)?));
                    }
                    characteristics.push((value, descriptors));
                }
                services.push((service, db.last_handle(), characteristics));
                i += 1;
            }
            Ok(services)
        });
        assert!(world.nodes[1].host.database().last_handle() >= 495);
        let (conn, _) = world.connect(0, 1);
        if mtu > 23 {
            exchange_mtu(&mut world, 0, conn, mtu);
        }
        let now = world.now();
        world.nodes[0]
            .host
            .discover_services(now, conn, None)
            .unwrap();
        world.wait(0, 20_000, |e| {
            matches!(e, Event::GattcServiceDone { status: 0, .. }).then_some(())
        });
        let found: Vec<_> = world.nodes[0]
            .events
            .drain(..)
            .filter_map(|event| match event {
                Event::GattcService {
                    start, end, uuid, ..
                } if start >= FIRST_SCRIPT_HANDLE => Some(((uuid, start), end)),
                _ => None,
            })
            .collect();
        let wanted: Vec<_> = registered
            .iter()
            .map(|(service, end, _)| (*service, *end))
            .collect();
        assert_eq!(found.len(), wanted.len());
        for (found, wanted) in found.iter().zip(&wanted) {
            assert_eq!(found, wanted);
        }
        for ((_, start), end, characteristics) in &registered {
            let now = world.now();
            let host = &mut world.nodes[0].host;
            host.discover_characteristics(now, conn, *start, *end, None)
                .unwrap();
            world.wait(0, 20_000, |e| {
                matches!(e, Event::GattcCharacteristicDone { status: 0, .. }).then_some(())
            });
            let found: Vec<_> = world.nodes[0]
                .events
                .drain(..)
                .filter_map(|event| match event {
                    Event::GattcCharacteristic {
                        end,
                        value_handle,
                        uuid,
                        ..
                    } => Some(((uuid, value_handle), end)),
                    _ => None,
                })
                .collect();
            assert_eq!(found.len(), characteristics.len());
            for (i, ((value, last), (wanted, descriptors))) in
                found.iter().zip(characteristics).enumerate()
            {
                assert_eq!(value, wanted);
                let next = characteristics
                    .get(i + 1)
                    .map_or(*end, |(next, _)| next.1 - 2);
                assert_eq!(*last, next);
                let now = world.now();
                let host = &mut world.nodes[0].host;
                host.discover_descriptors(now, conn, value.1, *last)
                    .unwrap();
                world.wait(0, 20_000, |e| {
                    matches!(e, Event::GattcDescriptorDone { status: 0, .. }).then_some(())
                });
                let found: Vec<_> = world.nodes[0]
                    .events
                    .drain(..)
                    .filter_map(|event| match event {
                        Event::GattcDescriptor { handle, uuid, .. } => Some((uuid, handle)),
                        _ => None,
                    })
                    .collect();
                assert_eq!(&found, descriptors);
            }
        }
        end(&mut world);
    }
}

#[test]
fn values_of_up_to_512_bytes_are_read_and_written_whole() {
    for profile in PROFILES {
        for mtu in [23, 24, 185, 517] {
            let (mut world, conn, _, value) = pair(profile);
            if mtu > 23 {
                exchange_mtu(&mut world, 0, conn, mtu);
            }
            for len in [0, 1, 20, 21, 22, 23, 181, 182, 183, 184, 185, 511, 512] {
                let data: Vec<u8> = (0..len).map(|i| i as u8).collect();
                let now = world.now();
                world.nodes[1]
                    .host
                    .gatts_write(now, value, &data, false)
                    .unwrap();
                assert_eq!(
                    read(&mut world, 0, conn, value),
                    Ok(data.clone()),
                    "{len} at {mtu}"
                );
                let written: Vec<u8> = data.iter().map(|x| !x).collect();
                assert_eq!(write(&mut world, 0, conn, value, &written, 2), 0);
                assert_eq!(
                    world.nodes[1].host.database().read(value),
                    Some(&written[..])
                );
                // One event for each, however many parts it had.
                world.settle();
                assert_eq!(
                    count(&world, 1, |e| matches!(e, Event::GattsWrite { .. })),
                    1
                );
                world.nodes[1].events.clear();
            }
            let now = world.now();
            for (len, mode) in [(513, 2), (515, 0)] {
                let host = &mut world.nodes[0].host;
                let refused = host.gattc_write(now, conn, value, &vec![0; len], mode);
                assert_eq!(refused, Err(Error::Invalid), "{mode}");
            }
            end(&mut world);
        }
    }
}

#[test]
fn a_write_that_does_not_fit_is_refused_and_leaves_the_value() {
    let mut world = hosts(2, Profile::Full);
    let value = world.services(1, |db| {
        db.add_service(&Uuid::short(0x1815))?;
        db.add_characteristic(&Uuid::short(0x2a56), ALL)
    });
    let (conn, _) = world.connect(0, 1);
    exchange_mtu(&mut world, 0, conn, 100);
    let now = world.now();
    world.nodes[1]
        .host
        .gatts_write(now, value, b"before", false)
        .unwrap();
    for mode in [1, 2] {
        assert_eq!(write(&mut world, 0, conn, value, &[1; 21], mode), 0x0d);
        assert_eq!(write(&mut world, 0, conn, value, &[1; 200], 2), 0x0d);
        assert_eq!(read(&mut world, 0, conn, value), Ok(b"before".to_vec()));
    }
    assert_eq!(
        count(&world, 1, |e| matches!(e, Event::GattsWrite { .. })),
        0
    );
    assert_eq!(read(&mut world, 0, conn, 0x7777), Err(0x01));
    assert_eq!(write(&mut world, 0, conn, value - 1, b"x", 1), 0x03);
    end(&mut world);
}

#[test]
fn requests_of_all_kinds_and_nonsense_are_answered_as_the_specification_says() {
    let (mut world, conn, _, value) = pair(Profile::Full);
    world.run(500);
    let now = world.now();
    world.nodes[1]
        .host
        .gatts_write(now, value, b"value", false)
        .unwrap();
    let [low, high] = value.to_le_bytes();
    let error = |op: u8, handle: u16, code: u8| {
        let [low, high] = handle.to_le_bytes();
        vec![vec![0x01, op, low, high, code]]
    };
    let mut ask = |pdu: &[u8]| raw(&mut world, conn, pdu);
    // Read, Read Blob, Read Multiple, Read Multiple Variable Length.
    assert_eq!(ask(&[0x0a, low, high]), [[&[0x0b][..], b"value"].concat()]);
    assert_eq!(
        ask(&[0x0c, low, high, 3, 0]),
        [[&[0x0d][..], b"ue"].concat()]
    );
    assert_eq!(ask(&[0x0c, low, high, 6, 0]), error(0x0c, value, 0x07));
    assert_eq!(
        ask(&[0x0e, low, high, low, high]),
        [[&[0x0f][..], b"valuevalue"].concat()]
    );
    let variable = [&[0x21, 5, 0][..], b"value", &[5, 0], b"value"].concat();
    assert_eq!(ask(&[0x20, low, high, low, high]), [variable]);
    // Read By Type and Read By Group Type for any type.
    assert_eq!(ask(&[0x08, 1, 0, 0xff, 0xff, 0, 0x2a])[0][0], 0x09);
    assert_eq!(
        ask(&[0x08, 1, 0, 0xff, 0xff, 0x99, 0x99]),
        error(0x08, 1, 0x0a)
    );
    assert_eq!(ask(&[0x08, 2, 0, 1, 0, 0, 0x2a]), error(0x08, 2, 0x01));
    assert_eq!(ask(&[0x10, 1, 0, 0xff, 0xff, 0, 0x28])[0][0], 0x11);
    assert_eq!(
        ask(&[0x10, 1, 0, 0xff, 0xff, 3, 0x28]),
        error(0x10, 1, 0x10)
    );
    // Find By Type Value, Find Information.
    assert_eq!(
        ask(&[0x06, 1, 0, 0xff, 0xff, 0, 0x28, 0x15, 0x18])[0][0],
        0x07
    );
    assert_eq!(ask(&[0x04, 1, 0, 0xff, 0xff])[0][0], 0x05);
    assert_eq!(ask(&[0x04, 0, 0, 0xff, 0xff]), error(0x04, 0, 0x01));
    // A request that no one knows, a command that no one knows, and a
    // Signed Write, which is ignored.
    assert_eq!(ask(&[0x3e, 1, 2, 3]), error(0x3e, 0, 0x06));
    assert!(ask(&[0x7e, 1, 2, 3]).is_empty());
    let signed = [&[0xd2, low, high, 9][..], &[7; 12]].concat();
    assert!(ask(&signed).is_empty());
    // Too short, too long, nothing, a response and a confirmation to nothing.
    assert_eq!(ask(&[0x0a, low]), error(0x0a, 0, 0x04));
    assert!(ask(&[]).is_empty());
    assert!(ask(&[0x0b, 1]).is_empty());
    assert!(ask(&[0x13]).is_empty());
    assert!(ask(&[0x1e]).is_empty());
    assert_eq!(
        world.nodes[1].host.database().read(value),
        Some(&b"value"[..])
    );
    // The queue of prepared writes is bounded.
    let mut full = None;
    for i in 0..200u8 {
        let mut pdu = vec![0x16, low, high, 0, 0];
        pdu.extend([i; 18]);
        let answer = raw(&mut world, conn, &pdu).remove(0);
        if answer[0] == 0x01 {
            assert_eq!(answer[4], 0x09);
            full = Some(i);
            break;
        }
    }
    assert!(full.is_some());
    assert_eq!(raw(&mut world, conn, &[0x18, 0]), [vec![0x19]]);
    assert_eq!(
        world.nodes[1].host.database().read(value),
        Some(&b"value"[..])
    );
    end(&mut world);
}

#[test]
fn cccds_and_values_are_as_each_link_wants_them() {
    let mut world = hosts(4, Profile::Full);
    let value = serve(&mut world, 0, 1, ALL)[0];
    let mut conns = Vec::new();
    for (other, bits) in [(1, 0u8), (2, 1), (3, 2)] {
        let (central, _) = world.connect(other, 0);
        assert_eq!(read(&mut world, other, central, value + 1), Ok(vec![0, 0]));
        assert_eq!(
            write(&mut world, other, central, value + 1, &[bits, 0], 1),
            0
        );
        assert_eq!(
            read(&mut world, other, central, value + 1),
            Ok(vec![bits, 0])
        );
        conns.push(central);
    }
    // A CCCD write raises no event.
    assert_eq!(
        count(&world, 0, |e| matches!(e, Event::GattsWrite { .. })),
        0
    );
    clear(&mut world);
    let now = world.now();
    world.nodes[0]
        .host
        .gatts_write(now, value, b"told", true)
        .unwrap();
    world.run(500);
    let told = |e: &Event| matches!(e, Event::GattcNotify { data: b"told", .. });
    let indicated = |e: &Event| matches!(e, Event::GattcIndicate { data: b"told", .. });
    assert!(world.nodes[1].events.is_empty());
    assert_eq!(count(&world, 2, told), 1);
    assert_eq!(count(&world, 3, indicated), 1);
    let done = expect(&mut world, 0, 0, is_indicated);
    assert!(matches!(done, Event::GattsIndicateDone { status: 0, handle, .. } if handle == value));
    // A new link of the same peer begins without.
    world
        .call(2, |host, now| host.disconnect(now, conns[1]))
        .unwrap();
    expect(&mut world, 2, 1_000, is_disconnected);
    world.run(100);
    let (central, _) = world.connect(2, 0);
    assert_eq!(read(&mut world, 2, central, value + 1), Ok(vec![0, 0]));
    end(&mut world);
}

#[test]
fn a_value_is_stored_though_a_client_cannot_be_told() {
    for bits in [1, 2] {
        let (mut world, conn, _, value) = pair(Profile::Full);
        assert_eq!(write(&mut world, 0, conn, value + 1, &[bits, 0], 1), 0);
        world.run(300);
        clear(&mut world);
        // The client is out of reach, and the script goes on.
        let now = world.now();
        for n in 0..200u8 {
            let host = &mut world.nodes[1].host;
            assert_eq!(host.gatts_write(now, value, &[n], true), Ok(()));
        }
        world.run(2_000);
        let told: Vec<u8> = world.nodes[0]
            .events
            .iter()
            .filter_map(|event| match event {
                Event::GattcNotify { data, .. } if bits == 1 => Some(data[0]),
                Event::GattcIndicate { data, .. } if bits == 2 => Some(data[0]),
                _ => None,
            })
            .collect();
        assert!(told.len() > 1 && told.is_sorted(), "{told:?}");
        if bits == 2 {
            assert_eq!(told.last(), Some(&199));
            assert_eq!(count(&world, 1, is_indicated), told.len());
        }
        assert_eq!(read(&mut world, 0, conn, value), Ok(vec![199]));
        end(&mut world);
    }
}

#[test]
fn indications_are_sent_one_at_a_time_and_each_completes() {
    let (mut world, _, conn, value) = pair(Profile::Full);
    world.run(300);
    clear(&mut world);
    let mut accepted = 0u8;
    for _ in 0..10 {
        let now = world.now();
        loop {
            match world.nodes[1]
                .host
                .indicate(now, conn, value, Some(&[accepted]))
            {
                Ok(()) => accepted += 1,
                Err(error) => break assert_eq!(error, Error::NoMemory),
            }
        }
        world.run(100);
    }
    world.run(1_000);
    let told: Vec<u8> = world.nodes[0]
        .events
        .iter()
        .filter_map(|event| match event {
            Event::GattcIndicate { data, .. } => Some(data[0]),
            _ => None,
        })
        .collect();
    assert_eq!(told, (0..accepted).collect::<Vec<_>>());
    assert!(accepted > 8);
    assert_eq!(count(&world, 1, is_indicated), accepted as usize);
    end(&mut world);
}

#[test]
fn an_indication_that_is_not_confirmed_ends_all_else_and_the_link_after_thirty_seconds() {
    let (mut world, _, conn, value) = pair(Profile::Full);
    world.run(300);
    clear(&mut world);
    let now = world.now();
    for _ in 0..MAX_INDICATIONS {
        world.nodes[1]
            .host
            .indicate(now, conn, value, Some(b"x"))
            .unwrap();
    }
    // Node 0's script and host do nothing.
    let mut failed = Vec::new();
    drive(&mut world, 1, 29_900, |_, event| panic!("{event:?}"));
    while failed.len() < MAX_INDICATIONS {
        drive(&mut world, 1, 1, |_, event| failed.push(event));
    }
    assert!(ms(now, world.now()) < 30_200);
    let (handle, status) = (value, 1);
    assert_eq!(
        failed,
        vec![
            Event::GattsIndicateDone {
                conn,
                handle,
                status
            };
            MAX_INDICATIONS
        ]
    );
    let now = world.now();
    let host = &mut world.nodes[1].host;
    assert_eq!(host.indicate(now, conn, value, None), Err(Error::TimedOut));
    assert_eq!(host.notify(now, conn, value, None), Err(Error::TimedOut));
    assert_eq!(host.gattc_read(now, conn, value), Err(Error::TimedOut));
    assert_eq!(
        host.gattc_write(now, conn, value, b"x", 0),
        Err(Error::TimedOut)
    );
    failed.clear();
    drive(&mut world, 1, 300, |_, event| failed.push(event));
    assert!(
        matches!(failed[..], [Event::Disconnected { .. }]),
        "{failed:?}"
    );
    end(&mut world);
}

#[test]
fn an_answer_that_came_while_the_script_was_busy_is_not_late() {
    let (mut world, central, peripheral, value) = pair(Profile::Full);
    world.run(300);
    for busy in [0, 1] {
        clear(&mut world);
        let now = world.now();
        if busy == 0 {
            world.nodes[0].host.gattc_read(now, central, value).unwrap();
        } else {
            let host = &mut world.nodes[1].host;
            host.indicate(now, peripheral, value, Some(b"x")).unwrap();
        }
        world.run(1);
        // Nobody calls the host that waits.
        drive(&mut world, 1 - busy, 31_000, |world, event| {
            if let Event::GattsReadRequest { token, .. } = event {
                world.nodes[1].host.answer_read(token, 0);
            }
        });
        world.run(500);
        if busy == 0 {
            let done = expect(&mut world, 0, 0, |e| {
                matches!(e, Event::GattcReadDone { .. })
            });
            assert!(matches!(done, Event::GattcReadDone { status: 0, .. }));
        } else {
            let done = expect(&mut world, 1, 0, is_indicated);
            assert!(matches!(done, Event::GattsIndicateDone { status: 0, .. }));
        }
    }
    assert_eq!(read(&mut world, 0, central, value), Ok(vec![]));
    end(&mut world);
}

#[test]
fn a_peer_that_does_not_answer_is_late_though_packets_wait() {
    let (mut world, central, peripheral, value) = pair(Profile::Full);
    world.run(300);
    clear(&mut world);
    let now = world.now();
    let host = &mut world.nodes[1].host;
    host.notify(now, peripheral, value, Some(b"x")).unwrap();
    drive(&mut world, 1, 200, |_, _| {});
    let now = world.now();
    let id = world.nodes[0].id;
    let host = &mut world.nodes[0].host;
    host.gattc_read(now, central, value).unwrap();
    assert!(host.poll_transmit(now).is_some());
    host.transmitted(now);
    while let Some(packet) = world.air.receive(id) {
        assert_eq!(host.receive(now, &packet), packet.len());
    }
    let due = host.poll_timeout().unwrap();
    assert_eq!(due, now.after(30_000));
    host.handle_timeout(due);
    assert_eq!(host.poll_timeout(), Some(due.after(5_000)));
    host.handle_timeout(due.after(5_000));
    assert_eq!(host.gattc_read(now, central, value), Err(Error::TimedOut));
}

#[test]
fn a_request_that_is_not_answered_ends_all_procedures_and_the_link_after_thirty_seconds() {
    let (mut world, conn, _, value) = pair(Profile::Full);
    world.run(300);
    clear(&mut world);
    let now = world.now();
    let host = &mut world.nodes[0].host;
    host.gattc_read(now, conn, value).unwrap();
    host.gattc_write(now, conn, value, b"x", 1).unwrap();
    host.discover_services(now, conn, None).unwrap();
    let mut ended = Vec::new();
    drive(&mut world, 0, 29_900, |_, event| panic!("{event:?}"));
    while ended.len() < 3 {
        drive(&mut world, 0, 1, |_, event| ended.push(event));
    }
    assert!(ms(now, world.now()) < 30_200);
    let (handle, status) = (value, TIMEOUT);
    assert_eq!(
        ended,
        [
            Event::GattcReadDone {
                conn,
                handle,
                status
            },
            Event::GattcWriteDone {
                conn,
                handle,
                status
            },
            Event::GattcServiceDone { conn, status },
        ]
    );
    let now = world.now();
    let refused = world.nodes[0].host.gattc_read(now, conn, value);
    assert_eq!(refused, Err(Error::TimedOut));
    assert_eq!(
        world.nodes[0].host.gattc_write(now, conn, value, b"x", 0),
        Err(Error::TimedOut)
    );
    ended.clear();
    drive(&mut world, 0, 300, |_, event| ended.push(event));
    assert!(
        matches!(ended[..], [Event::Disconnected { .. }]),
        "{ended:?}"
    );
    end(&mut world);
}

#[test]
fn procedures_are_queued_in_order_and_one_too_many_is_refused() {
    let (mut world, conn, _, value) = pair(Profile::Full);
    world.run(300);
    clear(&mut world);
    let now = world.now();
    let host = &mut world.nodes[0].host;
    host.gattc_write(now, conn, value, b"first", 1).unwrap();
    host.gattc_read(now, conn, value).unwrap();
    host.gattc_write(now, conn, value, &[2; 100], 2).unwrap();
    host.gattc_read(now, conn, value).unwrap();
    host.discover_services(now, conn, None).unwrap();
    host.exchange_mtu(now, conn).unwrap();
    host.discover_characteristics(now, conn, 1, 0xffff, None)
        .unwrap();
    host.gattc_read(now, conn, value).unwrap();
    assert_eq!(host.gattc_read(now, conn, value), Err(Error::NoMemory));
    world.run(5_000);
    let order: Vec<_> = world.nodes[0]
        .events
        .iter()
        .filter_map(|event| match *event {
            Event::GattcReadResult { data, .. } => Some(("read", data.len())),
            Event::GattcWriteDone { status: 0, .. } => Some(("write", 0)),
            Event::GattcServiceDone { status: 0, .. } => Some(("services", 0)),
            Event::GattcCharacteristicDone { status: 0, .. } => Some(("characteristics", 0)),
            Event::MtuExchanged { mtu, .. } => Some(("mtu", mtu as usize)),
            _ => None,
        })
        .collect();
    assert_eq!(
        order,
        [
            ("write", 0),
            ("read", 5),
            ("write", 0),
            ("read", 100),
            ("services", 0),
            ("mtu", 256),
            ("characteristics", 0),
            ("read", 100),
        ]
    );
    end(&mut world);
}

#[test]
fn a_procedure_without_a_request_ends_in_its_turn() {
    let (mut world, conn, _, value) = pair(Profile::Full);
    world.run(300);
    for before in [false, true] {
        clear(&mut world);
        let now = world.now();
        let host = &mut world.nodes[0].host;
        if before {
            host.gattc_read(now, conn, value).unwrap();
        }
        host.discover_descriptors(now, conn, value, value).unwrap();
        host.discover_descriptors(now, conn, value, value).unwrap();
        // As ports do it: events first, then what is to be sent.
        assert_eq!(host.poll_event(now), None);
        world.run(1_000);
        assert_eq!(
            count(&world, 0, |e| matches!(e, Event::GattcReadDone { .. })),
            before as usize
        );
        assert_eq!(
            count(&world, 0, |e| matches!(
                e,
                Event::GattcDescriptorDone { status: 0, .. }
            )),
            2
        );
    }
    end(&mut world);
}

#[test]
fn a_disconnect_in_the_middle_ends_each_procedure_with_its_event() {
    for after in 0..40 {
        for who in 0..2 {
            let (mut world, central, peripheral, value) = pair(Profile::Full);
            world.run(300);
            clear(&mut world);
            let now = world.now();
            let host = &mut world.nodes[0].host;
            host.discover_services(now, central, None).unwrap();
            host.discover_characteristics(now, central, 1, 0xffff, None)
                .unwrap();
            host.discover_descriptors(now, central, value, value + 1)
                .unwrap();
            host.gattc_write(now, central, value, &[1; 300], 2).unwrap();
            host.gattc_read(now, central, value).unwrap();
            host.exchange_mtu(now, central).unwrap();
            world.nodes[1]
                .host
                .indicate(now, peripheral, value, None)
                .unwrap();
            world.run(after * 10);
            let conn = [central, peripheral][who];
            world
                .call(who, |host, now| host.disconnect(now, conn))
                .unwrap();
            expect(&mut world, 0, 2_000, is_disconnected);
            let one = |wanted: fn(&Event) -> bool| assert_eq!(count(&world, 0, wanted), 1);
            one(|e| {
                matches!(
                    e,
                    Event::GattcServiceDone {
                        status: 0 | DISCONNECTED,
                        ..
                    }
                )
            });
            one(|e| {
                matches!(
                    e,
                    Event::GattcCharacteristicDone {
                        status: 0 | DISCONNECTED,
                        ..
                    }
                )
            });
            one(|e| {
                matches!(
                    e,
                    Event::GattcDescriptorDone {
                        status: 0 | DISCONNECTED,
                        ..
                    }
                )
            });
            one(|e| {
                matches!(
                    e,
                    Event::GattcWriteDone {
                        status: 0 | DISCONNECTED,
                        ..
                    }
                )
            });
            one(|e| {
                matches!(
                    e,
                    Event::GattcReadDone {
                        status: 0 | DISCONNECTED,
                        ..
                    }
                )
            });
            expect(&mut world, 1, 2_000, is_disconnected);
            assert_eq!(count(&world, 1, is_indicated), 1);
            end(&mut world);
        }
    }
}

#[test]
fn links_run_their_procedures_side_by_side() {
    let mut world = hosts(5, Profile::Full);
    let mut conns = Vec::new();
    for other in 1..5 {
        serve(&mut world, other, 20, ALL);
        conns.push(world.connect(0, other).0);
    }
    world.run(500);
    clear(&mut world);
    // The first one answers nothing at all; the others are not held up.
    let now = world.now();
    for &conn in &conns {
        world.nodes[0]
            .host
            .discover_characteristics(now, conn, 1, 0xffff, None)
            .unwrap();
    }
    let before = world.now();
    let mut done = 0;
    while done < 4 {
        expect(&mut world, 0, 5_000, |e| {
            matches!(e, Event::GattcCharacteristicDone { status: 0, .. })
        });
        done += 1;
    }
    let together = ms(before, world.now());
    for &conn in &conns {
        let found = world.nodes[0].events.iter().filter(
            |event| matches!(event, Event::GattcCharacteristic { conn: c, .. } if *c == conn),
        );
        assert!(found.count() >= 20);
    }
    let (now, conn) = (world.now(), conns[0]);
    world.nodes[0]
        .host
        .discover_characteristics(now, conn, 1, 0xffff, None)
        .unwrap();
    let before = world.now();
    expect(&mut world, 0, 5_000, |e| {
        matches!(e, Event::GattcCharacteristicDone { .. })
    });
    let alone = ms(before, world.now());
    assert!(
        together < 2 * alone,
        "{together} ms together, {alone} ms alone"
    );
    end(&mut world);
}

#[test]
fn a_read_request_asks_the_script_which_may_do_anything_meanwhile() {
    let mut world = hosts(3, Profile::Full);
    let values = serve(&mut world, 1, 2, ALL | flag::READ_AUTHORIZED);
    let plain = values[1];
    let value = values[0];
    let (central, peripheral) = world.connect(0, 1);
    let (_, other) = world.connect(2, 1);
    world.run(300);
    clear(&mut world);
    let now = world.now();
    world.nodes[0].host.gattc_read(now, central, value).unwrap();
    world.nodes[0].host.gattc_read(now, central, plain).unwrap();
    // Until node 1 is asked.
    let until = world.air.now() + 1_000_000;
    let token = loop {
        world.operation(0).unwrap();
        let now = world.now();
        if let Some(event) = world.nodes[1].host.poll_event(now) {
            match event {
                Event::GattsReadRequest {
                    token,
                    conn,
                    handle,
                } => {
                    assert_eq!((conn, handle), (peripheral, value));
                    break token;
                }
                event => panic!("{event:?}"),
            }
        }
        assert!(world.air.now() < until);
        let next = world.air.next_time().unwrap();
        world.air.advance_to(next);
    };
    // Inside the handler: commands that wait for the controller, and others.
    let now = world.now();
    let host = &mut world.nodes[1].host;
    host.gatts_write(now, value, b"fresh", false).unwrap();
    host.notify(now, peripheral, value, Some(b"note")).unwrap();
    host.indicate(now, peripheral, value, Some(b"sign"))
        .unwrap();
    host.notify(now, other, value, Some(b"note")).unwrap();
    host.start_scan(now, 0, 20_000, 20_000, true).unwrap();
    let operation = |world: &mut World| {
        let until = world.air.now() + 2_000_000;
        loop {
            world.operation(0).unwrap();
            if let Some(result) = world.nodes[1].host.poll_operation() {
                return result;
            }
            assert!(world.air.now() < until);
            let next = world.air.next_time().unwrap();
            world.air.advance_to(next);
        }
    };
    operation(&mut world).unwrap();
    for _ in 0..200 {
        let next = world.air.now() + 1_000;
        world.air.advance_to(next);
        world.operation(0).unwrap();
    }
    let now = world.now();
    world.nodes[1].host.stop_scan(now).unwrap();
    operation(&mut world).unwrap();
    let now = world.now();
    world.nodes[1].host.disconnect(now, other).unwrap();
    // Nothing is told while the answer is awaited.
    assert_eq!(world.nodes[1].host.poll_event(now), None);
    world.nodes[1].host.answer_read(token, 0);
    // An answer to a query that is over does nothing.
    world.nodes[1].host.answer_read(token, 0x80);
    world.run(1_000);
    let results: Vec<_> = world.nodes[0]
        .events
        .iter()
        .filter_map(|event| match *event {
            Event::GattcReadResult { data, .. } => Some(data),
            _ => None,
        })
        .collect();
    assert_eq!(results, [&b"fresh"[..], b""]);
    assert_eq!(
        count(&world, 0, |e| matches!(
            e,
            Event::GattcNotify { data: b"note", .. }
        )),
        1
    );
    assert_eq!(
        count(&world, 0, |e| matches!(
            e,
            Event::GattcIndicate { data: b"sign", .. }
        )),
        1
    );
    assert_eq!(
        count(&world, 2, |e| matches!(
            e,
            Event::GattcNotify { data: b"note", .. }
        )),
        1
    );
    assert_eq!(count(&world, 1, |e| matches!(e, Event::ScanDone)), 1);
    assert_eq!(count(&world, 1, is_indicated), 1);
    assert_eq!(count(&world, 1, is_disconnected), 1);
    end(&mut world);
}

#[test]
fn a_read_that_the_script_refuses_gives_its_error() {
    let mut world = hosts(2, Profile::Full);
    let value = serve(&mut world, 1, 1, ALL)[0];
    let (conn, _) = world.connect(0, 1);
    world.nodes[1].read_answer = 0x81;
    assert_eq!(read(&mut world, 0, conn, value), Err(0x81));
    assert_eq!(
        count(&world, 1, |e| matches!(e, Event::GattsReadRequest { .. })),
        1
    );
    world.nodes[1].read_answer = 0;
    assert_eq!(read(&mut world, 0, conn, value), Ok(vec![]));
    end(&mut world);
}

#[test]
fn a_link_that_ends_while_the_script_is_asked_ends_the_question() {
    let mut world = hosts(2, Profile::Full);
    let value = serve(&mut world, 1, 1, ALL)[0];
    let (central, _) = world.connect(0, 1);
    world.run(300);
    clear(&mut world);
    let now = world.now();
    world.nodes[0].host.gattc_read(now, central, value).unwrap();
    let mut asked = None;
    for _ in 0..1_000 {
        world.operation(0).unwrap();
        let now = world.now();
        if let Some(Event::GattsReadRequest { token, .. }) = world.nodes[1].host.poll_event(now) {
            asked = Some(token);
            break;
        }
        let next = world.air.next_time().unwrap();
        world.air.advance_to(next);
    }
    world.air.lose_links(0, 0x08);
    world.operation(0).unwrap();
    world.nodes[1].host.answer_read(asked.unwrap(), 0);
    world.settle();
    for node in 0..2 {
        assert_eq!(count(&world, node, is_disconnected), 1);
        assert_eq!(world.nodes[node].host.in_use(), [0; 3]);
    }
    world.connect(0, 1);
    end(&mut world);
}

#[test]
fn our_own_services_are_there_and_changes_are_told() {
    let (mut world, conn, _, value) = pair(Profile::Full);
    world.nodes[1]
        .host
        .database()
        .set_name(b"thermometer")
        .unwrap();
    let name = 3;
    assert_eq!(read(&mut world, 0, conn, name), Ok(b"thermometer".to_vec()));
    assert_eq!(read(&mut world, 0, conn, name + 2).unwrap().len(), 2);
    let hash_handle = FIRST_SCRIPT_HANDLE - 1;
    let hash = read(&mut world, 0, conn, hash_handle).unwrap();
    assert_eq!(hash.len(), 16);
    assert_eq!(hash, world.nodes[1].host.database().hash());

    // Who asked for it is told of changed services; the script is not bothered.
    assert_eq!(
        write(&mut world, 0, conn, SERVICE_CHANGED_HANDLE + 1, &[2, 0], 1),
        0
    );
    clear(&mut world);
    let changed = serve(&mut world, 1, 3, flag::READ);
    let range = world.wait(0, 1_000, |event| match *event {
        Event::GattcIndicate {
            handle: SERVICE_CHANGED_HANDLE,
            data,
            ..
        } => Some(data),
        _ => None,
    });
    assert!(u16::from_le_bytes([range[0], range[1]]) <= changed[0]);
    world.run(500);
    assert!(
        world.nodes[1].events.is_empty(),
        "{:?}",
        world.nodes[1].events
    );
    assert_ne!(read(&mut world, 0, conn, hash_handle).unwrap(), hash);
    assert_eq!(read(&mut world, 0, conn, changed[2]), Ok(vec![]));
    let _ = value;
    end(&mut world);
}

#[test]
fn a_service_changed_that_is_not_confirmed_bothers_no_script() {
    let (mut world, conn, _, _) = pair(Profile::Full);
    assert_eq!(
        write(&mut world, 0, conn, SERVICE_CHANGED_HANDLE + 1, &[2, 0], 1),
        0
    );
    clear(&mut world);
    serve(&mut world, 1, 3, flag::READ);
    drive(&mut world, 1, 29_900, |_, event| panic!("{event:?}"));
    let mut told = Vec::new();
    drive(&mut world, 1, 1_000, |_, event| told.push(event));
    assert!(matches!(told[..], [Event::Disconnected { .. }]), "{told:?}");
    end(&mut world);
}

#[test]
fn the_mtu_is_exchanged_once_by_either_side() {
    for who in 0..2 {
        let (mut world, central, peripheral, value) = pair(Profile::Full);
        let conn = [central, peripheral][who];
        world.run(1_000);
        assert_eq!(
            count(&world, 0, |e| matches!(e, Event::MtuExchanged { .. })),
            0
        );
        exchange_mtu(&mut world, who, conn, 200);
        let now = world.now();
        assert_eq!(
            world.nodes[who].host.exchange_mtu(now, conn),
            Err(Error::Already)
        );
        // Notifications are cut to it.
        world.nodes[1]
            .host
            .notify(now, peripheral, value, Some(&[3; 400]))
            .unwrap();
        let event = expect(&mut world, 0, 1_000, |e| {
            matches!(e, Event::GattcNotify { .. })
        });
        assert!(matches!(event, Event::GattcNotify { data, .. } if data.len() == 197));
        end(&mut world);
    }
    let config = NodeConfig::new(Profile::Full);
    let mut world = world_of([config]);
    for mtu in [22, 518, 0, 65535] {
        assert_eq!(
            world.nodes[0].host.set_preferred_mtu(mtu),
            Err(Error::Invalid)
        );
    }
}

#[test]
fn a_value_with_append_collects_what_is_written_until_it_is_read() {
    let (mut world, conn, _, value) = pair(Profile::Full);
    world.nodes[1]
        .host
        .database()
        .set_buffer(value, 12, true)
        .unwrap();
    for (data, status) in [
        (&b"abcdef"[..], 0),
        (b"ghij", 0),
        (b"klm", 0x11),
        (b"kl", 0),
    ] {
        let full = write(&mut world, 0, conn, value, data, 1);
        assert_eq!(full, status, "{data:?}");
    }
    assert_eq!(
        world.nodes[1].host.database().read_out(value),
        Some(&b"abcdefghijkl"[..])
    );
    assert_eq!(
        world.nodes[1].host.database().read_out(value),
        Some(&b""[..])
    );
    assert_eq!(write(&mut world, 0, conn, value, b"again", 1), 0);
    assert_eq!(
        world.nodes[1].host.database().read_out(value),
        Some(&b"again"[..])
    );
    end(&mut world);
}

#[test]
fn a_stale_handle_is_not_connected() {
    let (mut world, conn, _, value) = pair(Profile::Full);
    world.air.lose_links(0, 0x08);
    world.settle();
    let now = world.now();
    let host = &mut world.nodes[0].host;
    for conn in [conn, 0, 0xffff, 0x0fff] {
        let gone = Err(Error::NotConnected);
        assert_eq!(host.gattc_read(now, conn, value), gone);
        assert_eq!(host.gattc_write(now, conn, value, b"", 0), gone);
        assert_eq!(host.notify(now, conn, value, None), gone);
        assert_eq!(host.indicate(now, conn, value, None), gone);
        assert_eq!(host.exchange_mtu(now, conn), gone);
        assert_eq!(host.discover_services(now, conn, None), gone);
        assert_eq!(host.update_connection(now, conn, 24, 24, 0, 400), gone);
        assert_eq!(host.disconnect(now, conn), gone);
        assert_eq!(host.pair(now, conn), gone);
    }
    end(&mut world);
}
