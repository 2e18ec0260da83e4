/** Ids and hashes with the exact forms that tables and the API use. Random bytes are passed in. */
import { createHash } from "node:crypto";

/** Lower-case RFC 4648 alphabet. */
const BASE32 = "abcdefghijklmnopqrstuvwxyz234567";
/** 26 digits of 5 bits = 130 random bits: a lease id cannot be guessed. */
const LEASE_RANDOM_DIGITS = 26;

/** 6 digits tell runs of one millisecond apart; a run's id is no secret. */
const RUN_RANDOM_DIGITS = 6;
/** Highest number of 13 digits: milliseconds since 1970 stay below it until the year 2286. */
const LAST_MILLISECOND = 9_999_999_999_999;

/** The form of run ids. */
export const RUN_ID = /^\d{13}-[a-z2-7]{6}$/;

/** Gives `count` random bytes; node:crypto's randomBytes in the app, fixed bytes in tests. */
export type RandomBytes = (count: number) => Uint8Array;

/** The caller as tables know it: 12 hex digits of SHA-256(`issuer|tenant|subject`). */
export function principalHash(principal: { issuer: string; tenantId: string; subject: string }): string {
  return sha256(`${principal.issuer}|${principal.tenantId}|${principal.subject}`).slice(0, 12);
}

/** `<principal hash>-<26 base32 digits>`; the hash is the partition, so a lease is found by its id alone. */
export function newLeaseId(ph: string, randomBytes: RandomBytes): string {
  return `${ph}-${base32(randomBytes(LEASE_RANDOM_DIGITS), LEASE_RANDOM_DIGITS)}`;
}

/** `<13-digit inverted milliseconds>-<6 base32 digits>`: in order of ids, the newest run comes first. */
export function newRunId(now: Date, randomBytes: RandomBytes): string {
  const inverted = String(LAST_MILLISECOND - now.getTime()).padStart(13, "0");
  return `${inverted}-${base32(randomBytes(RUN_RANDOM_DIGITS), RUN_RANDOM_DIGITS)}`;
}

/** First 32 hex digits of SHA-256 of the lower-cased text: a key for ids that are compared without case. */
export function hash(text: string): string {
  return sha256(text.toLowerCase()).slice(0, 32);
}

/** SHA-256 as 64 lower-case hex digits. */
export function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** One digit per byte: only 5 of its 8 bits are used, so every digit is equally likely. */
function base32(bytes: Uint8Array, digits: number): string {
  return Array.from(bytes.subarray(0, digits), (byte) => BASE32[byte & 31]).join("");
}
