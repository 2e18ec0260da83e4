import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openKeys, opens, presentedKey } from "../../../../infra/local/host/keys.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "host-keys-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const stored = () => JSON.parse(readFileSync(join(folder, "keys.json"), "utf8"));

describe("openKeys", () => {
  it("makes keys that only the owner can read, and keeps them", () => {
    openKeys(folder, ["a"]);
    const first = stored();
    expect(statSync(join(folder, "keys.json")).mode & 0o777).toBe(0o600);
    openKeys(folder, ["a", "b"]);
    expect(stored()).toEqual({ ...first, functions: { ...first.functions, b: stored().functions.b } });
    expect(new Set([first.master, first.host.default, first.functions.a.default]).size).toBe(3);
  });

  it("tells what a key is", () => {
    openKeys(folder, ["a", "b"]);
    writeFileSync(join(folder, "keys.json"), JSON.stringify({ ...stored(), system: { x_extension: "system-key" } }));
    const keys = openKeys(folder, ["a", "b"]);
    const { master, host, functions } = stored();
    expect(keys.levelOf(master, "a")).toBe("admin");
    expect(keys.levelOf("system-key", "a")).toBe("system");
    expect(keys.levelOf(host.default, "a")).toBe("function");
    expect(keys.levelOf(functions.a.default, "a")).toBe("function");
    expect(keys.levelOf(functions.b.default, "a")).toBe("none");
    expect(keys.levelOf(functions.a.default)).toBe("none");
    expect(keys.levelOf("", "a")).toBe("none");
    expect(keys.levelOf(undefined, "a")).toBe("none");
  });
});

describe("extensions", () => {
  it("have a key of their own, made once; theirs and the master key open their webhooks", () => {
    const keys = openKeys(folder, ["a"]);
    const key = keys.extensionKey("x_extension");
    expect(openKeys(folder, ["a"]).extensionKey("x_extension")).toBe(key);
    const { master, host, functions } = stored();
    const other = keys.extensionKey("y_extension");
    const opened = [key, master, other, host.default, functions.a.default, "wrong", "", undefined];
    expect(opened.map((one) => keys.opensExtension(one, "x_extension"))).toEqual([
      "granted",
      "granted",
      "wrong-key",
      "wrong-key",
      "wrong-key",
      "none",
      "none",
      "none",
    ]);
    expect(keys.levelOf(key, "a")).toBe("system");
  });
});

describe("opens", () => {
  it.each([
    ["none", ["anonymous"]],
    ["system", ["anonymous"]],
    ["function", ["anonymous", "function"]],
    ["admin", ["anonymous", "function", "admin"]],
  ] as const)("a key of level %s opens %j", (level, opened) => {
    const levels = ["anonymous", "function", "admin"] as const;
    expect(levels.filter((required) => opens(level, required))).toEqual(opened);
  });
});

describe("presentedKey", () => {
  it("does not look at the query when there is a header", () => {
    expect(presentedKey("wrong", "right")).toBe("wrong");
    expect(presentedKey("", "right")).toBe("");
    expect(presentedKey(undefined, "right")).toBe("right");
  });
});
