use super::*;

struct Xorshift(u32);

impl Xorshift {
    fn next(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0
    }

    fn below(&mut self, n: u32) -> u32 {
        self.next() % n
    }
}

const OPCODES: [u8; 16] = [
    opcode::EXCHANGE_MTU_REQ,
    opcode::FIND_INFORMATION_REQ,
    opcode::FIND_BY_TYPE_VALUE_REQ,
    opcode::READ_BY_TYPE_REQ,
    opcode::READ_REQ,
    opcode::READ_BLOB_REQ,
    opcode::READ_MULTIPLE_REQ,
    opcode::READ_MULTIPLE_VARIABLE_REQ,
    opcode::READ_BY_GROUP_TYPE_REQ,
    opcode::WRITE_REQ,
    opcode::WRITE_CMD,
    opcode::SIGNED_WRITE_CMD,
    opcode::PREPARE_WRITE_REQ,
    opcode::PREPARE_WRITE_REQ,
    opcode::EXECUTE_WRITE_REQ,
    opcode::HANDLE_VALUE_CFM,
];

/// Bytes that are often a handle, a range or a type that exists.
fn random_pdu(random: &mut Xorshift, mtu: u32) -> Vec<u8> {
    let op = match random.below(20) {
        0 => random.next() as u8,
        _ => OPCODES[random.below(16) as usize],
    };
    let mut pdu = vec![op];
    for _ in 0..random.below(6) {
        let word = match random.below(5) {
            0 => random.next() as u16,
            1 => 0xffff,
            2 => [0x2800, 0x2803, 0x2902, 0x2a19, 0x2b2a][random.below(5) as usize],
            _ => random.below(45) as u16,
        };
        pdu.extend(word.to_le_bytes());
    }
    let most = if random.below(10) == 0 { mtu + 5 } else { 4 };
    for _ in 0..random.below(most) {
        pdu.push(random.next() as u8);
    }
    if random.below(8) == 0 {
        pdu.extend([0x77; 16]);
    }
    pdu
}

#[test]
fn cve_2024_24746_random_pdus_neither_panic_nor_leak_nor_go_on_forever() {
    for seed in 1..=if cfg!(miri) { 1 } else { 60u32 } {
        let mut random = Xorshift(seed.wrapping_mul(0x9e37_79b9));
        let mut bench = Bench::with_service();
        bench.mtu = [23, 24, 64, 517][random.below(4) as usize];
        for _ in 0..8 {
            let uuid = if random.below(2) == 0 {
                LONG
            } else {
                Uuid::short(0x2a19)
            };
            let handle = bench.characteristic(uuid, random.next() as u16 | READ | WRITE);
            bench
                .db
                .set_buffer(handle, random.below(600) as usize, random.below(3) == 0)
                .unwrap();
            if random.below(3) == 0 {
                bench.descriptor(LONG, random.next() as u16);
            }
        }
        for _ in 0..3000 {
            match random.below(100) {
                0 => {
                    bench.db.begin(true);
                    bench.db.end();
                }
                1 if bench.db.last_handle() < 200 => {
                    bench.db.begin(true);
                    bench
                        .db
                        .add_characteristic(&LONG, random.next() as u16)
                        .unwrap();
                    bench.db.end();
                }
                2 => {
                    bench.credentials.security = if random.below(2) == 0 {
                        STRONG
                    } else {
                        Security::default()
                    };
                }
                3 => bench.refuse = Some((random.below(45) as u16, 0x80)),
                _ => {}
            }
            let pdu = random_pdu(&mut random, bench.mtu.into());
            let answer = bench.send(&pdu);
            assert!(answer.len() <= bench.mtu.into());
            let op = pdu[0];
            let silent = op & opcode::COMMAND_FLAG != 0
                || is_for_client(op)
                || op == opcode::HANDLE_VALUE_CFM;
            assert_eq!(answer.is_empty(), silent, "{pdu:02x?}");
            if let [opcode::ERROR_RSP, ..] = answer[..] {
                assert_eq!((answer.len(), answer[1]), (5, op));
            }
            if bench.outcome == Outcome::Events {
                bench.written();
            }
            assert!(bench.pool.blocks() <= 1);
        }
        bench.link.close(&mut bench.pool);
        assert_eq!(bench.pool.blocks(), 0);
    }
}
