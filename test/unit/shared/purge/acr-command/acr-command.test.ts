import { describe, expect, test } from "vitest";
import { InputError } from "../../../../../shared/errors.ts";
import { importAcrPurge } from "../../../../../shared/purge/acr-command/acr-command.ts";
import { compilePattern } from "../../../../../shared/purge/pattern/match.ts";
import { parsePattern } from "../../../../../shared/purge/pattern/parse.ts";
import { NO_BOUNDS, readPurgePolicy } from "../../../../../shared/purge/policy/policy.ts";

const codesOf = (command: string) => importAcrPurge(command).differences.map(({ code }) => code);
const policyOf = (command: string) => readPurgePolicy({ connector: "c", ...importAcrPurge(command).policy }, NO_BOUNDS);
const rulesOf = (command: string) => policyOf(command).rules ?? [];
const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

function refusalOf(command: string) {
  try {
    importAcrPurge(command);
  } catch (error) {
    if (error instanceof InputError) return { code: error.code, text: JSON.stringify([error.message, error.problems]) };
    throw error;
  }
  throw new Error(`taken: ${command}`);
}

describe("examples of the tool's own help", () => {
  test.each([
    ['acr purge -r example --filter "hello-world:.*" --ago 1d', "hello-world", ".*", "1d"],
    ['acr purge -r example --filter ".*:.*" --ago 7d ', ".*", ".*", "7d"],
    ['acr purge -r example --filter "hello-world:^hello.*" --ago 7d', "hello-world", "^hello.*", "7d"],
    [
      'acr purge -r example --filter "hello-world:\\w*test\\w*" --ago 5d --untagged',
      "hello-world",
      "(?s:.*)\\w*test\\w*(?s:.*)",
      "5d",
    ],
    ["mcr.microsoft.com/acr/acr-cli:0.18 purge -f=hello:^v -r=x --ago=36h", "hello", "^v(?s:.*)", "36h"],
    ["acr --registry example purge -fhello:v$ --ago 1.5h", "hello", "(?s:.*)v$", "PT1H30M"],
  ])("%s", (command, repositories, tags, olderThan) => {
    expect(rulesOf(command)).toEqual([
      {
        name: "purge",
        action: "delete",
        repositories,
        tags,
        untagged: command.includes("--untagged"),
        olderThan,
        keepNewest: 0,
        includeLocked: false,
      },
    ]);
  });
});

test("inside az acr run and az acr task create, with its schedule", () => {
  const inner = "acr purge --filter 'a:.*' --ago 7d --untagged";
  const run = importAcrPurge(`az acr run --cmd "${inner}" --registry r /dev/null`);
  expect(run).toEqual(importAcrPurge(inner));
  const task = (schedule: string) =>
    `az acr task create --name t --cmd "${inner}" --schedule "${schedule}" -r r --context /dev/null`;
  expect(policyOf(task("0 1 * * Sun")).schedule).toEqual({ cron: "0 1 * * Sun" });
  expect(policyOf(task("nightly:0 1 * * *")).schedule).toEqual({ cron: "0 1 * * *" });
  expect(policyOf(task("7 1 * * *")).schedule).toBeNull();
  expect(codesOf(task("7 1 * * *"))).toContain("SCHEDULE_UNSUPPORTED");
});

test("switches, keep and what has no place in a policy", () => {
  const base = "acr purge --filter a:b --ago 7d";
  expect(rulesOf(`${base} --keep 3 --include-locked --untagged=false`)[0]).toMatchObject({
    keepNewest: 3,
    includeLocked: true,
    untagged: false,
  });
  expect(codesOf(`${base} --keep 3 --untagged`)).toEqual(
    expect.arrayContaining(["KEEP_COUNTS_IMAGES", "KEEP_COUNTS_UNTAGGED_ONCE"]),
  );
  expect(policyOf(`${base} --dry-run`).enabled).toBe(false);
  expect(codesOf(`${base} --dry-run`)).toContain("DRY_RUN");
  expect(
    codesOf(`${base} -r x -u me -c f --filter-timeout-seconds 5 --concurrency 40 --repository-page-size 9 --verbose`),
  ).toEqual(
    expect.arrayContaining([
      ...["REGISTRY_IGNORED", "CREDENTIALS_IGNORED", "TIMEOUT_IGNORED", "CONCURRENCY_IGNORED", "PAGE_SIZE_IGNORED"],
      "VERBOSE_IGNORED",
    ]),
  );
  const plain = codesOf(base);
  expect(plain).toEqual(expect.arrayContaining(["DELETES_BY_DIGEST", "PROTECTS_PARTS", "KEEPS_USED", "LIMITED"]));
  expect(new Set(plain).size).toBe(plain.length);
});

test("--untagged-only takes untagged manifests alone, of every repository without a filter", () => {
  expect(rulesOf("acr purge --untagged-only")[0]).toMatchObject({
    repositories: ".*",
    tags: null,
    untagged: true,
    olderThan: "1s",
  });
  expect(codesOf("acr purge --untagged-only")).toContain("NO_AGE");
  const command = "acr purge --untagged-only --filter a:x --filter 'b|c:(' --keep 2 --ago 3d";
  const [rule, ...rest] = rulesOf(command);
  expect(rest).toEqual([]);
  expect(rule).toMatchObject({ tags: null, untagged: true, olderThan: "3d", keepNewest: 2 });
  const { matchesWhole } = compilePattern(parsePattern(rule?.repositories ?? ""));
  expect(["a", "bx", "xc", "xa", "cx"].map(matchesWhole)).toEqual([true, true, true, false, false]);
  expect(codesOf(command)).toContain("TAG_HALF_IGNORED");
  expect(rulesOf("acr purge --untagged-only --keep 5")[0]).toMatchObject({ olderThan: null, keepNewest: 5 });
});

describe("commands that are refused", () => {
  test.each([
    ...[
      "",
      "purge --filter a:b --ago 1d",
      "acr",
      "acr tag list",
      "docker run acr purge",
      "az acr purge",
      "az acr run --registry r",
    ],
    ...[
      "acr purge",
      "acr purge --ago 1d",
      "acr purge --filter a:b",
      "acr purge --filter a:b --ago",
      "acr purge --filter a:b --ago 1d extra",
    ],
    ...[
      "acr purge --filter a:b --ago 1d --force",
      "acr purge --filter a:b --ago 1d -x",
      "acr purge --filter a:b --ago 1d --keep -1",
    ],
    ...[
      "acr purge --filter a:b --ago 1d --keep 010",
      "acr purge --filter a:b --ago 1d --keep 0x10",
      "acr purge --filter a:b --ago 1d --keep 99999999",
    ],
    ...[
      "acr purge --filter a:b --ago 1d --dry-run=maybe",
      "acr purge --filter a:b --ago 1d --help",
      "acr purge --filter a:b --ago 1d --max-tags 5",
    ],
    ...[
      "acr purge --untagged --untagged-only",
      "acr purge --untagged-only --filter a",
      "acr purge --filter a:b --ago 1d && rm x",
    ],
    ...[
      "acr purge --filter a:b --ago 1d --__proto__ x",
      "acr purge --filter a:b --ago 1d --constructor=x",
      "acr purge --filter $F --ago 1d",
    ],
    ...[
      'az acr run --cmd "acr purge --filter a:b --ago 1d" --cmd x',
      "az acr run --cmd 'acr purge --filter a:{{.Run.ID}} --ago 1d'",
    ],
    `acr purge --ago 1d ${"--filter a:b ".repeat(51)}`,
    `acr purge --ago 1d --filter 'a:${"b".repeat(5_000)}'`,
    `acr purge --ago 1d --filter 'a\nb:c'`,
  ])("%j", (command) => {
    expect(["INVALID_REQUEST", "PATTERN_UNSUPPORTED"]).toContain(refusalOf(command).code);
  });

  test.each([
    "d",
    "xd",
    "abcd",
    "0",
    "1.5d",
    "1h2d",
    "7days",
    "1dd",
    "2dh",
    "-1d",
    "-5m",
    "1d2h 3m",
    "30",
    "1w",
    "7D",
    "1d1d",
  ])("--ago %s, which the tool reads by accident or not at all", (ago) => {
    expect(refusalOf(`acr purge --filter a:b --ago '${ago}'`).code).toBe("INVALID_REQUEST");
  });

  test.each([
    "0d",
    "0s",
    "0h0m",
    "P7D",
    "1d2",
    "1500ms",
    "1ns",
    "55000d",
    "99999999999h",
    "9".repeat(200),
    "٧d",
    "1d-1h",
    "",
  ])("--ago %j", (ago) => {
    expect(refusalOf(`acr purge --filter a:b --ago '${ago}'`).code).toBe("INVALID_REQUEST");
  });

  test.each(["a", "a:", ":b", "a:b:c", "(?x:a):b:c", "(?n:a):b", "a:(?imsUims:b)", "[:alpha:]", "a[:b"])(
    "--filter %s",
    (filter) => {
      expect(refusalOf(`acr purge --ago 1d --filter ${quoted(filter)}`).code).toBe("INVALID_REQUEST");
    },
  );

  test.each(["a:(b", "(a:b", "a:*", "a:(b)\\1", "a:(?>b)"])("--filter %s, which has no exact pattern", (filter) => {
    expect(refusalOf(`acr purge --ago 1d --filter ${quoted(filter)}`).code).toBe("PATTERN_UNSUPPORTED");
  });

  test("nothing of the command is shown again", () => {
    for (const command of [
      "acr purge --filter a:b --ago hunter2",
      "acr purge --filter '(hunter2:b' --ago 1d",
      "acr purge --filter a:b --ago 1d -p hunter2 hunter2",
      "acr purge --filter a:b --ago 1d --hunter2 x",
      "acr purge --filter hunter2 --ago 1d",
    ]) {
      expect(refusalOf(command).text).not.toContain("hunter2");
    }
    expect(JSON.stringify(importAcrPurge("acr purge --filter a:b --ago 1d -u me -p hunter2"))).not.toContain("hunter2");
  });
});

test.each(["a:(?i:b)", "(?i-s:a):b", "a:[[:alpha:]]", "[[:^alpha:]]:x", "a:[^:]b"])(
  "the colon of %s is found",
  (filter) => {
    expect(rulesOf(`acr purge --ago 1d --filter ${quoted(filter)}`)).toHaveLength(1);
  },
);

test.each([
  ["30m1h", "PT1H30M"],
  ["1h1h", "PT2H"],
  ["0.5h", "PT30M"],
  ["1.h", "PT1H"],
  [".5m", "PT30S"],
  ["1d1500ms500ms", "P1DT2S"],
  ["2d99h", "2d99h"],
  ["1000000000ns", "PT1S"],
])("--ago %s is a Go duration: %s", (ago, olderThan) => {
  expect(rulesOf(`acr purge --filter a:b --ago ${ago}`)[0]?.olderThan).toBe(olderThan);
});
