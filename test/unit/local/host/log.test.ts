import { expect, it } from "vitest";
import { createLog, type LogLevel } from "../../../../infra/local/host/log.ts";

const logged = (levels: Record<string, LogLevel>, level: LogLevel, category: string): boolean => {
  const lines: string[] = [];
  createLog({ write: (line) => lines.push(line), levels, now: () => new Date(0) })({ level, category, message: "m" });
  return lines.length === 1;
};

it("createLog: the longest category prefix decides, then default, then Information", () => {
  const levels = { default: "Error", Function: "Warning", "Function.a": "Debug" } as const;
  expect(logged(levels, "Debug", "Function.a.User")).toBe(true);
  expect(logged(levels, "Information", "Function.b")).toBe(false);
  expect(logged(levels, "Warning", "Function.b")).toBe(true);
  expect(logged(levels, "Warning", "Host.Startup")).toBe(false);
  expect(logged({}, "Information", "Host.Startup")).toBe(true);
  expect(logged({}, "Debug", "Host.Startup")).toBe(false);
  expect(logged({ default: "None" }, "Critical", "Host.Startup")).toBe(false);
});

it("createLog: writes one JSON line", () => {
  const lines: string[] = [];
  const log = createLog({ write: (line) => lines.push(line), levels: {}, now: () => new Date(0) });
  log({ level: "Error", category: "Function.a", message: "two\nlines", function: "a", invocationId: "i" });
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    {
      time: "1970-01-01T00:00:00.000Z",
      level: "Error",
      category: "Function.a",
      message: "two\nlines",
      function: "a",
      invocationId: "i",
    },
  ]);
  expect(lines[0]).not.toContain("\n");
});
