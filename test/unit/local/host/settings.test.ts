import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  applyAppSettings,
  readAppSettings,
  readHostSettings,
  requestBodyLimit,
  SettingsError,
} from "../../../../infra/local/host/settings.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "host-settings-"));
});
afterEach(() => rmSync(folder, { recursive: true }));
const write = (name: string, value: unknown) => writeFileSync(join(folder, name), JSON.stringify(value));

describe("readAppSettings", () => {
  it("prefers local.settings.json over the sample, and a named file over both", () => {
    expect(readAppSettings(folder)).toEqual({});
    write("local.settings.sample.json", { Values: { A: "sample" } });
    expect(readAppSettings(folder)).toEqual({ A: "sample" });
    write("local.settings.json", { Values: { A: "local" } });
    expect(readAppSettings(folder)).toEqual({ A: "local" });
    write("other.json", { Values: { A: "other" } });
    expect(readAppSettings(folder, join(folder, "other.json"))).toEqual({ A: "other" });
  });

  it.each([{ IsEncrypted: true, Values: {} }, { Values: { A: 1 } }, { Values: [] }, []])("refuses %j", (content) => {
    write("local.settings.json", content);
    expect(() => readAppSettings(folder)).toThrow(SettingsError);
  });
});

describe("applyAppSettings", () => {
  it("keeps what is set, even when it is empty", () => {
    const environment: Record<string, string | undefined> = { A: "set", B: "" };
    applyAppSettings(environment, { A: "x", B: "x", C: "x" });
    expect(environment).toEqual({ A: "set", B: "", C: "x" });
  });
});

describe("readHostSettings", () => {
  it("has the defaults of the real host", () => {
    expect(readHostSettings(folder)).toEqual({ routePrefix: "api", functionTimeoutMs: 1_800_000, logLevels: {} });
  });

  it("reads prefix, timeout and log levels", () => {
    write("host.json", {
      version: "2.0",
      functionTimeout: "1.00:05:01",
      extensions: { http: { routePrefix: "" } },
      logging: { logLevel: { default: "warning" } },
    });
    expect(readHostSettings(folder)).toEqual({
      routePrefix: "",
      functionTimeoutMs: 86_400_000 + 301_000,
      logLevels: { default: "Warning" },
    });
    write("host.json", { version: "2.0", functionTimeout: "-1" });
    expect(readHostSettings(folder).functionTimeoutMs).toBeNull();
  });

  it.each([
    {},
    { version: "1.0" },
    { version: "2.0", functionTimeout: "5" },
    { version: "2.0", logging: { logLevel: { default: "loud" } } },
    { version: "2.0", extensions: { http: { routePrefix: 1 } } },
  ])("refuses %j", (content) => {
    write("host.json", content);
    expect(() => readHostSettings(folder)).toThrow(SettingsError);
  });
});

describe("requestBodyLimit", () => {
  it("is 100 MiB unless the app setting says otherwise", () => {
    expect(requestBodyLimit({})).toBe(100 * 1024 * 1024);
    expect(requestBodyLimit({ FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: "10" })).toBe(10);
  });
});
