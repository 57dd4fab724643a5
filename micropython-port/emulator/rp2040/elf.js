// Just enough of ELF: what to load, and where a function is.

import { readFileSync } from 'node:fs';

const PT_LOAD = 1;
const SHT_SYMTAB = 2;

export class Elf {
  constructor(path) {
    const bytes = readFileSync(path);
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    if (this.view.getUint32(0) !== 0x7f454c46 || bytes[4] !== 1) {
      throw new Error(`${path} is not a 32 bit ELF file`);
    }
  }

  // [{ address, at, data }]: the parts to load, their load addresses, and where they run.
  segments() {
    const { view } = this;
    const start = view.getUint32(28, true);
    const size = view.getUint16(42, true);
    const parts = [];
    for (let i = 0; i < view.getUint16(44, true); i++) {
      const at = start + i * size;
      const length = view.getUint32(at + 16, true);
      if (view.getUint32(at, true) === PT_LOAD && length > 0) {
        const offset = view.getUint32(at + 4, true);
        const address = view.getUint32(at + 12, true);
        const runs = view.getUint32(at + 8, true);
        parts.push({ address, at: runs, data: this.bytes.subarray(offset, offset + length) });
      }
    }
    return parts;
  }

  // Map of names to addresses.
  symbols() {
    const { view } = this;
    const start = view.getUint32(32, true);
    const size = view.getUint16(46, true);
    const section = (i) => {
      const at = start + i * size;
      const word = (n) => view.getUint32(at + 4 * n, true);
      return { type: word(1), offset: word(4), length: word(5), link: word(6) };
    };
    const found = new Map();
    for (let i = 0; i < view.getUint16(48, true); i++) {
      const table = section(i);
      if (table.type !== SHT_SYMTAB) continue;
      const strings = section(table.link).offset;
      for (let at = table.offset; at < table.offset + table.length; at += 16) {
        const from = strings + view.getUint32(at, true);
        const name = this.bytes.toString('latin1', from, this.bytes.indexOf(0, from));
        if (name) found.set(name, view.getUint32(at + 4, true));
      }
    }
    return found;
  }
}
