/** Test projects: unit (no network), contract (ports against the local Azure), e2e (bundle over HTTP), clients (tools from outside npm). */
import { defineConfig } from "vitest/config";

/**
 * End-to-end files at once. They mostly wait (for time limits, policy, processes), so one more than the two cores that
 * they are run on at least; each has a local system of its own, of about 700 MiB.
 */
const E2E_WORKERS = 3;
/** Contract files at once: they too mostly wait, for faults to pass and time limits to end. */
const CONTRACT_WORKERS = 3;

export default defineConfig({
  test: {
    projects: [
      { test: { name: "unit", include: ["test/unit/**/*.test.ts"], setupFiles: ["test/support/unit-setup.ts"] } },
      {
        test: {
          name: "contract",
          include: ["test/contract/**/*.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 120_000,
          maxWorkers: CONTRACT_WORKERS,
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          globalSetup: ["test/support/e2e-setup.ts"],
          testTimeout: 120_000,
          hookTimeout: 240_000,
          maxWorkers: E2E_WORKERS,
          // After the other projects: Vitest wants a group for a number of workers of its own.
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: "clients",
          include: ["test/clients/**/*.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 240_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
