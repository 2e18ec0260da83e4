/** Access tokens that Entra would never give: signed with its own key, another key, or none. For e2e tests. */
import type { webcrypto } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { base64url, decodeJwt, decodeProtectedHeader, exportSPKI, generateKeyPair, importJWK, SignJWT } from "jose";
import type { System } from "./system.ts";

/** Makes tokens that differ from a good one in exactly what is asked for. */
export type Forger = {
  /** Entra's own key: only the claims are wrong. An undefined claim is left out. */
  withClaims(changes: Readonly<Record<string, unknown>>): Promise<string>;
  /** All is right but the key, which is somebody's own, under Entra's key id or under another. */
  withOwnKey(keyId?: string): Promise<string>;
  /** `alg: none`, no signature. */
  unsigned(): string;
  /** HS256 with Entra's public key as the shared secret. */
  withPublicKeyAsSecret(): Promise<string>;
};

/** @param good an access token that the API takes */
export async function createForger(system: System, good: string): Promise<Forger> {
  const claims = decodeJwt(good);
  const { kid = "" } = decodeProtectedHeader(good);
  const stored: { key: { privateKey: webcrypto.JsonWebKey } } = JSON.parse(
    readFileSync(join(system.stateDir, "state", "entra.json"), "utf8"),
  );
  const { kty = "", n = "", e = "" } = stored.key.privateKey;
  const privateKey = await importJWK({ ...stored.key.privateKey, kty }, "RS256");
  const publicKey = await importJWK({ kty, n, e }, "RS256", { extractable: true });
  const own = await generateKeyPair("RS256");

  return {
    withClaims(changes) {
      const changed = Object.entries({ ...claims, ...changes }).filter(([, value]) => value !== undefined);
      return new SignJWT(Object.fromEntries(changed))
        .setProtectedHeader({ alg: "RS256", typ: "JWT", kid })
        .sign(privateKey);
    },
    withOwnKey: (keyId = kid) =>
      new SignJWT(claims).setProtectedHeader({ alg: "RS256", typ: "JWT", kid: keyId }).sign(own.privateKey),
    unsigned: () => `${base64url.encode(JSON.stringify({ alg: "none", typ: "JWT" }))}.${good.split(".")[1]}.`,
    async withPublicKeyAsSecret() {
      if (publicKey instanceof Uint8Array) throw new Error("Entra's key is not an RSA key");
      const secret = new TextEncoder().encode(await exportSPKI(publicKey));
      return new SignJWT(claims).setProtectedHeader({ alg: "HS256", typ: "JWT", kid }).sign(secret);
    },
  };
}
