import { describe, expect, test } from "vitest";
import { NotFoundError, UpstreamError } from "../../../../../shared/errors.ts";
import { deletePurgePolicy, findPurgePolicy, putPurgePolicy } from "../../../../../shared/purge/policy/manage.ts";
import { ADMIN, unavailable } from "../../../../support/fakes.ts";
import { openedOwn, purgeRouteParts, WEEKLY } from "../../../../support/fakes-purge-routes.ts";
import { REGISTRY } from "../../../../support/fakes-purge-runs.ts";

const place = { loginServer: REGISTRY, policy: "weekly" };
const context = { by: ADMIN, rule: "role:Latchkey.Admin", correlationId: "c-1" };

describe("put", () => {
  test("opens the registry in the named connector, records, then writes; the timer's next time is the schedule's", async () => {
    const { deps, journal, audited } = purgeRouteParts();
    const { policy, etag, nextDueAt } = await putPurgePolicy(deps, place, WEEKLY, null, context);
    // 21 November 2026 is a Saturday.
    expect(nextDueAt).toBe("2026-11-22T03:00:00Z");
    expect(journal).toEqual([`open azure ${REGISTRY} ${REGISTRY}`, "audit purge-policy.changed ok", "policy.write"]);
    expect(await deps.policies.find(REGISTRY, "weekly")).toEqual({
      name: "weekly",
      loginServer: REGISTRY,
      spec: policy,
      nextDueAt,
      updatedBy: ADMIN.id,
      etag,
    });
    expect(audited).toMatchObject([
      {
        principalId: ADMIN.id,
        resourceId: `purge-policy:${REGISTRY}/weekly`,
        rule: context.rule,
        detail: { registry: REGISTRY, policy: "weekly", spec: JSON.stringify(policy) },
      },
    ]);
  });

  test.each<[string, object]>([
    ["disabled", { enabled: false }],
    [
      "without a schedule",
      { schedule: null, rules: [{ name: "r", action: "delete", repositories: "a", tags: "b", olderThan: "7d" }] },
    ],
  ])("a policy that is %s is never due", async (_, changes) => {
    const { deps } = purgeRouteParts();
    const { nextDueAt } = await putPurgePolicy(deps, place, { ...WEEKLY, ...changes }, null, context);
    expect(nextDueAt).toBeNull();
  });

  test("a time that has come and was not run is not lost to a change; a new schedule has a time of its own", async () => {
    const { deps, runs } = purgeRouteParts();
    const first = await putPurgePolicy(deps, place, WEEKLY, null, context);
    runs.clock.pass(17.05 * 3600);
    const limits = { maxItems: 7 };
    const second = await putPurgePolicy(deps, place, { ...WEEKLY, limits }, first.etag, context);
    expect(second.nextDueAt).toBe("2026-11-22T03:00:00Z");
    const daily = { ...WEEKLY, schedule: { preset: "daily" } };
    const third = await putPurgePolicy(deps, place, daily, second.etag, context);
    expect(third.nextDueAt).toBe("2026-11-23T03:00:00Z");
    // One that was off meanwhile has missed nothing.
    const off = await putPurgePolicy(deps, place, { ...daily, enabled: false }, third.etag, context);
    runs.clock.pass(48 * 3600);
    expect((await putPurgePolicy(deps, place, daily, off.etag, context)).nextDueAt).toBe("2026-11-25T03:00:00Z");
  });

  test("412 for what is not as the writer saw it, before anything is opened or recorded", async () => {
    const { deps, journal } = purgeRouteParts();
    const { etag } = await putPurgePolicy(deps, place, WEEKLY, null, context);
    journal.length = 0;
    const failure = { code: "ETAG_MISMATCH" };
    await expect(putPurgePolicy(deps, place, WEEKLY, null, context)).rejects.toMatchObject(failure);
    await expect(putPurgePolicy(deps, place, WEEKLY, 'W/"other"', context)).rejects.toMatchObject(failure);
    await expect(deletePurgePolicy(deps, place, 'W/"other"', context)).rejects.toMatchObject(failure);
    expect(journal).toEqual([]);
    expect((await findPurgePolicy(deps.policies, place)).etag).toBe(etag);
  });

  test("another's change between the record and the write: the record is taken back", async () => {
    const { deps, audited } = purgeRouteParts();
    const write = async () => null;
    const putting = putPurgePolicy({ ...deps, policies: { ...deps.policies, write } }, place, WEEKLY, null, context);
    await expect(putting).rejects.toMatchObject({ code: "ETAG_MISMATCH" });
    expect(audited.map(({ event, outcome }) => [event, outcome])).toEqual([
      ["purge-policy.changed", "ok"],
      ["purge-policy.changed", "withdrawn"],
    ]);
  });

  test("nothing is written that is not on record", async () => {
    const { deps, faults } = purgeRouteParts();
    faults.audit = unavailable("AUDIT_UNAVAILABLE");
    await expect(putPurgePolicy(deps, place, WEEKLY, null, context)).rejects.toMatchObject({
      code: "AUDIT_UNAVAILABLE",
    });
    expect(await deps.policies.find(REGISTRY, "weekly")).toBeNull();
  });

  test.each<[string, (parts: ReturnType<typeof purgeRouteParts>) => void, string]>([
    [
      "outside the connector",
      ({ faults }) => Object.assign(faults, { open: new NotFoundError("RESOURCE_NOT_FOUND", "x") }),
      "RESOURCE_NOT_FOUND",
    ],
    [
      "that the connector takes for another",
      ({ opened }) => Object.assign(opened, { registry: openedOwn({ loginServer: "registryone-4f2a.azurecr.io" }) }),
      "RESOURCE_NOT_FOUND",
    ],
    [
      "that cannot be asked for",
      ({ faults }) => Object.assign(faults, { open: new UpstreamError("UPSTREAM_TIMEOUT", "x", { retryable: true }) }),
      "UPSTREAM_TIMEOUT",
    ],
  ])("a registry %s is refused, and nothing recorded or written", async (_, arrange, code) => {
    const parts = purgeRouteParts();
    arrange(parts);
    await expect(putPurgePolicy(parts.deps, place, WEEKLY, null, context)).rejects.toMatchObject({ code });
    expect([parts.audited, parts.policyTable.rows.size]).toEqual([[], 0]);
  });

  test.each<[string, object, string]>([
    ["a bound looser than the server's", { ...WEEKLY, limits: { maxItems: 50_001 } }, "INVALID_REQUEST"],
    ["an unknown field", { ...WEEKLY, dryRun: true }, "INVALID_REQUEST"],
    [
      "a pattern that cannot be matched exactly",
      { ...WEEKLY, rules: [{ name: "r", action: "delete", repositories: "(a)\\1", tags: ".*" }] },
      "PATTERN_UNSUPPORTED",
    ],
  ])("%s is refused before anything is opened", async (_, input, code) => {
    const { deps, journal } = purgeRouteParts();
    await expect(putPurgePolicy(deps, place, input, null, context)).rejects.toMatchObject({ code });
    expect(journal).toEqual([]);
  });
});

test("one that the trail cannot hold, though a column could, is refused before anything is opened", async () => {
  const { deps, journal } = purgeRouteParts();
  // On the trail a backslash is written four times.
  const rules = (count: number) =>
    Array.from({ length: count }, (_, n) => ({
      ...{ name: `r${n}`, action: "delete", repositories: "a", tags: "\\.".repeat(400) },
    }));
  const putting = putPurgePolicy(deps, place, { ...WEEKLY, rules: rules(15) }, null, context);
  await expect(putting).rejects.toMatchObject({ code: "INVALID_REQUEST", problems: [{ path: "" }] });
  expect(journal).toEqual([]);
  await putPurgePolicy(deps, place, { ...WEEKLY, rules: rules(12) }, null, context);
});

describe("a policy that is only switched off", () => {
  const unreachable = new UpstreamError("UPSTREAM_TIMEOUT", "x", { retryable: true });

  test("is saved though its registry cannot be reached", async () => {
    const { deps, faults, audited } = purgeRouteParts();
    const { etag } = await putPurgePolicy(deps, place, WEEKLY, null, context);
    faults.open = unreachable;
    const off = await putPurgePolicy(deps, place, { ...WEEKLY, enabled: false }, etag, context);
    expect([off.policy.enabled, off.nextDueAt, audited.length]).toEqual([false, null, 2]);
    // To switch it on again takes the registry.
    await expect(putPurgePolicy(deps, place, WEEKLY, off.etag, context)).rejects.toBe(unreachable);
  });

  test.each([
    ["with another connector", { connector: "other" }],
    ["with other rules", { rules: [{ name: "r", action: "delete", repositories: "a", tags: "b" }] }],
    ["with other limits", { limits: { allowLastTag: false } }],
  ])("and %s is a change like any other", async (_, changes) => {
    const { deps, faults } = purgeRouteParts();
    const { etag } = await putPurgePolicy(deps, place, WEEKLY, null, context);
    faults.open = unreachable;
    const putting = putPurgePolicy(deps, place, { ...WEEKLY, enabled: false, ...changes }, etag, context);
    await expect(putting).rejects.toBe(unreachable);
  });

  test("a new one is opened", async () => {
    const { deps, faults } = purgeRouteParts();
    faults.open = unreachable;
    const putting = putPurgePolicy(deps, place, { ...WEEKLY, enabled: false }, null, context);
    await expect(putting).rejects.toBe(unreachable);
  });
});

describe("delete", () => {
  test("recorded, then gone; once more there is none", async () => {
    const { deps, journal } = purgeRouteParts();
    const { etag } = await putPurgePolicy(deps, place, WEEKLY, null, context);
    await deletePurgePolicy(deps, place, etag, context);
    expect(journal.at(-1)).toBe("audit purge-policy.deleted ok");
    await expect(deletePurgePolicy(deps, place, etag, context)).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(findPurgePolicy(deps.policies, place)).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  test("nothing goes that is not on record", async () => {
    const { deps, faults } = purgeRouteParts();
    const { etag } = await putPurgePolicy(deps, place, WEEKLY, null, context);
    faults.audit = unavailable("AUDIT_UNAVAILABLE");
    await expect(deletePurgePolicy(deps, place, etag, context)).rejects.toMatchObject({ code: "AUDIT_UNAVAILABLE" });
    expect((await findPurgePolicy(deps.policies, place)).etag).toBe(etag);
  });
});
