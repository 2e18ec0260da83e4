/** Mirrors infra/local/azure/registry/registry-jwt.ts: tokens that were checked before are good as long and only where they were. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { openSigningKey, type SigningKey } from "../../../../../infra/local/azure/entra/signing-key.ts";
import {
  ACCESS_TOKEN_SECONDS,
  createRegistryJwt,
  type RegistryJwt,
} from "../../../../../infra/local/azure/registry/registry-jwt.ts";
import { openStateStore } from "../../../../../infra/local/state.ts";

const START = Date.parse("2026-11-22T00:00:00Z");
const HERE = "r.azurecr.io";

let folder: string;
let key: SigningKey;
let time: number;
let jwt: RegistryJwt;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "latchkey-registry-key-"));
  key = await openSigningKey(openStateStore(folder), () => new Date(START));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeEach(() => {
  time = START;
  jwt = createRegistryJwt({ key, now: () => new Date(time) });
});

test("a token that was good is not after its end", async () => {
  const token = await jwt.accessToken(HERE, "somebody", []);
  for (const seconds of [0, ACCESS_TOKEN_SECONDS - 1]) {
    time = START + seconds * 1000;
    expect(await jwt.readAccessToken(HERE, token)).toMatchObject({ sub: "somebody", aud: HERE });
  }
  time = START + ACCESS_TOKEN_SECONDS * 1000;
  expect(await jwt.readAccessToken(HERE, token)).toBeNull();
});

test("a token that was good is none for another registry, and neither is one that was changed", async () => {
  const token = await jwt.accessToken(HERE, "somebody", []);
  expect(await jwt.readAccessToken(HERE, token)).not.toBeNull();
  expect(await jwt.readAccessToken("other.azurecr.io", token)).toBeNull();
  const [header = "", body = "", signature = ""] = token.split(".");
  const claims = JSON.parse(Buffer.from(body, "base64url").toString());
  const forged = Buffer.from(JSON.stringify({ ...claims, sub: "another" })).toString("base64url");
  expect(await jwt.readAccessToken(HERE, `${header}.${forged}.${signature}`)).toBeNull();
  expect(await jwt.readRefreshToken(HERE, token)).toBeNull();
});

test("more tokens than are remembered are all good", async () => {
  const token = await jwt.accessToken(HERE, "first", []);
  expect(await jwt.readAccessToken(HERE, token)).not.toBeNull();
  for (let nth = 0; nth < 1_001; nth++) {
    expect(await jwt.readAccessToken(HERE, await jwt.accessToken(HERE, `n${nth}`, []))).toMatchObject({
      sub: `n${nth}`,
    });
  }
  expect(await jwt.readAccessToken(HERE, token)).toMatchObject({ sub: "first" });
});
