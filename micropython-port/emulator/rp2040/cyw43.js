// The Bluetooth half of a Pico W's CYW43, by replacing the driver's functions that touch
// the bus to it. The rest of the driver, its interrupt and its polling run for real.

const HOST_WAKE_GPIO = 24;
// An input; rp2040js leaves that off, and the replaced part of the driver would turn it on.
const PAD_AFTER_RESET = 0x56;

const HEADERS = { 2: 4, 3: 3, 4: 2, 5: 4 }; // Packet type -> bytes before the payload.

export class Cyw43 {
  constructor(machine, symbols) {
    this.machine = machine;
    this.input = Buffer.alloc(0);
    this.packets = [];
    this.wakes = false;
    this.onData = () => {};
    const { rp2040 } = machine;
    rp2040.gpio[HOST_WAKE_GPIO].padValue = PAD_AFTER_RESET;
    const functions = {
      cyw43_ll_bus_init: () => 0,
      cyw43_ll_bus_sleep: () => {},
      cyw43_ll_has_work: () => 0,
      // Acknowledges the chip's interrupt, as reading its status does.
      cyw43_ll_bt_has_work: () => {
        const had = this.wakes;
        this.signal(false);
        return had ? 1 : 0;
      },
      cyw43_ll_wifi_get_mac: (r) => {
        [0x28, 0xcd, 0xc1, 0x00, 0x00, 0x01].forEach((b, i) => rp2040.writeUint8(r[1] + i, b));
        return 0;
      },
      cyw43_btbus_init: () => 0,
      cyw43_btbus_read: (r) => this.read(r[0], r[2]),
      cyw43_btbus_write: (r) => this.transmit(r[0], r[1]),
    };
    for (const [name, handler] of Object.entries(functions)) {
      if (!symbols.has(name)) throw new Error(`the image has no ${name}`);
      machine.replace(symbols.get(name), handler);
    }
  }

  // Bytes from the controller.
  write(bytes) {
    this.input = Buffer.concat([this.input, bytes]);
    for (let length; (length = packetLength(this.input)) > 0; ) {
      this.packets.push(this.input.subarray(0, length));
      this.input = this.input.subarray(length);
    }
    this.signal(this.packets.length > 0);
    this.machine.wake();
  }

  signal(wakes) {
    this.wakes = wakes;
    this.machine.rp2040.gpio[HOST_WAKE_GPIO].setInputValue(wakes);
  }

  // Three bytes of length, then the H4 packet.
  read(at, lengthAt) {
    const { rp2040 } = this.machine;
    const packet = this.packets.shift();
    const payload = packet ? packet.length - 1 : 0;
    if (packet) {
      [payload & 0xff, payload >> 8, 0, ...packet].forEach((byte, i) => {
        rp2040.writeUint8(at + i, byte);
      });
    }
    rp2040.writeUint32(lengthAt, packet ? payload + 4 : 0);
    return 0;
  }

  transmit(at, size) {
    const data = new Uint8Array(size - 3);
    for (let i = 0; i < data.length; i++) {
      data[i] = this.machine.rp2040.readUint8(at + 3 + i);
    }
    this.onData(data);
    return 0;
  }
}

// 0 while the packet is not complete.
function packetLength(bytes) {
  const header = HEADERS[bytes[0]];
  if (bytes.length > 0 && !header) throw new Error(`packet type ${bytes[0]}`);
  if (bytes.length < 1 + header) return 0;
  const payload =
    bytes[0] === 2 ? bytes.readUInt16LE(3) : bytes[0] === 5 ? bytes.readUInt16LE(3) & 0x3fff : bytes[header];
  const length = 1 + header + payload;
  return bytes.length >= length ? length : 0;
}
