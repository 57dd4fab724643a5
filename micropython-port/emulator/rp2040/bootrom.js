// A bootrom whose functions run here instead of on the emulated CPU.
//
// Each function is two instructions in ROM: a breakpoint, which calls JavaScript with the
// CPU's registers, and a return. What they do is in the RP2040 datasheet, section 2.8.3.

const BKPT = 0xbe00;
const BX_LR = 0x4770;
const WFI = 0xbf30;
const BRANCH_BACK = 0xe7fd; // To the instruction before.

const FUNC_TABLE = 0x14;
const DATA_TABLE = 0x16;
const LOOKUP = 0x18;
const FIRST_THUNK = 0x100;
const FLOAT_TABLE = 0x1000;
const DOUBLE_TABLE = 0x1100;

const XIP_BASE = 0x10000000;

const code = (text) => text.charCodeAt(0) | (text.charCodeAt(1) << 8);

export class Bootrom {
  constructor(rp2040) {
    this.rp2040 = rp2040;
    this.handlers = new Map(); // Address of a thunk -> function.
    this.next = FIRST_THUNK;
    this.image = new DataView(new ArrayBuffer(16384));
    this.build();
    const words = new Uint32Array(this.image.buffer);
    rp2040.loadBootrom(words);
    rp2040.onBreak = () => this.call();
  }

  // Puts a function into ROM and returns the address to call.
  thunk(handler) {
    const at = this.next;
    this.image.setUint16(at, BKPT, true);
    this.image.setUint16(at + 2, BX_LR, true);
    this.handlers.set(at, handler);
    this.next += 4;
    return at | 1;
  }

  call() {
    const { core } = this.rp2040;
    const handler = this.handlers.get(core.PC - 2);
    if (!handler) {
      throw new Error(`breakpoint at 0x${(core.PC - 2).toString(16)}`);
    }
    handler(core.registers, core);
  }

  build() {
    const { image } = this;
    const crash = this.thunk((r, core) => {
      throw new Error(`fault, return address 0x${core.readUint32(core.SP + 24).toString(16)}`);
    });
    image.setUint32(0, 0x20042000, true);
    this.sleep = this.next | 1;
    image.setUint16(this.next, WFI, true);
    image.setUint16(this.next + 2, BRANCH_BACK, true);
    this.next += 4;
    for (let vector = 1; vector < 4; vector++) {
      image.setUint32(4 * vector, crash, true);
    }
    image.setUint8(0x10, 'M'.charCodeAt(0));
    image.setUint8(0x11, 'u'.charCodeAt(0));
    image.setUint8(0x12, 1);
    image.setUint8(0x13, 2); // Version, as on RP2040-B1.

    const functions = new Map();
    for (const [name, handler] of Object.entries(romFunctions(this.rp2040))) {
      functions.set(code(name), this.thunk(handler));
    }
    this.mathTable(FLOAT_TABLE, floatMath);
    this.mathTable(DOUBLE_TABLE, doubleMath);
    const data = new Map([
      [code('SF'), FLOAT_TABLE],
      [code('SD'), DOUBLE_TABLE],
    ]);
    image.setUint16(FUNC_TABLE, 1, true);
    image.setUint16(DATA_TABLE, 2, true);
    const lookup = this.thunk((r) => {
      r[0] = (r[0] === 1 ? functions : data).get(r[1]) ?? 0;
    });
    image.setUint16(LOOKUP, lookup, true);
  }

  mathTable(at, math) {
    const operations = mathOperations(math);
    this.image.setUint8(at - 2, operations.length);
    operations.forEach((operation, i) => {
      this.image.setUint32(at + 4 * i, this.thunk(operation), true);
    });
  }
}

function romFunctions(rp2040) {
  const copy = (r) => {
    const result = r[0];
    for (let i = 0; i < r[2]; i++) {
      rp2040.writeUint8(r[0] + i, rp2040.readUint8(r[1] + i));
    }
    r[0] = result;
  };
  const fill = (r) => {
    for (let i = 0; i < r[2]; i++) {
      rp2040.writeUint8(r[0] + i, r[1] & 0xff);
    }
  };
  const clz = (x) => Math.clz32(x);
  const reverse = (x) => {
    let result = 0;
    for (let i = 0; i < 32; i++) {
      result = (result << 1) | ((x >>> i) & 1);
    }
    return result >>> 0;
  };
  const popcount = (x) => {
    let n = 0;
    for (; x; x &= x - 1) n++;
    return n;
  };
  return {
    P3: (r) => (r[0] = popcount(r[0])),
    R3: (r) => (r[0] = reverse(r[0])),
    L3: (r) => (r[0] = clz(r[0])),
    T3: (r) => (r[0] = clz(reverse(r[0]))),
    MS: fill,
    S4: fill,
    MC: copy,
    C4: copy,
    IF: () => {},
    EX: () => {},
    FC: () => {},
    CX: () => {},
    RE: (r) => rp2040.flash.fill(0xff, r[0], r[0] + r[1]),
    RP: (r) => {
      for (let i = 0; i < r[2]; i++) {
        rp2040.flash[r[0] + i] &= rp2040.readUint8(r[1] + i);
      }
    },
    UB: () => {
      throw new Error('reset to the USB bootloader');
    },
  };
}

// Soft float. `load` and `store` move a number between registers and JavaScript; `size` is
// how many registers one takes.

const scratch = new DataView(new ArrayBuffer(8));

const floatMath = {
  size: 1,
  load(r, i) {
    scratch.setUint32(0, r[i]);
    return scratch.getFloat32(0);
  },
  store(r, value) {
    scratch.setFloat32(0, value);
    r[0] = scratch.getUint32(0);
  },
};

const doubleMath = {
  size: 2,
  load(r, i) {
    scratch.setUint32(4, r[i]);
    scratch.setUint32(0, r[i + 1]);
    return scratch.getFloat64(0);
  },
  store(r, value) {
    scratch.setFloat64(0, value);
    r[0] = scratch.getUint32(4);
    r[1] = scratch.getUint32(0);
  },
};

const clamp = (value, low, high) => (value < low ? low : value > high ? high : value);
const toInt32 = (value) => clamp(Math.floor(value) || 0, -0x80000000, 0x7fffffff);
const toUint32 = (value) => clamp(Math.floor(value) || 0, 0, 0xffffffff);
const big = (value) => (Number.isFinite(value) ? BigInt(Math.floor(value)) : value > 0 ? 1n << 70n : 0n);

function storeInt64(r, value, low, high) {
  const clamped = BigInt.asUintN(64, clamp(value, low, high));
  r[0] = Number(clamped & 0xffffffffn);
  r[1] = Number(clamped >> 32n);
}

const MIN_I64 = -(1n << 63n);
const MAX_I64 = (1n << 63n) - 1n;
const MAX_U64 = (1n << 64n) - 1n;

// In the order of the table in ROM.
function mathOperations(math) {
  const { size } = math;
  const a = (r) => math.load(r, 0);
  const b = (r) => math.load(r, size);
  const unary = (f) => (r) => math.store(r, f(a(r)));
  const binary = (f) => (r) => math.store(r, f(a(r), b(r)));
  const int64 = (r) => BigInt.asIntN(64, (BigInt(r[1]) << 32n) | BigInt(r[0]));
  const uint64 = (r) => (BigInt(r[1]) << 32n) | BigInt(r[0]);
  const signed = (x) => x | 0;
  const compare = (r) => {
    const x = a(r);
    const y = b(r);
    return x === y ? 0 : x > y ? 1 : -1;
  };
  return [
    binary((x, y) => x + y),
    binary((x, y) => x - y),
    binary((x, y) => x * y),
    binary((x, y) => x / y),
    (r) => (r[0] = compare(r)),
    (r, core) => {
      const result = compare(r);
      core.Z = result === 0;
      core.C = result >= 0;
      core.N = result < 0;
      core.V = false;
    },
    unary(Math.sqrt),
    (r) => (r[0] = toInt32(a(r))),
    (r) => (r[0] = toInt32(a(r) * 2 ** r[size])),
    (r) => (r[0] = toUint32(a(r))),
    (r) => (r[0] = toUint32(a(r) * 2 ** r[size])),
    (r) => math.store(r, signed(r[0])),
    (r) => math.store(r, signed(r[0]) / 2 ** r[1]),
    (r) => math.store(r, r[0]),
    (r) => math.store(r, r[0] / 2 ** r[1]),
    unary(Math.cos),
    unary(Math.sin),
    unary(Math.tan),
    (r) => math.store(r, Math.sin(a(r))),
    unary(Math.exp),
    unary(Math.log),
    (r) => (r[0] = compare(r)),
    binary(Math.atan2),
    (r) => math.store(r, Number(int64(r))),
    (r) => math.store(r, Number(int64(r)) / 2 ** r[2]),
    (r) => math.store(r, Number(uint64(r))),
    (r) => math.store(r, Number(uint64(r)) / 2 ** r[2]),
    (r) => storeInt64(r, big(a(r)), MIN_I64, MAX_I64),
    (r) => storeInt64(r, big(a(r) * 2 ** r[size]), MIN_I64, MAX_I64),
    (r) => storeInt64(r, big(a(r)), 0n, MAX_U64),
    (r) => storeInt64(r, big(a(r) * 2 ** r[size]), 0n, MAX_U64),
    // From this width to the other one.
    (r) => (size === 1 ? doubleMath : floatMath).store(r, a(r)),
  ];
}

export { XIP_BASE };
