import { describe, expect, test } from "vitest";
import { createCache } from "../../../shared/cache.ts";

function parts(maxEntries = 10) {
  let at = 0;
  const cache = createCache<string>({ maxAgeMs: 1_000, maxEntries, now: () => new Date(at) });
  const loads: string[] = [];
  const read = (key: string, value: string | null | Error = `${key}!`) =>
    cache(key, async () => {
      loads.push(key);
      if (value instanceof Error) throw value;
      return value;
    });
  const pass = (milliseconds: number) => {
    at += milliseconds;
  };
  return { read, loads, pass };
}

describe("createCache", () => {
  test("one read serves all who ask meanwhile and until it is too old", async () => {
    const { read, loads, pass } = parts();
    expect(await Promise.all([read("a"), read("a")])).toEqual(["a!", "a!"]);
    pass(999);
    await read("a");
    expect(loads).toEqual(["a"]);
    pass(1);
    await read("a");
    expect(loads).toEqual(["a", "a"]);
  });

  test("what failed or was not there is asked for again", async () => {
    const { read, loads } = parts();
    await expect(read("a", new Error("no"))).rejects.toThrow("no");
    expect(await read("a", null)).toBeNull();
    expect(await read("a")).toBe("a!");
    expect(loads).toEqual(["a", "a", "a"]);
  });

  test("beyond its size, what was read longest ago goes", async () => {
    const { read, loads } = parts(2);
    for (const key of ["a", "b", "c", "b", "c", "a"]) await read(key);
    expect(loads).toEqual(["a", "b", "c", "a"]);
  });

  test("a clock that goes back makes nothing last longer", async () => {
    const { read, loads, pass } = parts();
    await read("a");
    pass(-1);
    await read("a");
    expect(loads).toEqual(["a", "a"]);
  });
});
