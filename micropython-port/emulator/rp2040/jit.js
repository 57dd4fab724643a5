// Makes the emulated Cortex-M0+ fast: code that runs often is translated, one stretch between
// jumps at a time, to JavaScript. What is not translated (system instructions, code that is
// rarely run or may change) is left to rp2040js, instruction by instruction.

const FLASH = 0x10000000;
const RAM = 0x20000000;
const RAM_SIZE = 264 * 1024;
const FLASH_CODE = 2 * 1024 * 1024;

const HOT = 24; // Runs before a stretch is translated.
const LONGEST = 64; // Instructions in a stretch.
const SPIN = 400; // Cycles that a loop may run before interrupts are looked at.

const N = 1;
const Z = 2;
const C = 4;
const V = 8;

export class Jit {
  // For one core. code: [{ start, end }] of what may be translated: addresses in flash or RAM.
  constructor(rp2040, core, code) {
    this.rp2040 = rp2040;
    this.core = core;
    this.code = code;
    this.flush();
    const { sram, flash } = rp2040;
    const flash32 = new Uint32Array(flash.buffer);
    const inFlash = (a) => a >>> 24 === 0x10;
    this.context = {
      core: this.core,
      r: this.core.registers,
      m8: sram,
      m16: new Uint16Array(sram.buffer),
      m32: new Uint32Array(sram.buffer),
      rd8: (a) => (inFlash(a) ? flash[a & 0xffffff] : rp2040.readUint8(a)),
      rd16: (a) => (inFlash(a) ? rp2040.flash16[(a & 0xffffff) >>> 1] : rp2040.readUint16(a)),
      rd32: (a) => (inFlash(a) ? flash32[(a & 0xffffff) >>> 2] : rp2040.readUint32(a)),
      wr8: (a, v) => rp2040.writeUint8(a, v & 0xff),
      wr16: (a, v) => rp2040.writeUint16(a, v & 0xffff),
      wr32: (a, v) => rp2040.writeUint32(a, v >>> 0),
    };
  }

  // Forget all translations.
  flush() {
    this.flashBlocks = new Array(FLASH_CODE >> 1).fill(0);
    this.ramBlocks = new Array(RAM_SIZE >> 1).fill(0);
  }

  // Runs up to the next jump or a little further; returns cycles.
  step() {
    const { core } = this;
    if (core.interruptsUpdated && core.checkForInterrupts()) {
      core.waiting = false;
    }
    const pc = (core.PC & ~1) >>> 0; // The vectors have the Thumb bit.
    let blocks = this.flashBlocks;
    let i = (pc - FLASH) >>> 1;
    if (i >= FLASH_CODE >> 1) {
      blocks = this.ramBlocks;
      i = (pc - RAM) >>> 1;
      if (i >= RAM_SIZE >> 1) return this.interpret();
    }
    const block = blocks[i];
    if (typeof block === 'function') return block();
    if (block >= HOT) {
      if (block === HOT) blocks[i] = this.translate(pc) ?? HOT + 1;
      const translated = blocks[i];
      return typeof translated === 'function' ? translated() : this.interpret();
    }
    blocks[i] = block + 1;
    return this.interpret();
  }

  interpret() {
    const { core } = this;
    let cycles = 0;
    for (let n = 0; n < LONGEST; n++) {
      const pc = core.PC;
      cycles += core.executeInstruction();
      const moved = core.PC - pc;
      if (core.waiting || (moved !== 2 && moved !== 4)) break;
    }
    return cycles;
  }

  translate(start) {
    const range = this.code.find(({ start: from, end }) => start >= from && start < end);
    if (!range) return null;
    const list = [];
    let next = start;
    while (list.length < LONGEST && next < range.end) {
      const instruction = decode(this.rp2040, next);
      if (!instruction) break;
      list.push(instruction);
      next += instruction.size;
      if (instruction.ends) break;
    }
    if (list.length === 0) return null;
    return generate(start, next, list, this.context);
  }
}

// Writes the function for a list of decoded instructions.
function generate(start, next, list, context) {
  const last = list[list.length - 1];
  // Flags that nobody reads before they are set again need not be computed.
  let live = N | Z | C | V;
  for (let i = list.length - 1; i >= 0; i--) {
    list[i].live = live & list[i].sets;
    live = (live & ~list[i].sets) | list[i].uses;
  }
  const taken = list.reduce((sum, { cycles }) => sum + cycles, 0);
  const loops = last.target === start && last.condition;
  const body = list.map((instruction) => instruction.emit(instruction.live)).join('\n');
  const leave = 'core.N=fN;core.Z=fZ;core.C=fC;core.V=fV;';
  let end;
  if (loops) {
    end = `cycles+=${taken};if(${last.condition}){if(cycles<${SPIN}&&!core.interruptsUpdated)continue;
      ${leave}core.PC=${start};return cycles}${leave}core.PC=${next};return cycles`;
  } else if (last.condition) {
    end = `${leave}core.PC=(${last.condition})?${last.target}:${next};return ${taken}`;
  } else if (last.ends) {
    end = `${leave}${last.jump}return ${taken}`;
  } else {
    end = `${leave}core.PC=${next};return ${taken}`;
  }
  const names = Object.keys(context);
  const source = `return function(){let fN=core.N,fZ=core.Z,fC=core.C,fV=core.V,cycles=0,a=0,b=0,s=0,t=0,o=0;
    for(;;){${body}\n${end}}}`;
  return new Function(...names, source)(...names.map((name) => context[name]));
}

// Pieces of code. `live` tells which flags are wanted.

const nz = (live, x) => (live & N ? `fN=(${x}|0)<0;` : '') + (live & Z ? `fZ=${x}===0;` : '');

// Result in `t`, as an unsigned number.
const add = (live, x, y, carry = '0') =>
  `a=${x};b=${y};s=a+b+${carry};t=s>>>0;${nz(live, 't')}` +
  (live & C ? 'fC=s>4294967295;' : '') +
  (live & V ? 'fV=((~(a^b)&(a^t))>>>31)!==0;' : '');

const sub = (live, x, y) =>
  `a=${x};b=${y};t=(a-b)>>>0;${nz(live, 't')}` +
  (live & C ? 'fC=a>=b;' : '') +
  (live & V ? 'fV=(((a^b)&(a^t))>>>31)!==0;' : '');

const load = (to, address, bits, signed) => {
  const unit = { 8: 'm8[o]', 16: 'm16[o>>>1]', 32: 'm32[o>>>2]' }[bits];
  const value = `(o=(${address}-${RAM})>>>0)<${RAM_SIZE}?${unit}:rd${bits}((o+${RAM})>>>0)`;
  const shift = 32 - bits;
  return signed ? `r[${to}]=(${value})<<${shift}>>${shift};` : `r[${to}]=${value};`;
};

const store = (address, value, bits) => {
  const unit = { 8: 'm8[o]', 16: 'm16[o>>>1]', 32: 'm32[o>>>2]' }[bits];
  return `if((o=(${address}-${RAM})>>>0)<${RAM_SIZE})${unit}=${value};else wr${bits}((o+${RAM})>>>0,${value});`;
};

const CONDITIONS = [
  'fZ', '!fZ', 'fC', '!fC', 'fN', '!fN', 'fV', '!fV',
  'fC&&!fZ', '!fC||fZ', 'fN===fV', 'fN!==fV', '!fZ&&fN===fV', 'fZ||fN!==fV',
];

const plain = (emit, cycles = 1) => ({ size: 2, cycles, sets: 0, uses: 0, emit });
const flags = (sets, emit, uses = 0) => ({ size: 2, cycles: 1, sets, uses, emit });
const all = N | Z | C | V;

// Shifts by a register: the amount in `b`, the value in `a`.
const shiftCarry = {
  lsl: 'if(b)fC=b>32?false:b===32?(a&1)===1:((a>>>(32-b))&1)===1;',
  lsr: 'if(b)fC=b>32?false:((a>>>(b-1))&1)===1;',
  asr: 'if(b)fC=b>31?a>>>31===1:((a>>>(b-1))&1)===1;',
  ror: 'if(b)fC=t>>>31===1;',
};
const shiftResult = {
  lsl: 't=b<32?(a<<b)>>>0:0;',
  lsr: 't=b<32?a>>>b:0;',
  asr: 't=((a|0)>>(b<32?b:31))>>>0;',
  ror: 't=b&31?((a>>>(b&31))|(a<<(32-(b&31))))>>>0:a;',
};
const shift = (kind, d, m) =>
  flags(
    N | Z | C,
    (live) =>
      `a=r[${d}];b=r[${m}]&255;${shiftResult[kind]}r[${d}]=t;${nz(live, 't')}${live & C ? shiftCarry[kind] : ''}`,
    C, // An amount of zero leaves it.
  );

const logic = (d, expression) =>
  flags(N | Z, (live) => `t=(${expression})>>>0;r[${d}]=t;${nz(live, 't')}`);

// Reads one instruction; undefined for those that are left to the interpreter.
function decode(rp2040, pc) {
  const op = rp2040.readUint16(pc);
  const d = op & 7;
  const m = (op >> 3) & 7;
  const x = (op >> 6) & 7;
  const imm5 = (op >> 6) & 31;
  const imm8 = op & 255;
  const d8 = (op >> 8) & 7;
  switch (op >> 11) {
    case 0b00000:
      if (imm5 === 0) return logic(d, `r[${m}]`);
      return flags(N | Z | C, (live) =>
        `a=r[${m}];t=(a<<${imm5})>>>0;r[${d}]=t;${nz(live, 't')}${live & C ? `fC=((a>>>${32 - imm5})&1)===1;` : ''}`);
    case 0b00001: {
      const n = imm5 || 32;
      return flags(N | Z | C, (live) =>
        `a=r[${m}];t=${n < 32 ? `a>>>${n}` : '0'};r[${d}]=t;${nz(live, 't')}${live & C ? `fC=((a>>>${n - 1})&1)===1;` : ''}`);
    }
    case 0b00010: {
      const n = imm5 || 32;
      return flags(N | Z | C, (live) =>
        `a=r[${m}];t=((a|0)>>${Math.min(n, 31)})>>>0;r[${d}]=t;${nz(live, 't')}${live & C ? `fC=((a>>>${n - 1})&1)===1;` : ''}`);
    }
    case 0b00011: {
      const operand = op & 0x400 ? `${x}` : `r[${x}]`;
      const f = op & 0x200 ? sub : add;
      return flags(all, (live) => `${f(live, `r[${m}]`, operand)}r[${d}]=t;`);
    }
    case 0b00100:
      return flags(N | Z, (live) => `r[${d8}]=${imm8};${live & N ? 'fN=false;' : ''}${live & Z ? `fZ=${imm8 === 0};` : ''}`);
    case 0b00101:
      return flags(all, (live) => sub(live, `r[${d8}]`, `${imm8}`));
    case 0b00110:
      return flags(all, (live) => `${add(live, `r[${d8}]`, `${imm8}`)}r[${d8}]=t;`);
    case 0b00111:
      return flags(all, (live) => `${sub(live, `r[${d8}]`, `${imm8}`)}r[${d8}]=t;`);
    case 0b01000:
      return op & 0x400 ? highRegisters(op, pc) : dataProcessing(op, d, m);
    case 0b01001: {
      const address = ((pc + 4) & ~3) + imm8 * 4;
      return plain(() => load(d8, `${address >>> 0}`, 32), 2);
    }
    case 0b01010:
    case 0b01011: {
      const address = `r[${m}]+r[${x}]`;
      return plain(() => [
        () => store(address, `r[${d}]`, 32),
        () => store(address, `r[${d}]`, 16),
        () => store(address, `r[${d}]`, 8),
        () => load(d, address, 8, true),
        () => load(d, address, 32),
        () => load(d, address, 16),
        () => load(d, address, 8),
        () => load(d, address, 16, true),
      ][(op >> 9) & 7](), 2);
    }
    case 0b01100:
      return plain(() => store(`r[${m}]+${imm5 * 4}`, `r[${d}]`, 32), 2);
    case 0b01101:
      return plain(() => load(d, `r[${m}]+${imm5 * 4}`, 32), 2);
    case 0b01110:
      return plain(() => store(`r[${m}]+${imm5}`, `r[${d}]`, 8), 2);
    case 0b01111:
      return plain(() => load(d, `r[${m}]+${imm5}`, 8), 2);
    case 0b10000:
      return plain(() => store(`r[${m}]+${imm5 * 2}`, `r[${d}]`, 16), 2);
    case 0b10001:
      return plain(() => load(d, `r[${m}]+${imm5 * 2}`, 16), 2);
    case 0b10010:
      return plain(() => store(`r[13]+${imm8 * 4}`, `r[${d8}]`, 32), 2);
    case 0b10011:
      return plain(() => load(d8, `r[13]+${imm8 * 4}`, 32), 2);
    case 0b10100:
      return plain(() => `r[${d8}]=${((pc & ~3) + 4 + imm8 * 4) >>> 0};`);
    case 0b10101:
      return plain(() => `r[${d8}]=r[13]+${imm8 * 4};`);
    case 0b10110:
    case 0b10111:
      return miscellaneous(op, d, m);
    case 0b11000:
    case 0b11001:
      return multiple(op, d8);
    case 0b11010:
    case 0b11011: {
      const condition = CONDITIONS[(op >> 8) & 15];
      if (!condition) return undefined;
      const target = (pc + 4 + ((imm8 << 24) >> 23)) >>> 0;
      return { ...plain(() => '', 2), uses: all, ends: true, condition, target };
    }
    case 0b11100: {
      const target = (pc + 4 + (((op & 0x7ff) << 21) >> 20)) >>> 0;
      return { ...plain(() => '', 2), ends: true, jump: `core.PC=${target};` };
    }
    case 0b11110:
      return longBranch(op, rp2040.readUint16(pc + 2), pc);
    default:
      return undefined;
  }
}

function dataProcessing(op, d, m) {
  const rd = `r[${d}]`;
  const rm = `r[${m}]`;
  switch ((op >> 6) & 15) {
    case 0: return logic(d, `${rd}&${rm}`);
    case 1: return logic(d, `${rd}^${rm}`);
    case 2: return shift('lsl', d, m);
    case 3: return shift('lsr', d, m);
    case 4: return shift('asr', d, m);
    case 5: return flags(all, (live) => `${add(live, rd, rm, '(fC?1:0)')}${rd}=t;`, C);
    case 6:
      // a + ~b + C; overflow is told by the operands of the subtraction.
      return flags(all, (live) =>
        `a=${rd};b=${rm};s=a+(~b>>>0)+(fC?1:0);t=s>>>0;${rd}=t;${nz(live, 't')}` +
        (live & C ? 'fC=s>4294967295;' : '') +
        (live & V ? 'fV=(((a^b)&(a^t))>>>31)!==0;' : ''), C);
    case 7: return shift('ror', d, m);
    case 8: return flags(N | Z, (live) => `t=(${rd}&${rm})>>>0;${nz(live, 't')}`);
    case 9: return flags(all, (live) => `${sub(live, '0', rm)}${rd}=t;`);
    case 10: return flags(all, (live) => sub(live, rd, rm));
    case 11: return flags(all, (live) => add(live, rd, rm));
    case 12: return logic(d, `${rd}|${rm}`);
    case 13: return logic(d, `Math.imul(${rd},${rm})`);
    case 14: return logic(d, `${rd}&~${rm}`);
    default: return logic(d, `~${rm}`);
  }
}

function highRegisters(op, pc) {
  const m = (op >> 3) & 15;
  const d = ((op >> 4) & 8) | (op & 7);
  const value = (n) => (n === 15 ? `${pc + 4}` : `r[${n}]`);
  const kind = (op >> 8) & 3;
  if (kind === 3) {
    const jump = op & 0x80
      ? `t=${value(m)};r[14]=${(pc + 2) | 1};core.PC=(t&~1)>>>0;`
      : `core.BXWritePC(${value(m)});`;
    return { ...plain(() => '', 2), ends: true, jump };
  }
  if (kind === 1) return flags(all, (live) => sub(live, value(d), value(m)));
  const result = kind === 0 ? `${value(d)}+${value(m)}` : value(m);
  if (d === 15) return { ...plain(() => '', 2), ends: true, jump: `core.PC=((${result})&~1)>>>0;` };
  return plain(() => (d === 13 ? `r[13]=(${result})&~3;` : `r[${d}]=${result};`));
}

function miscellaneous(op, d, m) {
  const rm = `r[${m}]`;
  if (op >> 8 === 0b10110000) {
    const n = (op & 127) * 4;
    return plain(() => `r[13]=r[13]${op & 128 ? '-' : '+'}${n};`);
  }
  if (op >> 8 === 0b10110010) {
    const result = [`${rm}<<16>>16`, `${rm}<<24>>24`, `${rm}&65535`, `${rm}&255`][(op >> 6) & 3];
    return plain(() => `r[${d}]=${result};`);
  }
  if (op >> 8 === 0b10111010) {
    const swap = `a=${rm};t=((a&0xff00ff)<<8)|((a>>>8)&0xff00ff);`;
    const result = [`(t<<16)|(t>>>16)`, 't', undefined, 't<<16>>16'][(op >> 6) & 3];
    return result && plain(() => `${swap}r[${d}]=${result};`);
  }
  const list = [0, 1, 2, 3, 4, 5, 6, 7].filter((i) => op & (1 << i));
  if (op >> 9 === 0b1011010) {
    if (op & 256) list.push(14);
    return plain(() =>
      `s=(r[13]-${list.length * 4})>>>0;` +
      list.map((n, i) => store(`s+${i * 4}`, `r[${n}]`, 32)).join('') + 'r[13]=s;', 1 + list.length);
  }
  if (op >> 9 === 0b1011110) {
    const pops = list.map((n, i) => load(n, `s+${i * 4}`, 32)).join('');
    const size = list.length * 4;
    if (!(op & 256)) return plain(() => `s=r[13];${pops}r[13]=s+${size};`, 1 + list.length);
    const top = `(o=(s+${size}-${RAM})>>>0)<${RAM_SIZE}?m32[o>>>2]:rd32((o+${RAM})>>>0)`;
    return {
      ...plain(() => `s=r[13];${pops}t=${top};r[13]=s+${size + 4};`, 3 + list.length),
      ends: true,
      jump: 'core.BXWritePC(t);',
    };
  }
  if (op === 0xbf00) return plain(() => '');
  return undefined;
}

function multiple(op, n) {
  const list = [0, 1, 2, 3, 4, 5, 6, 7].filter((i) => op & (1 << i));
  const loads = op & 0x800;
  const steps = list.map((i, at) =>
    loads ? load(i, `s+${at * 4}`, 32) : store(`s+${at * 4}`, `r[${i}]`, 32)).join('');
  const back = loads && list.includes(n) ? '' : `r[${n}]=s+${list.length * 4};`;
  return plain(() => `s=r[${n}];${steps}${back}`, 1 + list.length);
}

function longBranch(op, low, pc) {
  if ((low & 0xd000) !== 0xd000) return undefined; // Only BL.
  const s = (op >> 10) & 1;
  const i1 = 1 - (((low >> 13) & 1) ^ s);
  const i2 = 1 - (((low >> 11) & 1) ^ s);
  const offset = (-s << 24) | (i1 << 23) | (i2 << 22) | ((op & 0x3ff) << 12) | ((low & 0x7ff) << 1);
  return {
    ...plain(() => '', 3),
    size: 4,
    ends: true,
    jump: `r[14]=${((pc + 4) | 1) >>> 0};core.PC=${(pc + 4 + offset) >>> 0};`,
  };
}
