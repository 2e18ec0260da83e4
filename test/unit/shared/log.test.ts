import { expect, test } from "vitest";
import { createLog } from "../../../shared/log.ts";

function recorded() {
  const lines: [string, unknown][] = [];
  const sink = (level: string) => (line: string) => void lines.push([level, JSON.parse(line)]);
  return { lines, log: createLog({ info: sink("info"), warn: sink("warn"), error: sink("error") }) };
}

test("writes one JSON object a line at the level that was asked for", () => {
  const { lines, log } = recorded();
  log.info("http.answered", { status: 200, milliseconds: 3 });
  log.warn("http.upstream-failed", { upstreamStatus: 503, upstreamCode: "ServerBusy" });
  log.error("http.defect", { errorName: "TypeError" });
  expect(lines).toEqual([
    ["info", { event: "http.answered", status: 200, milliseconds: 3 }],
    ["warn", { event: "http.upstream-failed", upstreamStatus: 503, upstreamCode: "ServerBusy" }],
    ["error", { event: "http.defect", errorName: "TypeError" }],
  ]);
});

test("leaves out what is not on the list, whatever carries it in", () => {
  const { lines, log } = recorded();
  const wide = { status: 201, sasToken: "sig=abc", authorization: "Bearer x", event: "forged", body: { deep: 1 } };
  log.info("http.answered", wide);
  expect(lines).toEqual([["info", { event: "http.answered", status: 201 }]]);
});

test("a line break in a value stays inside the line", () => {
  const raw: string[] = [];
  const log = createLog({ info: (line) => void raw.push(line), warn: () => {}, error: () => {} });
  log.info("http.answered", { connector: 'x"\n{"event":"forged"}' });
  expect(raw).toHaveLength(1);
  expect(raw[0]).not.toContain("\n");
});
