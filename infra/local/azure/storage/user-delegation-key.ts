/** Get User Delegation Key: checks the request, makes the key (called by storage.ts). */
import { createRequire } from "node:module";
import { invalidXml, invalidXmlNode, missingXmlNode } from "./refusals.ts";
import { escapeXml, type StorageError, xmlStart } from "./storage-error.ts";

/** A key ends at most this long after the request. Source: learn.microsoft.com, "Get User Delegation Key". */
export const KEY_MAX_LIFE_MS = 7 * 24 * 60 * 60 * 1000;
/** No real request comes near: two times and a tenant id. */
export const KEY_REQUEST_LIMIT_BYTES = 4 * 1024;

const ISO_TIME = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,7})?)?(Z|[+-]\d{2}:\d{2}))?$/;

/** Who the key is for, and the API version of the request. */
export type KeyOwner = { readonly objectId: string; readonly tenantId: string; readonly version: string };

/** The XML answer, or why there is none. */
export function userDelegationKey(
  body: string,
  owner: KeyOwner,
  now: Date,
): { ok: true; body: string; name: string } | { ok: false; error: StorageError } {
  const refuse = (error: StorageError) => ({ ok: false as const, error });
  const keyInfo = /^\s*(?:<\?xml[^>]*\?>\s*)?<KeyInfo(?:\s[^>]*)?>(.*)<\/KeyInfo>\s*$/s.exec(
    body.replace(/^\uFEFF/, ""),
  )?.[1];
  if (keyInfo === undefined) return refuse(invalidXml());
  const startText = node(keyInfo, "Start");
  const expiryText = node(keyInfo, "Expiry");
  if (startText === undefined) return refuse(missingXmlNode("Start"));
  if (expiryText === undefined) return refuse(missingXmlNode("Expiry"));
  const start = timeOf(startText);
  const expiry = timeOf(expiryText);
  if (start === undefined) return refuse(invalidXmlNode(startText));
  if (expiry === undefined) return refuse(invalidXmlNode(expiryText));
  const latest = now.getTime() + KEY_MAX_LIFE_MS;
  if (expiry > latest || expiry <= now.getTime() || expiry <= start) return refuse(invalidXmlNode(expiryText));
  const delegatedTenant = node(keyInfo, "DelegatedUserTid");
  const [signedStart, signedExpiry] = [seconds(start), seconds(expiry)];
  const value = keyValue(owner.objectId, owner.tenantId, signedStart, signedExpiry, owner.version);
  const members = {
    SignedOid: owner.objectId,
    SignedTid: owner.tenantId,
    SignedStart: signedStart,
    SignedExpiry: signedExpiry,
    SignedService: "b",
    SignedVersion: owner.version,
    ...(delegatedTenant === undefined ? {} : { SignedDelegatedUserTid: delegatedTenant }),
    Value: value,
  };
  const inner = Object.entries(members).map(([name, text]) => `<${name}>${escapeXml(text)}</${name}>`);
  const name = delegationKeyName(owner.objectId, { start, expiry });
  return { ok: true, name, body: `${xmlStart()}<UserDelegationKey>${inner.join("")}</UserDelegationKey>` };
}

/**
 * What tells the keys of an account apart: SAS tokens say the same of theirs, to the second.
 * @param times milliseconds since 1970
 */
export function delegationKeyName(objectId: string, times: { start: number; expiry: number }): string {
  return JSON.stringify([objectId.toLowerCase(), Math.floor(times.start / 1000), Math.floor(times.expiry / 1000)]);
}

/**
 * The key that Azurite will check signatures with. Azurite's own operation is not asked, because it signs with its own
 * newest API version where Azure answers with that of the request.
 */
function keyValue(...parts: [oid: string, tid: string, start: string, expiry: string, version: string]): string {
  const azurite: { getUserDelegationKeyValue(...parts: string[]): string } = createRequire(import.meta.url)(
    "azurite/dist/src/blob/utils/utils.js",
  );
  return azurite.getUserDelegationKeyValue(...parts);
}

function node(xml: string, name: string): string | undefined {
  return new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1]?.trim();
}

/** Milliseconds of one of the ISO 8601 forms that Azure Storage takes; no zone means UTC. */
export function timeOf(text: string): number | undefined {
  if (!ISO_TIME.test(text)) return undefined;
  const time = Date.parse(text);
  return Number.isNaN(time) ? undefined : time;
}

function seconds(time: number): string {
  return new Date(time).toISOString().replace(/\.\d{3}Z$/, "Z");
}
