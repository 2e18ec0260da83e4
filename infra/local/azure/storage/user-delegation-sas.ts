/**
 * What Azure checks of a user delegation SAS and Azurite does not, or answers otherwise (called by caller.ts).
 * Azurite itself checks the signature and the permissions (`sp`).
 */
import { authenticationFailed, notEmulated } from "./refusals.ts";
import type { StorageError } from "./storage-error.ts";
import { delegationKeyName, timeOf } from "./user-delegation-key.ts";

/** Members that Azurite does not know; a SAS with one would fail there on its signature. */
const NOT_EMULATED = ["sip", "saoid", "suoid", "scid", "sduoid", "skdutid", "sdd", "ses", "srh", "srq"] as const;
/** Kinds of resource that Azure takes and the product never signs. */
const OTHER_RESOURCES = ["d", "bs", "bv"];
/** Azurite fails on the signature of older ones. */
const OLDEST_VERSION = "2020-12-06";
const MANDATORY = ["sv", "sr", "sp", "se", "skoid", "sktid", "skt", "ske", "sks", "skv"] as const;

/** A SAS whose form and times are good. The signature is still to be checked. */
export type UserDelegationSas = {
  readonly ownerObjectId: string;
  readonly version: string;
  /** See delegationKeyName. */
  readonly key: string;
};

/** @param tenant the only tenant whose keys this service has */
export function checkUserDelegationSas(
  query: URLSearchParams,
  tenant: string,
  now: Date,
): { ok: true; sas: UserDelegationSas } | { ok: false; error: StorageError } {
  const refuse = (detail: string) => ({ ok: false as const, error: authenticationFailed(detail) });
  const missing = MANDATORY.find((name) => !query.get(name));
  if (missing !== undefined) return refuse(`${missing} is mandatory. Cannot be empty`);
  const member = (name: (typeof MANDATORY)[number]) => query.get(name) ?? "";
  const resource = member("sr");
  if (OTHER_RESOURCES.includes(resource)) return { ok: false, error: notEmulated(`a SAS with sr=${resource}`) };
  if (resource !== "c" && resource !== "b") return refuse("sr is invalid.");
  const unknown = NOT_EMULATED.find((name) => query.has(name));
  if (unknown !== undefined) return { ok: false, error: notEmulated(`a SAS with ${unknown}`) };
  if (member("sv") < OLDEST_VERSION) return { ok: false, error: notEmulated(`a SAS with sv before ${OLDEST_VERSION}`) };
  if (member("sks") !== "b") return refuse("sks is invalid.");
  if (member("sktid").toLowerCase() !== tenant.toLowerCase()) return refuse("sktid is invalid.");

  const times = { st: query.get("st") ?? undefined, se: member("se"), skt: member("skt"), ske: member("ske") };
  const wrong = Object.entries(times).find(([, text]) => text !== undefined && timeOf(text) === undefined);
  if (wrong) return refuse(`${wrong[0]} is not in the correct format.`);
  const start = times.st === undefined ? undefined : timeOf(times.st);
  const expiry = timeOf(times.se) ?? 0;
  const keyStart = timeOf(times.skt) ?? 0;
  const keyExpiry = timeOf(times.ske) ?? 0;
  const current = now.getTime();
  if (keyStart > current || keyExpiry < current) {
    return refuse(
      `Signature not valid in the specified key time frame: Key start [${http(keyStart)}] - Key expiry [${http(keyExpiry)}] - Current [${http(current)}]`,
    );
  }
  if ((start ?? current) > current || expiry < current) {
    return refuse(
      `Signature not valid in the specified time frame: Start [${start === undefined ? "" : http(start)}] - Expiry [${http(expiry)}] - Current [${http(current)}]`,
    );
  }
  if (expiry > keyExpiry) {
    return refuse(
      `Signature not valid in the specified key time frame: Expiry [${http(expiry)}] - Key expiry [${http(keyExpiry)}]`,
    );
  }
  const key = delegationKeyName(member("skoid"), { start: keyStart, expiry: keyExpiry });
  return { ok: true, sas: { ownerObjectId: member("skoid"), version: member("sv"), key } };
}

function http(time: number): string {
  return new Date(time).toUTCString();
}
