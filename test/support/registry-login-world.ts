/** A registry whose tokens are lent, a table, and processes that fail and die in between. Used by docker-login.test.ts. */
import { createDockerLogin } from "../../shared/credentials/docker-login.ts";
import type { PasswordName, RegistryTokens, ScopeMap, Usage } from "../../shared/credentials/docker-login-ports.ts";
import type { Lease } from "../../shared/credentials/lease.ts";
import type { Minted, MintRequest } from "../../shared/credentials/minted.ts";
import { LatchkeyError, UpstreamError } from "../../shared/errors.ts";
import { createRegistrySlots } from "../../shared/store/registry-slots.ts";
import { fakeTable } from "./fake-table.ts";
import { NOW } from "./fakes.ts";
import { lease } from "./fakes-leases.ts";
import { openedRegistry } from "./fakes-registry.ts";

/**
 * `lost`: done, and the caller hears that it failed. `late`: the caller hears that nobody answered, and it is done when
 * time has passed. `dies…`: the process ends before or after the call was done.
 */
export type Fate = "done" | "refused" | "forbidden" | "throttled" | "lost" | "late" | "diesBefore" | "diesAfter";
/** All but `done`. */
export const FATES: readonly Fate[] = ["refused", "forbidden", "throttled", "lost", "late", "diesBefore", "diesAfter"];

type Token = { scopeMap: string; readonly passwords: Map<PasswordName, string>; isDisabled: boolean };

/** Azure and the table, which outlive every process. */
export function createLoginWorld(options: { tokens?: Partial<Usage>; scopeMaps?: Partial<Usage> } = {}) {
  let at = NOW.getTime();
  let drawn = 0;
  const scopeMaps = new Map<string, readonly string[]>();
  const tokens = new Map<string, Token>();
  const calls: string[] = [];
  const late: (() => unknown)[] = [];
  const table = fakeTable();
  /** What Azure does when it is told to. */
  const azure: RegistryTokens = {
    usage: async () => ({
      tokens: { used: tokens.size, limit: 500, ...options.tokens },
      scopeMaps: { used: scopeMaps.size, limit: 500, ...options.scopeMaps },
    }),
    async ensureScopeMap({ name, actions }: ScopeMap) {
      scopeMaps.set(name, actions);
    },
    isIntact: async (token, { name, actions }) => {
      const there = tokens.get(token);
      const isSame = JSON.stringify(scopeMaps.get(name)) === JSON.stringify(actions);
      return there?.scopeMap === name && !there.isDisabled && isSame;
    },
    async createToken(token, scopeMap) {
      tokens.set(token, { scopeMap, passwords: new Map(), isDisabled: false });
    },
    async generatePassword(token, password) {
      const there = tokens.get(token);
      if (there === undefined) return null;
      const value = `secret ${drawn++}`;
      there.passwords.set(password, value);
      return value;
    },
    async removePassword(token, password) {
      const passwords = tokens.get(token)?.passwords ?? new Map<PasswordName, string>();
      const kept = [...passwords.keys()].filter((name) => name !== password);
      // Azure is told which to keep: what comes in between is not among them.
      for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
      for (const name of passwords.keys()) if (!kept.includes(name)) passwords.delete(name);
    },
    removeToken: async (token) => void tokens.delete(token),
    removeScopeMap: async (scopeMap) => void scopeMaps.delete(scopeMap),
  };
  return {
    azure,
    table,
    scopeMaps,
    tokens,
    calls,
    late,
    now: () => new Date(at),
    newId: () => `id-${drawn++}`,
    /** Whether a login would get rights now. */
    works: (token: string, value: string) => {
      const there = tokens.get(token);
      const isThere = [...(there?.passwords.values() ?? [])].includes(value);
      return isThere && there !== undefined && !there.isDisabled && (scopeMaps.get(there.scopeMap)?.length ?? 0) > 0;
    },
    async pass(seconds: number) {
      for (const arrive of late.splice(0)) await arrive();
      at += seconds * 1000;
    },
  };
}
/** See createLoginWorld. */
export type LoginWorld = ReturnType<typeof createLoginWorld>;

/** An hour's login for pulling. */
export function loginRequest(changes: Partial<MintRequest> = {}): MintRequest {
  return {
    connector: "azure",
    form: "docker-login",
    asked: "demozenmlregistry",
    resourceId: openedRegistry().resourceId,
    access: ["read"],
    scope: { repositories: ["team/app"] },
    ttlSeconds: null,
    rule: "grant:lend",
    maxTtlSeconds: 86_400,
    grantExpiresAt: null,
    ...changes,
  };
}

/** A lease as it is planned. */
export function loginLease(id: string, changes: Partial<Lease> = {}): Lease {
  return lease({
    id,
    resourceType: "docker-registry",
    resourceId: openedRegistry().resourceId,
    form: "docker-login",
    access: ["read"],
    scope: { repositories: ["team/app"] },
    state: "pending",
    upstream: {},
    maxUntil: "2026-11-28T10:00:00Z",
    ...changes,
  });
}

/** @throws Error for anything else than a credential */
export function minted(result: Minted | string | undefined): Minted {
  if (result === undefined || typeof result === "string") throw new Error(`not minted: ${result}`);
  return result;
}
/** The login of a credential. */
export function loginOf(result: Minted | string) {
  const { credential, upstream } = minted(result);
  if (credential.kind !== "docker-login") throw new Error(credential.kind);
  return { token: credential.username, value: credential.password, upstream };
}
/** A lease whose credential is on record. */
export function active(lease: Lease, result: Minted | string): Lease {
  return { ...lease, state: "active", upstream: minted(result).upstream };
}

/** One process: every call to the world outside has its fate, and takes `ticks` turns. Dead ones never hear of anything again. */
export function createLoginProcess(
  world: LoginWorld,
  fate: (call: string) => Fate = () => "done",
  ticks: () => number = () => 1,
) {
  let die = () => {};
  let isDead = false;
  const death = new Promise<"died">((resolve) => {
    die = () => {
      isDead = true;
      resolve("died");
    };
  });
  const forever = new Promise<never>(() => {});
  const tick = async () => {
    for (let left = ticks(); left > 0; left--) await new Promise(setImmediate);
  };
  const guard =
    <A extends unknown[], R>(name: string, isAzure: boolean, call: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      await tick();
      if (isDead) return forever;
      const what = fate(name);
      world.calls.push(name);
      if (what === "diesBefore") die();
      if (isDead) return forever;
      if (what === "refused") throw failure(isAzure, null);
      if (what === "forbidden") throw failure(isAzure, 403);
      if (what === "throttled") throw failure(isAzure, 429);
      if (what === "late") {
        // A call to a table is over when its reply is: only what Azure makes may take longer.
        if (isAzure) world.late.push(() => call(...args));
        throw failure(isAzure, null);
      }
      const result = await call(...args);
      await tick();
      if (what === "diesAfter") die();
      if (isDead) return forever;
      if (what === "lost") throw failure(isAzure, null);
      return result;
    };
  const { azure } = world;
  const { table } = world.table;
  const form = createDockerLogin({
    openRegistry: async () => openedRegistry(),
    reopenRegistry: async () => openedRegistry(),
    listRepositories: async () => [],
    openTokens: () => ({
      usage: guard("usage", true, azure.usage),
      ensureScopeMap: guard("ensure map", true, azure.ensureScopeMap),
      isIntact: guard("look at token", true, azure.isIntact),
      createToken: guard("create token", true, azure.createToken),
      generatePassword: guard("generate", true, azure.generatePassword),
      removePassword: guard("remove password", true, azure.removePassword),
      removeToken: guard("remove token", true, azure.removeToken),
      removeScopeMap: guard("remove map", true, azure.removeScopeMap),
    }),
    slots: createRegistrySlots({
      table: {
        get: guard("get", false, table.get),
        range: guard("range", false, table.range),
        change: guard("change", false, table.change),
        replace: guard("replace", false, table.replace),
        removeIf: guard("remove row", false, table.removeIf),
      },
      now: world.now,
      newId: world.newId,
      wait: tick,
      random: () => 0,
    }),
    stateAccount: "latchkeystate",
    now: world.now,
    wait: tick,
  });
  /** What it did, or that it died, or the code of what it met. */
  const run = <T>(work: Promise<T>) =>
    Promise.race([
      death,
      work.catch((error: unknown) => {
        // Anything but a code would be a defect.
        if (!(error instanceof LatchkeyError)) throw error;
        return error.code;
      }),
    ]);
  return {
    form,
    issue: (lease: Lease, request = loginRequest()) =>
      run(
        (async () => {
          const planned = await form.plan(request, lease.id, world.now());
          return form.make(request, planned, world.now(), lease.id);
        })(),
      ),
    renew: (lease: Lease, request = loginRequest()) => run(form.renew(request, lease, world.now())),
    remove: (lease: Lease) => run(form.remove(lease)),
  };
}

function failure(isAzure: boolean, status: number | null): UpstreamError {
  const code = isAzure ? (status === null ? "UPSTREAM_TIMEOUT" : "UPSTREAM_REFUSED") : "STATE_UNAVAILABLE";
  return new UpstreamError(code, "not now", {
    retryable: true,
    failure: { name: "RestError", status: isAzure ? status : null, code: null },
  });
}
