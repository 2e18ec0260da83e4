/** The JSON of Key Vault secrets: request bodies checked, answers built. Called by key-vault.ts. */
import { z } from "zod";
import type { Found, VersionInput } from "./secret-store.ts";
import { badParameter } from "./vault-errors.ts";
import {
  MAX_CONTENT_TYPE_LENGTH,
  MAX_RESULTS,
  MAX_TAG_LENGTH,
  MAX_TAGS,
  MAX_TIME_SECONDS,
  MAX_VALUE_BYTES,
  RECOVERABLE_DAYS,
  RECOVERY_LEVEL,
  SECRET_NAME,
} from "./vault-limits.ts";

const time = z.int().min(0).max(MAX_TIME_SECONDS).nullish();
const tagText = z.string().max(MAX_TAG_LENGTH);
const updateBody = z.object({
  contentType: z.string().max(MAX_CONTENT_TYPE_LENGTH).nullish(),
  attributes: z.object({ enabled: z.boolean().nullish(), nbf: time, exp: time }).nullish(),
  tags: z
    .record(tagText, tagText)
    .refine((tags) => Object.keys(tags).length <= MAX_TAGS)
    .nullish(),
});
const setBody = updateBody.extend({
  value: z.string().refine((value) => Buffer.byteLength(value, "utf8") <= MAX_VALUE_BYTES),
});

/** @throws VaultError 400 BadParameter */
export function checkedName(name: string): string {
  if (!SECRET_NAME.test(name)) throw badParameter(`The request URI contains an invalid name: ${name}`);
  return name;
}

/** @throws VaultError 400 BadParameter */
export function parseSetBody(text: string): VersionInput & { readonly value: string } {
  const body = parsed(setBody, text);
  return { ...inputOf(body), value: body.value };
}

/** @throws VaultError 400 BadParameter */
export function parseUpdateBody(text: string): VersionInput {
  return inputOf(parsed(updateBody, text));
}

/** `maxresults`, 1-25. @throws VaultError 400 BadParameter */
export function checkedMaxResults(text: string | undefined): number {
  if (text === undefined) return MAX_RESULTS;
  const count = Number(text);
  if (!/^\d+$/.test(text) || count < 1 || count > MAX_RESULTS) {
    throw badParameter(`maxresults: the value must be between 1 and ${MAX_RESULTS}.`);
  }
  return count;
}

/** A secret with its value. `previous` only for api-versions that show it. */
export function valueBody(vaultUrl: string, found: Found, previous: boolean) {
  return { value: found.version.value, ...propertiesBody(vaultUrl, found, previous) };
}

/** A secret without its value: answer of update, delete and recover. */
export function propertiesBody(vaultUrl: string, found: Found, previous: boolean) {
  const index = found.secret.versions.indexOf(found.version);
  const before = previous ? found.secret.versions[index - 1] : undefined;
  return {
    ...contentType(found),
    id: `${vaultUrl}/secrets/${found.secret.name}/${found.version.version}`,
    ...details(found),
    ...(before && { previousVersion: before.version }),
  };
}

/** A member of a list: without value; of a list of secrets also without version. */
export function itemBody(vaultUrl: string, found: Found, withVersion: boolean) {
  const version = withVersion ? `/${found.version.version}` : "";
  return { ...contentType(found), id: `${vaultUrl}/secrets/${found.secret.name}${version}`, ...details(found) };
}

/** What the answer to a deletion, and a deleted secret, has beside its properties. */
export function deletionBody(vaultUrl: string, { secret }: Found) {
  return {
    recoveryId: `${vaultUrl}/deletedsecrets/${secret.name}`,
    deletedDate: secret.deleted?.at,
    scheduledPurgeDate: secret.deleted?.purgeAt,
  };
}

function contentType({ version }: Found) {
  return version.contentType === undefined ? {} : { contentType: version.contentType };
}

function details({ version }: Found) {
  return {
    attributes: {
      enabled: version.enabled,
      ...(version.nbf !== undefined && { nbf: version.nbf }),
      ...(version.exp !== undefined && { exp: version.exp }),
      created: version.created,
      updated: version.updated,
      recoveryLevel: RECOVERY_LEVEL,
      recoverableDays: RECOVERABLE_DAYS,
    },
    ...(version.tags && { tags: version.tags }),
  };
}

/** Members that Key Vault does not know are ignored, as it does; paths are named, values never. */
function parsed<T>(schema: z.ZodType<T>, text: string): T {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw badParameter("The request body is not valid JSON.");
  }
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const paths = new Set(result.error.issues.map((issue) => issue.path.slice(0, 2).join(".")));
  throw badParameter(`Property ${[...paths].join(", ")} has invalid value\r\n`);
}

function inputOf(body: z.infer<typeof updateBody>): VersionInput {
  return {
    contentType: body.contentType ?? undefined,
    enabled: body.attributes?.enabled ?? undefined,
    nbf: body.attributes?.nbf ?? undefined,
    exp: body.attributes?.exp ?? undefined,
    tags: body.tags ?? undefined,
  };
}
