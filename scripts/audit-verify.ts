/** `npm run audit:verify`: verifies the audit trail of the installation that the settings name; exits 1 when something is wrong. */
import { parseArgs } from "node:util";
import pc from "picocolors";
import { dayAt } from "../shared/audit/seal.ts";
import { verifyTrail } from "../shared/audit/verify.ts";
import { ownIdentity } from "../shared/azure/identity.ts";
import { accountUrl, cloudOf } from "../shared/cloud.ts";
import { readConfig } from "../shared/config.ts";
import { createFoundRecordReader } from "../shared/store/audit-records.ts";
import { openSeals } from "../shared/store/audit-seals.ts";
import { openTable } from "../shared/store/tables.ts";

/** Findings that are printed; all are counted. */
const MAX_PRINTED = 200;
const USAGE = `npm run audit:verify [-- --from TIME --to TIME]
  --from TIME   begin with the day of this time (ISO 8601, UTC); the first day unless given
  --to TIME     end with the day of this time; today unless given

Takes the app's settings from the environment, and needs its roles on the state account, or read rights alone.
Exit code: 0 nothing wrong, 1 findings, 2 it could not be verified.
`;

/** `yyyyMMdd`. @throws TypeError when it is no time */
function readDay(flag: string, text: string): string {
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw new TypeError(`--${flag} takes a time such as 2026-11-21 or 2026-11-21T10:00:00Z`);
  return dayAt(time);
}

/** @returns number of findings */
async function verify(days: { from: string | null; to: string | null }): Promise<number> {
  const config = readConfig(process.env);
  const cloud = cloudOf(config.cloud);
  const identity = ownIdentity();
  const table = openTable({
    url: accountUrl(config.stateAccount, cloud.tableSuffix),
    name: "Audit",
    identity,
    unavailable: "AUDIT_UNAVAILABLE",
  });
  const seals = openSeals({ url: accountUrl(config.stateAccount, cloud.blobSuffix), identity });
  const now = new Date();
  // No later day: a record that comes while we read is behind what was read, or of a day that is not.
  const window = { from: days.from, to: days.to ?? dayAt(now.getTime()) };
  const records = createFoundRecordReader(table)({ from: window.from ?? "", to: window.to });
  // Before any record is read, so that every record that these seals name is there to be read.
  const newest = await seals.latest(now);
  const sealNames = { from: window.from ?? "", to: newest?.name ?? "" };
  let findings = 0;
  console.log(`${pc.bold("Audit trail")} of ${config.stateAccount}, ${window.from ?? "first day"} to ${window.to}`);
  const report = await verifyTrail({ records, seals: seals.all(sealNames), window, now }, (fault, where, detail) => {
    findings += 1;
    if (findings <= MAX_PRINTED) console.log(`  ${pc.red("✘")} ${fault.padEnd(17)} ${where}\n    ${detail}`);
  });
  if (findings > MAX_PRINTED) console.log(`  and ${findings - MAX_PRINTED} more`);
  const lines: [string, string][] = [
    ["chains", `${report.chains}, each of one process on one day`],
    ["records", `${report.records}, of which ${report.unsealed} are behind the last seal`],
    ["seals", `${report.seals}, the last at ${report.lastSealedAt ?? "no time"}`],
    ["findings", String(findings)],
  ];
  for (const [name, value] of lines) console.log(`  ${pc.dim(name.padEnd(10))} ${value}`);
  console.log(findings === 0 ? pc.green("Nothing is wrong.") : pc.red("The trail is not what it was."));
  return findings;
}

try {
  const text = { type: "string" } as const;
  const { values } = parseArgs({ options: { from: text, to: text, help: { type: "boolean", short: "h" } } });
  if (values.help) console.log(USAGE);
  else {
    const from = values.from === undefined ? null : readDay("from", values.from);
    const to = values.to === undefined ? null : readDay("to", values.to);
    process.exitCode = (await verify({ from, to })) === 0 ? 0 : 1;
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 2;
}
