//! A server good enough to test a client: a list of attributes, no security.

use crate::uuid::Uuid;
use crate::wire::att::error;
use crate::wire::att::opcode::*;
use std::vec;
use std::vec::Vec;

pub struct Attribute {
    pub handle: u16,
    pub kind: Uuid,
    pub value: Vec<u8>,
}

#[derive(Default)]
pub struct Peer {
    pub attributes: Vec<Attribute>,
    prepared: Vec<(u16, usize, Vec<u8>)>,
    next: u16,
}

impl Peer {
    /// Adds an attribute and gives its handle.
    pub fn add(&mut self, kind: Uuid, value: &[u8]) -> u16 {
        self.next += 1;
        self.attributes.push(Attribute {
            handle: self.next,
            kind,
            value: value.to_vec(),
        });
        self.next
    }

    pub fn service(&mut self, uuid: Uuid) -> u16 {
        self.add(Uuid::short(0x2800), uuid.as_bytes())
    }

    /// Adds a characteristic and gives its value handle.
    pub fn characteristic(&mut self, uuid: Uuid, properties: u8, value: &[u8]) -> u16 {
        let handle = self.next + 2;
        let mut declaration = vec![properties, handle as u8, (handle >> 8) as u8];
        declaration.extend(uuid.as_bytes());
        self.add(Uuid::short(0x2803), &declaration);
        self.add(uuid, value)
    }

    pub fn skip(&mut self, handles: u16) {
        self.next += handles;
    }

    pub fn value(&mut self, handle: u16) -> &mut Vec<u8> {
        &mut self
            .attributes
            .iter_mut()
            .find(|a| a.handle == handle)
            .unwrap()
            .value
    }

    pub fn prepared(&self) -> usize {
        self.prepared.len()
    }

    pub fn answer(&mut self, mtu: u16, pdu: &[u8]) -> Vec<u8> {
        assert!(pdu.len() <= mtu as usize);
        match self.try_answer(mtu as usize, pdu) {
            Ok(answer) => answer,
            Err(code) => vec![ERROR_RSP, pdu[0], pdu[1], *pdu.get(2).unwrap_or(&0), code],
        }
    }

    fn group_end(&self, service: u16) -> u16 {
        let next = self
            .attributes
            .iter()
            .find(|a| a.handle > service && a.kind == Uuid::short(0x2800));
        next.map_or(0xffff, |a| a.handle - 1)
    }

    fn find(&self, pdu: &[u8]) -> Result<&Attribute, u8> {
        let handle = word(pdu, 1);
        self.attributes
            .iter()
            .find(|a| a.handle == handle)
            .ok_or(error::INVALID_HANDLE)
    }

    fn try_answer(&mut self, mtu: usize, pdu: &[u8]) -> Result<Vec<u8>, u8> {
        match pdu[0] {
            EXCHANGE_MTU_REQ => Ok(vec![EXCHANGE_MTU_RSP, 185, 0]),
            READ_BY_GROUP_TYPE_REQ
            | READ_BY_TYPE_REQ
            | FIND_INFORMATION_REQ
            | FIND_BY_TYPE_VALUE_REQ => self.list(mtu, pdu),
            READ_REQ => Ok(cut(READ_RSP, &self.find(pdu)?.value, mtu)),
            READ_BLOB_REQ => {
                let rest = self.find(pdu)?.value.get(word(pdu, 3) as usize..);
                Ok(cut(READ_BLOB_RSP, rest.ok_or(error::INVALID_OFFSET)?, mtu))
            }
            WRITE_REQ => {
                self.find(pdu)?;
                *self.value(word(pdu, 1)) = pdu[3..].to_vec();
                Ok(vec![WRITE_RSP])
            }
            PREPARE_WRITE_REQ => {
                self.find(pdu)?;
                self.prepared
                    .push((word(pdu, 1), word(pdu, 3) as usize, pdu[5..].to_vec()));
                let mut echo = pdu.to_vec();
                echo[0] = PREPARE_WRITE_RSP;
                Ok(echo)
            }
            EXECUTE_WRITE_REQ => {
                for (handle, offset, part) in std::mem::take(&mut self.prepared) {
                    if pdu[1] == 1 {
                        let value = self.value(handle);
                        value.truncate(offset);
                        value.extend(part);
                    }
                }
                Ok(vec![EXECUTE_WRITE_RSP])
            }
            _ => Err(error::REQUEST_NOT_SUPPORTED),
        }
    }

    fn list(&self, mtu: usize, pdu: &[u8]) -> Result<Vec<u8>, u8> {
        let (start, end) = (word(pdu, 1), word(pdu, 3));
        assert!(start > 0 && start <= end);
        let mut answer = match pdu[0] {
            FIND_BY_TYPE_VALUE_REQ => vec![FIND_BY_TYPE_VALUE_RSP],
            opcode => vec![opcode + 1, 0],
        };
        for a in self
            .attributes
            .iter()
            .filter(|a| a.handle >= start && a.handle <= end)
        {
            let mut entry = a.handle.to_le_bytes().to_vec();
            let mut format = 0;
            match pdu[0] {
                FIND_INFORMATION_REQ => {
                    format = if a.kind.as_short().is_some() { 1 } else { 2 };
                    entry.extend(a.kind.as_bytes());
                }
                _ if a.kind != Uuid::short(word(pdu, 5)) => continue,
                FIND_BY_TYPE_VALUE_REQ if a.value != pdu[7..] => continue,
                READ_BY_TYPE_REQ => entry.extend(&a.value),
                opcode => {
                    entry.extend(self.group_end(a.handle).to_le_bytes());
                    if opcode == READ_BY_GROUP_TYPE_REQ {
                        entry.extend(&a.value);
                    }
                }
            }
            if pdu[0] != FIND_BY_TYPE_VALUE_REQ {
                let format = if format == 0 {
                    entry.len() as u8
                } else {
                    format
                };
                if answer[1] != 0 && answer[1] != format {
                    break;
                }
                answer[1] = format;
            }
            if answer.len() + entry.len() > mtu {
                break;
            }
            answer.extend(entry);
        }
        if answer.len() > 2 {
            Ok(answer)
        } else {
            Err(error::ATTRIBUTE_NOT_FOUND)
        }
    }
}

fn word(pdu: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([pdu[at], pdu[at + 1]])
}

fn cut(opcode: u8, value: &[u8], mtu: usize) -> Vec<u8> {
    let mut pdu = vec![opcode];
    pdu.extend(&value[..value.len().min(mtu - 1)]);
    pdu
}
