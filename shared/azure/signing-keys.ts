/** The published keys of a token issuer: read within bounds, cached, chosen by key id. Used by entra-issuer.ts and oidc-issuer.ts. */
import { createRemoteJWKSet, customFetch, errors, type JWTVerifyGetKey } from "jose";

/** An unknown key id makes us fetch the keys anew, at most this often. */
const JWKS_COOLDOWN_MS = 30_000;
/** Keys are fetched anew daily, as Entra advises. */
const JWKS_MAX_AGE_MS = 24 * 3_600_000;
/** For all that has to be read until the keys are there. */
const JWKS_TIMEOUT_MS = 5_000;
/** Largest document that is read, in bytes: ten times what Entra and GitHub publish. */
export const MAX_DOCUMENT_BYTES = 256 * 1024;

/** Reads one JSON document. @throws Error for a redirect, a status other than 200, too much, or no JSON */
export type ReadJson = (url: string) => Promise<unknown>;

/**
 * One fetch at a time, however many callers wait for it.
 * @param url where the issuer says what its keys are
 * @param load gets the key set, whose form is checked after it
 */
export function publishedKeys(
  url: string,
  fetchDocument: typeof fetch,
  load: (read: ReadJson) => Promise<unknown> = (read) => read(url),
): JWTVerifyGetKey {
  const published = createRemoteJWKSet(new URL(url), {
    cooldownDuration: JWKS_COOLDOWN_MS,
    cacheMaxAge: JWKS_MAX_AGE_MS,
    timeoutDuration: JWKS_TIMEOUT_MS,
    [customFetch]: async (_url, { headers, signal }) => {
      const read: ReadJson = async (from) => {
        // Redirects are refused: keys come from the issuer or not at all.
        const response = await fetchDocument(from, { headers, signal, redirect: "error" });
        if (response.status !== 200) throw new Error(`status ${response.status}`);
        return JSON.parse(await readText(response));
      };
      return Response.json(await load(read));
    },
  });
  // Every issuer names its key; without a name the key would be a guess.
  return (header, token) => {
    if (header.kid === undefined) throw new errors.JWKSNoMatchingKey();
    return published(header, token);
  };
}

/** Counts while it reads: an announced length may be missing or wrong. */
async function readText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength;
    if (size > MAX_DOCUMENT_BYTES) throw new Error("too large");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
