/** Logins of registries: what is made, shared and removed. */
import { describe, expect, test } from "vitest";
import { LOCK_SECONDS } from "../../../../shared/credentials/docker-login-ports.ts";
import {
  active,
  createLoginProcess,
  createLoginWorld,
  type LoginWorld,
  loginLease,
  loginOf,
  loginRequest,
  minted,
} from "../../../support/registry-login-world.ts";

const azureCalls = (world: LoginWorld) =>
  world.calls.filter((call) => !["get", "range", "change", "replace", "remove row"].includes(call));

describe("undisturbed", () => {
  test("the first lease makes a scope map, a token and a password; the second shares the token, looks whether it is as it was made, and makes a password alone", async () => {
    const world = createLoginWorld();
    const { issue } = createLoginProcess(world);
    const first = loginOf(await issue(loginLease("a")));
    expect(azureCalls(world)).toEqual(["usage", "ensure map", "create token", "generate"]);
    world.calls.length = 0;
    const second = loginOf(await issue(loginLease("b")));
    expect(azureCalls(world)).toEqual(["look at token", "generate"]);
    expect([second.token, second.upstream.password]).toEqual([first.token, "password2"]);
    expect([world.works(first.token, first.value), world.works(second.token, second.value)]).toEqual([true, true]);
    expect([...world.scopeMaps.values()]).toEqual([
      ["repositories/team/app/content/read", "repositories/team/app/metadata/read"],
    ]);
    expect(loginOf(await issue(loginLease("c"))).token).not.toBe(first.token);
    expect([world.tokens.size, world.scopeMaps.size]).toEqual([2, 1]);
  });

  test("the answer: an hour, a minute to go round and 75 more; docker's own file; the password in no name", async () => {
    const world = createLoginWorld();
    const result = minted(await createLoginProcess(world).issue(loginLease("a")));
    const { token, value } = loginOf(result);
    expect(result).toMatchObject({
      times: { issuedAt: "2026-11-21T10:00:00Z", expiresAt: "2026-11-21T11:00:00Z" },
      exposedUntil: "2026-11-21T12:15:00Z",
      marked: value,
      upstream: { token, password: "password1" },
      scope: { repositories: ["team/app"] },
      credential: { kind: "docker-login", loginServer: "demozenmlregistry.azurecr.io" },
    });
    const auth = Buffer.from(`${token}:${value}`).toString("base64");
    expect(result.env).toEqual({
      DOCKER_AUTH_CONFIG: JSON.stringify({ auths: { "demozenmlregistry.azurecr.io": { auth } } }),
    });
    expect(JSON.stringify([result.upstream, [...world.table.rows.values()]])).not.toContain(value);
  });

  test("planning changes nothing and says when it would end", async () => {
    const world = createLoginWorld();
    const { form } = createLoginProcess(world);
    const planned = await form.plan(loginRequest({ ttlSeconds: 900 }), "a", world.now());
    expect(planned).toMatchObject({
      expiresAt: "2026-11-21T10:15:00Z",
      scope: { repositories: ["team/app"] },
      upstream: { token: expect.stringMatching(/^latchkey-[0-9a-f]{24}$/) },
    });
    expect(world.calls).toEqual([]);
  });

  test.each([
    ["the connector's end", { grantExpiresAt: "2026-11-21T10:05:00Z" }, "2026-11-21T10:05:00Z"],
    ["what policy gives", { maxTtlSeconds: 1200 }, "2026-11-21T10:20:00Z"],
    ["what was asked", { ttlSeconds: 43_200 }, "2026-11-21T22:00:00Z"],
  ])("it ends with %s", async (_what, changes, expiresAt) => {
    const world = createLoginWorld();
    const planned = await createLoginProcess(world).form.plan(loginRequest(changes), "a", world.now());
    expect(planned.expiresAt).toBe(expiresAt);
  });

  test.each([
    [{ ttlSeconds: 600, grantExpiresAt: "2026-11-21T10:05:00Z" }, "INVALID_REQUEST"],
    [{ grantExpiresAt: "2026-11-21T10:00:00Z" }, "DENIED"],
  ])("%j is %s", async (changes, code) => {
    const world = createLoginWorld();
    await expect(createLoginProcess(world).form.plan(loginRequest(changes), "a", world.now())).rejects.toMatchObject({
      code,
    });
  });

  test("of two that share, ending one leaves the other; the last takes the token and the map along", async () => {
    const world = createLoginWorld();
    const { issue, remove } = createLoginProcess(world);
    const [a, b] = [loginLease("a"), loginLease("b")];
    const [first, second] = [await issue(a), await issue(b)];
    world.calls.length = 0;
    expect(await remove(active(a, first))).toEqual({ exposedUntil: new Date("2026-11-21T11:16:00Z") });
    expect(azureCalls(world)).toEqual(["remove password"]);
    const [one, other] = [loginOf(first), loginOf(second)];
    expect([world.works(one.token, one.value), world.works(other.token, other.value)]).toEqual([false, true]);
    const again = minted(await issue(loginLease("c")));
    expect([minted(first).warnings, minted(second).warnings, again.warnings]).toEqual([[], [], [expect.any(String)]]);
    const third = loginOf(again);
    expect([third.token, third.upstream.password]).toEqual([one.token, "password1"]);
    await remove(loginLease("c"));
    await remove(active(b, second));
    expect([world.tokens.size, world.scopeMaps.size, world.table.rows.size]).toEqual([0, 0, 0]);
    expect(await remove(active(b, second))).toMatchObject({ exposedUntil: expect.any(Date) });
  });

  test("other repositories, rights and connectors have tokens of their own", async () => {
    const world = createLoginWorld();
    const { issue } = createLoginProcess(world);
    await issue(loginLease("a"));
    await issue(loginLease("b"), loginRequest({ scope: { repositories: ["team/base"] } }));
    await issue(loginLease("c"), loginRequest({ access: ["write"] }));
    expect([world.tokens.size, world.scopeMaps.size]).toEqual([3, 3]);
  });

  test("renewing gives another password and leaves the one that is out; the next time the oldest goes first", async () => {
    const world = createLoginWorld();
    const { issue, renew, remove } = createLoginProcess(world);
    const lease = loginLease("a");
    const results = [loginOf(await issue(lease))];
    let now = lease;
    for (let step = 0; step < 3; step++) {
      now = { ...lease, state: "active", upstream: results.at(-1)?.upstream ?? {} };
      results.push(loginOf(await renew(now)));
      const works = results.map(({ token, value }) => world.works(token, value));
      expect(works).toEqual(results.map((_, index) => index >= results.length - 2));
    }
    expect(world.tokens.size).toBe(1);
    await remove({ ...now, upstream: results.at(-1)?.upstream ?? {} });
    expect([world.tokens.size, world.scopeMaps.size, world.table.rows.size]).toEqual([0, 0, 0]);
  });

  test("what holds nothing any more, or would outlive its renewals, is not renewed, and nothing is made", async () => {
    const world = createLoginWorld();
    const { issue, renew, remove } = createLoginProcess(world);
    const lease = loginLease("a");
    const held = active(lease, await issue(lease));
    expect(await renew({ ...held, maxUntil: "2026-11-21T10:59:59Z" })).toBe("LEASE_CLOSED");
    await remove(held);
    world.calls.length = 0;
    expect(await renew(held)).toBe("LEASE_CLOSED");
    expect(azureCalls(world)).toEqual([]);
  });
});

describe("the quota", () => {
  test.each([
    ["tokens at 80 %", { tokens: { used: 400, limit: 500 } }],
    ["scope maps at 80 %", { scopeMaps: { used: 400, limit: 500 } }],
    ["as many as the tier leaves, where the registry does not say", { tokens: { used: 400, limit: null } }],
  ])("%s: refused before anything is claimed or made", async (_what, usage) => {
    const world = createLoginWorld(usage);
    expect(await createLoginProcess(world).issue(loginLease("a"))).toBe("REGISTRY_TOKEN_QUOTA");
    expect([azureCalls(world), world.table.rows.size]).toEqual([["usage"], 0]);
  });

  test("one below is room; a free password needs none, and a new token needs no new map", async () => {
    const tokens = { used: 399, limit: 500 };
    const scopeMaps = { used: 399, limit: 500 };
    const world = createLoginWorld({ tokens, scopeMaps });
    const { issue } = createLoginProcess(world);
    minted(await issue(loginLease("a")));
    tokens.used = 400;
    scopeMaps.used = 400;
    const full = createLoginWorld({ tokens: { used: 0 }, scopeMaps });
    minted(await issue(loginLease("b")));
    expect(await issue(loginLease("c"))).toBe("REGISTRY_TOKEN_QUOTA");
    expect(await createLoginProcess(full).issue(loginLease("a"))).toBe("REGISTRY_TOKEN_QUOTA");
    tokens.used = 399;
    minted(await issue(loginLease("c")));
  });
});

test("a token that was removed by hand is passed over, and its leases still end", async () => {
  const world = createLoginWorld();
  const { issue, remove } = createLoginProcess(world);
  const [a, b] = [loginLease("a"), loginLease("b")];
  const first = loginOf(await issue(a));
  world.tokens.delete(first.token);
  const second = loginOf(await issue(b));
  expect(second.token).not.toBe(first.token);
  expect(world.works(second.token, second.value)).toBe(true);
  await remove(a);
  await remove(b);
  expect([world.tokens.size, world.scopeMaps.size, world.table.rows.size]).toEqual([0, 0, 0]);
});

test.each([
  [
    "disabled",
    (world: LoginWorld, token: string) => Object.assign(world.tokens.get(token) ?? {}, { isDisabled: true }),
  ],
  [
    "of another scope map",
    (world: LoginWorld, token: string) =>
      Object.assign(world.tokens.get(token) ?? {}, { scopeMap: "_repositories_admin" }),
  ],
  ["without its scope map", (world: LoginWorld) => world.scopeMaps.clear()],
])("a token that is %s by hand gives nobody else a login", async (_what, change) => {
  const world = createLoginWorld();
  const { issue, remove } = createLoginProcess(world);
  const [a, b] = [loginLease("a"), loginLease("b")];
  const first = loginOf(await issue(a));
  change(world, first.token);
  const second = loginOf(await issue(b));
  expect(second.token).not.toBe(first.token);
  expect(world.works(second.token, second.value)).toBe(true);
  await remove(a);
  await remove(b);
  expect([world.tokens.size, world.scopeMaps.size, world.table.rows.size]).toEqual([0, 0, 0]);
});

test("a scope map that was widened by hand is put right before anybody else gets a login", async () => {
  const world = createLoginWorld();
  const { issue } = createLoginProcess(world);
  const first = loginOf(await issue(loginLease("a")));
  const [[name, actions] = ["", []]] = world.scopeMaps;
  world.scopeMaps.set(name, ["repositories/*/content/read", "repositories/*/content/write"]);
  expect(loginOf(await issue(loginLease("b"))).token).not.toBe(first.token);
  expect(world.scopeMaps.get(name)).toEqual(actions);
});

test("what may be under way at the registry is left alone, and removed when it is over", async () => {
  const world = createLoginWorld();
  const lease = loginLease("a");
  const late = createLoginProcess(world, (call) => (call === "create token" ? "late" : "done"));
  expect(await late.issue(lease)).toBe("UPSTREAM_TIMEOUT");
  const other = createLoginProcess(world);
  expect(await other.remove(lease)).toBe("UPSTREAM_TIMEOUT");
  await world.pass(LOCK_SECONDS);
  expect(world.tokens.size).toBe(1);
  await other.remove(lease);
  expect([world.tokens.size, world.scopeMaps.size, world.table.rows.size]).toEqual([0, 0, 0]);
});

test("a refusal for too many requests may come after a try that was taken: the token is left alone", async () => {
  const world = createLoginWorld();
  const lease = loginLease("a");
  const throttled = createLoginProcess(world, (call) => (call === "create token" ? "throttled" : "done"));
  expect(await throttled.issue(lease)).toBe("UPSTREAM_REFUSED");
  const other = createLoginProcess(world);
  expect(await other.remove(lease)).toBe("UPSTREAM_TIMEOUT");
  await world.pass(LOCK_SECONDS);
  await other.remove(lease);
  expect([world.scopeMaps.size, world.table.rows.size]).toEqual([0, 0]);
});

test("a login that could not be put on record as made is not given out", async () => {
  const world = createLoginWorld();
  let isMade = false;
  const process = createLoginProcess(world, (call) => {
    if (call === "replace" && isMade) return "refused";
    isMade ||= call === "generate";
    return "done";
  });
  expect(await process.issue(loginLease("a"))).toBe("STATE_UNAVAILABLE");
});

test("what Azure refused is over at once", async () => {
  const world = createLoginWorld();
  const lease = loginLease("a");
  const refused = createLoginProcess(world, (call) => (call === "create token" ? "forbidden" : "done"));
  expect(await refused.issue(lease)).toBe("UPSTREAM_REFUSED");
  await createLoginProcess(world).remove(lease);
  expect([world.scopeMaps.size, world.table.rows.size]).toEqual([0, 0]);
});
