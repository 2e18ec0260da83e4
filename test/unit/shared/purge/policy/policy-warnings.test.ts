import { describe, expect, test } from "vitest";
import { UpstreamError } from "../../../../../shared/errors.ts";
import { MAX_KNOWN, MAX_TAGGED } from "../../../../../shared/purge/policy/known-names.ts";
import { putPurgePolicy } from "../../../../../shared/purge/policy/manage.ts";
import { ADMIN } from "../../../../support/fakes.ts";
import { refusal } from "../../../../support/fakes-purge.ts";
import { purgeRouteParts, WEEKLY } from "../../../../support/fakes-purge-routes.ts";
import { REGISTRY } from "../../../../support/fakes-purge-runs.ts";

const place = { loginServer: REGISTRY, policy: "weekly" };
const context = { by: ADMIN, rule: "role:Latchkey.Admin", correlationId: "c-1" };

describe("a save warns:", () => {
  const keep = { name: "one", action: "keep", repositories: "team-a", tags: "v1" };
  const rest = { name: "rest", action: "delete", repositories: ".*", tags: ".*" };
  const policy = { ...WEEKLY, rules: [keep, rest] };
  const codesOf = ({ warnings }: { warnings: readonly { code: string }[] }) => warnings.map(({ code }) => code);

  test("what matches nothing there is, is told, and saved all the same", async () => {
    const { deps, content } = purgeRouteParts();
    content.push("team-b", { tags: ["v1"] });
    const saved = await putPurgePolicy(deps, place, policy, null, context);
    expect(codesOf(saved)).toContain("NO_SUCH_REPOSITORY");
    content.push("team-a", { tags: ["v1"] });
    expect(codesOf(await putPurgePolicy(deps, place, policy, saved.etag, context))).not.toContain("NO_SUCH_REPOSITORY");
  });

  test("so is a tag pattern that matches none of the tags of all its repositories", async () => {
    const { deps, content } = purgeRouteParts();
    content.push("team-a", { tags: ["v2"] });
    const saved = await putPurgePolicy(deps, place, policy, null, context);
    expect(saved.warnings).toContainEqual(expect.objectContaining({ code: "NO_SUCH_TAG", rule: "one" }));
    content.push("team-a", { tags: ["v1"] });
    expect(codesOf(await putPurgePolicy(deps, place, policy, saved.etag, context))).not.toContain("NO_SUCH_TAG");
  });

  test("nothing is said of tags where a repository cannot be listed, has very many, or where there are many repositories", async () => {
    const parts = purgeRouteParts();
    parts.content.push("team-a", { tags: ["v2"] });
    const put = async (name: string, repositories: string) => {
      const rules = [{ ...keep, repositories, tags: "none" }, rest];
      return codesOf(await putPurgePolicy(parts.deps, { ...place, policy: name }, { ...WEEKLY, rules }, null, context));
    };
    parts.content.faults.on = ({ operation }) => (operation === "tags" ? refusal(500) : null);
    expect(await put("failing", "team-a")).not.toContain("NO_SUCH_TAG");
    parts.content.faults.on = () => null;
    expect(await put("known", "team-a")).toContain("NO_SUCH_TAG");
    parts.content.push("large", { tags: Array.from({ length: MAX_KNOWN + 1 }, (_, n) => `t${n}`) });
    expect(await put("large", "large")).not.toContain("NO_SUCH_TAG");
    const before = parts.content.count("tags");
    for (let n = 0; n < MAX_TAGGED; n++) parts.content.push(`many-${n}`, { tags: ["v2"] });
    expect(await put("ten", "many-.*")).toContain("NO_SUCH_TAG");
    parts.content.push("many-more", { tags: ["v2"] });
    const listed = parts.content.count("tags");
    expect(await put("more", "many-.*")).not.toContain("NO_SUCH_TAG");
    expect([listed > before, parts.content.count("tags")]).toEqual([true, listed]);
  });

  test("tags that do not come in time are not waited for", async () => {
    const { deps, content } = purgeRouteParts();
    content.push("team-a", { tags: ["v2"] });
    const end = new AbortController();
    const tags = () => {
      end.abort();
      return never();
    };
    const openContent = () => ({ ...deps.openContent(), tags });
    const slow = { ...deps, openContent, timeout: () => end.signal };
    const codes = codesOf(await putPurgePolicy(slow, place, policy, null, context));
    expect([codes.includes("NO_SUCH_TAG"), codes.includes("REPOSITORIES_UNREAD")]).toEqual([false, false]);
  });

  test("a registry for which the server knows no cluster", async () => {
    const { deps, clustered } = purgeRouteParts();
    const saved = await putPurgePolicy(deps, place, policy, null, context);
    expect(codesOf(saved)).not.toContain("NO_CLUSTERS");
    clustered.clear();
    const { warnings } = await putPurgePolicy(deps, place, policy, saved.etag, context);
    expect(warnings).toContainEqual(expect.objectContaining({ code: "NO_CLUSTERS", rule: null, path: "/inUse" }));
  });

  test("a schedule that may say something else than it seems", async () => {
    const { deps } = purgeRouteParts();
    const odd = { ...policy, rules: [keep, { ...rest, olderThan: "7d" }], schedule: { cron: "0 22-2 * j *" } };
    const { warnings } = await putPurgePolicy(deps, place, odd, null, context);
    const ofSchedule = warnings.filter(({ path }) => path === "/schedule/cron");
    expect(ofSchedule.map(({ code }) => code)).toEqual(["CRON_RANGE_TURNED", "CRON_SHORT_NAME"]);
  });

  test("a registry that cannot be listed is a warning, not an error", async () => {
    const { deps, faults } = purgeRouteParts();
    faults.list = new UpstreamError("UPSTREAM_REFUSED", "x", { retryable: false });
    const codes = codesOf(await putPurgePolicy(deps, place, policy, null, context));
    expect(codes).toContain("REPOSITORIES_UNREAD");
    expect(codes).not.toContain("NO_SUCH_REPOSITORY");
  });

  test("one that does not answer in time is not waited for", async () => {
    const { deps } = purgeRouteParts();
    const aborted = AbortSignal.abort();
    const openContent = () => ({ ...deps.openContent(), repositories: () => never() });
    const saved = await putPurgePolicy({ ...deps, openContent, timeout: () => aborted }, place, policy, null, context);
    expect(codesOf(saved)).toContain("REPOSITORIES_UNREAD");
  });

  test("of more than 2,000 repositories nothing is said, for not all were looked at", async () => {
    const { deps, content } = purgeRouteParts();
    for (let n = 0; n <= 2_000; n++) content.push(`r${n}`);
    const codes = codesOf(await putPurgePolicy(deps, place, policy, null, context));
    expect(codes).toContain("TOO_MANY_REPOSITORIES");
    expect(codes).not.toContain("NO_SUCH_REPOSITORY");
  });
});

/** A list whose first page never comes. */
async function* never(): AsyncGenerator<readonly never[]> {
  await new Promise(() => {});
  yield [];
}
