/** Numbers of digests, in little memory: millions of layers are named by the manifests of a large repository. Used by facts-table.ts. */
import { randomInt } from "node:crypto";

/** Each digest has one number, from 0 on in the order in which they came. */
export type DigestNumbers = {
  /** Number of a digest, a new one where it is not known. */
  of(digest: string): number;
  digest(number: number): string;
  readonly size: number;
};

const PREFIX = "sha256:";
/** What fits into 32 bytes and comes out of them as it was. */
const PACKED = /^sha256:[0-9a-f]{64}$/;
const BYTES = 32;
/** Numbers of 32 bits in them. */
const WORDS = BYTES / Int32Array.BYTES_PER_ELEMENT;
/** Places at first; doubled whenever half of them are taken. */
const FIRST_PLACES = 1024;
const FREE = -1;
/** Spreads what differs in any bit: 2 to the 32 by the golden ratio. */
const MULTIPLIER = 0x9e37_79b1;

/** 32 bytes a digest and 8 to 16 for finding it. Digests of other algorithms are rare: they are held as text. */
export function digestNumbers(): DigestNumbers {
  // Whoever pushes chooses what a manifest names: without it all could be made to fall into one place.
  const seed = randomInt(MULTIPLIER);
  const asked = packedDigests(1);
  let known = packedDigests(FIRST_PLACES / 2);
  let places = new Int32Array(FIRST_PLACES).fill(FREE);
  const texts = new Map<string, number>();
  const textOf = new Map<number, string>();
  let size = 0;

  const firstPlaceOf = (words: Int32Array, from: number): number => {
    let hash = seed;
    for (let nth = 0; nth < WORDS; nth++) {
      hash = Math.imul(hash ^ (words[from + nth] ?? 0), MULTIPLIER);
      hash ^= hash >>> 15;
    }
    return (hash >>> 0) % places.length;
  };
  const isAsked = (number: number): boolean => {
    for (let nth = 0; nth < WORDS; nth++) if (known.words[number * WORDS + nth] !== asked.words[nth]) return false;
    return true;
  };
  /** Where the digest stands that is asked for, or the place that is free for it. */
  const find = (): number => {
    let place = firstPlaceOf(asked.words, 0);
    for (let number = places[place] ?? FREE; number !== FREE && !isAsked(number); number = places[place] ?? FREE) {
      place = (place + 1) % places.length;
    }
    return place;
  };
  const grow = (): void => {
    const before = known;
    known = packedDigests(places.length);
    known.words.set(before.words);
    places = new Int32Array(places.length * 2).fill(FREE);
    for (let number = 0; number < size; number++) {
      if (textOf.has(number)) continue;
      let place = firstPlaceOf(known.words, number * WORDS);
      while (places[place] !== FREE) place = (place + 1) % places.length;
      places[place] = number;
    }
  };

  return {
    of(digest) {
      const isPacked = PACKED.test(digest);
      if (isPacked) asked.bytes.write(digest.slice(PREFIX.length), "hex");
      const found = isPacked ? (places[find()] ?? FREE) : (texts.get(digest) ?? FREE);
      if (found !== FREE) return found;
      if (size >= places.length / 2) grow();
      const number = size++;
      if (isPacked) {
        places[find()] = number;
        known.words.set(asked.words, number * WORDS);
      } else {
        texts.set(digest, number);
        textOf.set(number, digest);
      }
      return number;
    },
    digest(number) {
      const text = textOf.get(number);
      return text ?? `${PREFIX}${known.bytes.toString("hex", number * BYTES, (number + 1) * BYTES)}`;
    },
    get size() {
      return size;
    },
  };
}

/** Room for so many digests, as bytes and as numbers. */
function packedDigests(count: number) {
  const words = new Int32Array(count * WORDS);
  return { words, bytes: Buffer.from(words.buffer) };
}
