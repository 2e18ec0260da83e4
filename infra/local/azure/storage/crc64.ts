/** The checksum that Azure Storage sends as x-ms-content-crc64; counted while a body passes (forward.ts). */
import { Transform } from "node:stream";

/** Azure's own polynomial, reflected, as two halves. Checked against recorded answers. */
const POLYNOMIAL = { high: 0x9a6c9329, low: 0xac4bc9b5 };

/** Two 32-bit halves an entry: a BigInt for each byte would make uploads slow. */
const TABLE = Array.from({ length: 256 }, (_, index) => {
  let [high, low] = [0, index];
  for (let bit = 0; bit < 8; bit += 1) {
    const odd = low & 1;
    low = (low >>> 1) | (high << 31);
    high >>>= 1;
    if (odd) {
      high ^= POLYNOMIAL.high;
      low ^= POLYNOMIAL.low;
    }
  }
  return { high, low };
});

/** Counts what it is given. `value` is base64, as in the header. */
export function createCrc64(): { add(bytes: Uint8Array): void; value(): string } {
  let [high, low] = [-1, -1];
  return {
    add(bytes) {
      for (const byte of bytes) {
        const entry = TABLE[(low ^ byte) & 0xff] ?? { high: 0, low: 0 };
        low = ((low >>> 8) | (high << 24)) ^ entry.low;
        high = (high >>> 8) ^ entry.high;
      }
    },
    value() {
      const buffer = Buffer.alloc(8);
      buffer.writeInt32LE(~low, 0);
      buffer.writeInt32LE(~high, 4);
      return buffer.toString("base64");
    },
  };
}

/** Passes bytes on and counts them. */
export function counting(crc: { add(bytes: Uint8Array): void }): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      crc.add(chunk);
      done(null, chunk);
    },
  });
}
