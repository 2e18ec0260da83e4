import { describe, expect, test } from "vitest";
import { MAX_LISTED_REPOSITORIES, resolveRepositories } from "../../../../shared/credentials/resolve-repositories.ts";
import { MAX_REPOSITORIES } from "../../../../shared/scope.ts";
import { signIn } from "../../../support/fakes.ts";
import { registry } from "../../../support/fakes-registry.ts";

function resolve(repositories: readonly string[] | undefined, listed: readonly string[] = []) {
  const limits: number[] = [];
  const listRepositories = async (_opened: unknown, limit: number) => {
    limits.push(limit);
    return listed.slice(0, limit);
  };
  const scope = repositories === undefined ? {} : { repositories };
  return {
    limits,
    names: resolveRepositories({ listRepositories }, { registry: registry(), signIn: signIn() }, scope),
  };
}
const many = (count: number, prefix = "a") => Array.from({ length: count }, (_, index) => `${prefix}/${index}`);

describe("which repositories a credential is for", () => {
  test("names stand as they are, sorted, whether they exist or not; nothing is listed", async () => {
    const { limits, names } = resolve(["b", "a/new"]);
    expect(await names).toEqual(["a/new", "b"]);
    expect(limits).toEqual([]);
  });

  test("patterns mean what is there, beside the names, each once", async () => {
    const { limits, names } = resolve(["team/*", "team/b", "other"], ["team", "team/a", "team/b", "teamwork/a", "z"]);
    expect(await names).toEqual(["other", "team/a", "team/b"]);
    expect(limits).toHaveLength(1);
  });

  test("a star means all", async () => {
    expect(await resolve(["*"], ["z", "a"]).names).toEqual(["a", "z"]);
  });

  test("none that is there is not found; no scope at all gives nothing", async () => {
    await expect(resolve(["team/*"], ["other"]).names).rejects.toMatchObject({ code: "RESOURCE_NOT_FOUND" });
    await expect(resolve(undefined, ["other"]).names).rejects.toMatchObject({ code: "DENIED" });
  });

  test("more than one credential can name, or than can be looked through, are too many", async () => {
    expect(await resolve(["a/*"], many(MAX_REPOSITORIES)).names).toHaveLength(MAX_REPOSITORIES);
    const tooWide = { code: "SCOPE_TOO_WIDE" };
    await expect(resolve(["a/*"], many(MAX_REPOSITORIES + 1)).names).rejects.toMatchObject(tooWide);
    await expect(resolve(["*", "new"], many(MAX_REPOSITORIES)).names).rejects.toMatchObject(tooWide);
    await expect(resolve(["z/*"], many(MAX_LISTED_REPOSITORIES + 1)).names).rejects.toMatchObject(tooWide);
    expect(await resolve(["z/*", "new"], many(MAX_LISTED_REPOSITORIES)).names).toEqual(["new"]);
  });

  test.each(["a:pull repository:b", "a b", "a,b", "*", "team/*", "A", "../a", "a//b", "", "a\n", "a".repeat(256)])(
    "a listed name that is none (%j) is no repository",
    async (name) => {
      expect(await resolve(["*"], [name, "fine"]).names).toEqual(["fine"]);
    },
  );
});
