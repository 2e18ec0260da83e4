/** Mirrors infra/local/azure/registry/token-endpoints.ts: names and passwords of tokens with scope maps, and times. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeJwt } from "jose";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { openSigningKey, type SigningKey } from "../../../../../infra/local/azure/entra/signing-key.ts";
import type { RegistryPlace } from "../../../../../infra/local/azure/registry/registry-directory.ts";
import { createRegistryJwt } from "../../../../../infra/local/azure/registry/registry-jwt.ts";
import { createRegistryControl } from "../../../../../infra/local/azure/registry/registry-settings.ts";
import {
  exchange,
  readBasic,
  TOKEN_USER,
  type TokenEndpointDeps,
  tokenByBasic,
  tokenByForm,
} from "../../../../../infra/local/azure/registry/token-endpoints.ts";
import { openStateStore } from "../../../../../infra/local/state.ts";

const START = Date.parse("2026-11-22T00:00:00Z");
const REGISTRY: RegistryPlace = {
  id: "/registries/r",
  loginServer: "r.azurecr.io",
  tenantId: "t",
  mode: "legacy",
  takesArmTokens: true,
  images: {},
};
const REFUSED = expect.objectContaining({ status: 401, code: "UNAUTHORIZED" });

let folder: string;
let key: SigningKey;
let time: number;
let deps: TokenEndpointDeps;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "latchkey-registry-key-"));
  key = await openSigningKey(openStateStore(folder), () => new Date(START));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeEach(() => {
  time = START;
  deps = {
    tokens: { verify: async () => ({ ok: false, reason: "malformed" }) },
    authorization: { allows: () => false },
    registryTokens: {
      actionsOf: (id, name, password) =>
        id === REGISTRY.id && name === "lk-one" && password === "good:one"
          ? ["repositories/team/app/content/read", "repositories/shared/*/metadata/read"]
          : null,
    },
    jwt: createRegistryJwt({ key, now: () => new Date(time) }),
    control: createRegistryControl(),
  };
});

const form = (values: Record<string, string>) => new URLSearchParams({ service: REGISTRY.loginServer, ...values });
const basic = (text: string) => `Basic ${Buffer.from(text).toString("base64")}`;
const scope = "repository:team/app:pull,push repository:shared/base:pull,metadata_read registry:catalog:*";
const GRANTED = [
  { type: "repository", name: "team/app", actions: ["pull"] },
  { type: "repository", name: "shared/base", actions: ["metadata_read"] },
];

test("a token with a scope map signs in by name and password, in a header or in a form", async () => {
  const header = await tokenByBasic(basic("lk-one:good:one"), form({ scope }), REGISTRY, deps);
  const posted = form({ scope, grant_type: "password", username: "lk-one", password: "good:one" });
  for (const { access_token } of [header, await tokenByForm(posted, REGISTRY, deps)]) {
    expect(decodeJwt(access_token)).toMatchObject({ sub: "lk-one", access: GRANTED });
  }
});

test.each([
  ["another password", "lk-one:bad"],
  ["another name", "lk-two:good:one"],
  ["no password", "lk-one:"],
  ["no name", ":good:one"],
])("%s is refused", async (_what, text) => {
  await expect(tokenByBasic(basic(text), form({ scope }), REGISTRY, deps)).rejects.toEqual(REFUSED);
});

test("the same name at another registry is refused", async () => {
  const other = { ...REGISTRY, id: "/registries/other" };
  await expect(tokenByBasic(basic("lk-one:good:one"), form({ scope }), other, deps)).rejects.toEqual(REFUSED);
});

test("a refresh token is good until its end and not after", async () => {
  const permissions = { actions: ["read"], notActions: [] };
  const refresh_token = await deps.jwt.refreshToken(REGISTRY.loginServer, "app", { tenant: "t", permissions });
  const asked = form({ scope: "repository:a:pull", grant_type: "refresh_token", refresh_token });
  time = START + 10_799_000;
  const { access_token } = await tokenByForm(asked, REGISTRY, deps);
  expect(decodeJwt(access_token)).toMatchObject({
    exp: time / 1000 + 4500,
    access: [{ name: "a", actions: ["pull"] }],
  });
  time = START + 10_800_000;
  await expect(tokenByForm(asked, REGISTRY, deps)).rejects.toEqual(REFUSED);
});

test("in ABAC mode the roles of a caller's groups count in every token", async () => {
  const abac: RegistryPlace = { ...REGISTRY, mode: "abac" };
  const claims = { iss: "entra", aud: "arm", tid: "t", oid: "member", groups: ["team"], exp: 0 };
  const grouped: TokenEndpointDeps = {
    ...deps,
    tokens: {
      verify: async () => ({ ok: true, claims }),
    },
    authorization: { allows: ({ groups }) => groups.includes("team") },
  };
  const asked = form({ grant_type: "access_token", access_token: "of Entra" });
  const { refresh_token } = await exchange(asked, abac, grouped);
  const posted = form({ scope: "repository:a:pull", grant_type: "refresh_token", refresh_token });
  const header = basic(`${TOKEN_USER}:${refresh_token}`);
  const basicAnswer = await tokenByBasic(header, form({ scope: "repository:a:pull" }), abac, grouped);
  for (const { access_token } of [await tokenByForm(posted, abac, grouped), basicAnswer]) {
    expect(decodeJwt(access_token)).toMatchObject({ access: [{ name: "a", actions: ["pull"] }] });
  }
});

test("a form without a service or with an unknown grant is refused as such", async () => {
  const bad = expect.objectContaining({ status: 400 });
  await expect(tokenByForm(new URLSearchParams({ grant_type: "password" }), REGISTRY, deps)).rejects.toEqual(bad);
  await expect(tokenByForm(form({ grant_type: "authorization_code" }), REGISTRY, deps)).rejects.toEqual(bad);
});

test("a Basic header is read to its first colon", () => {
  expect(readBasic(basic("user:pass:word"))).toEqual({ user: "user", password: "pass:word" });
  for (const header of [undefined, "", "Basic", "Basic !", basic("nocolon"), "Bearer YTpi"]) {
    expect(readBasic(header)).toBeNull();
  }
});
