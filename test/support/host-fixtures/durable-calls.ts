/** A host with the durable fixture app, and calls of the real client inside it. For contract tests. */
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { keysOf } from "./sandbox.ts";

export const DURABLE_APP = fileURLToPath(new URL("durable-app/", import.meta.url));

/** Polls every 50 ms, for 20 seconds. */
const POLL_MS = 50;
const POLLS = 400;

/** What of the client's answers the tests look at. */
export type Status = {
  readonly runtimeStatus: string;
  readonly output: unknown;
  readonly customStatus: unknown;
  readonly instanceId: string;
  readonly input: unknown;
};

/** Looks until it is so. */
export async function untilSo(what: string, look: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < POLLS; i++) {
    if (await look()) return;
    await wait(POLL_MS);
  }
  throw new Error(`Waited in vain for ${what}`);
}

/** @param urlOf the host as it runs now */
export function durableCalls(urlOf: () => string, stateDir: string) {
  const post = (path: string, body: unknown) =>
    fetch(`${urlOf()}/api/${path}`, { method: "POST", body: JSON.stringify(body) });
  /** A method of the client. */
  async function call(method: string, ...args: unknown[]): Promise<unknown> {
    const response = await post(`client/${method}`, args);
    const { result, error } = (await response.json()) as { result?: unknown; error?: string };
    if (error !== undefined) throw new Error(error);
    return result;
  }
  const status = async (id: string) => (await call("getStatus", id)) as Status;
  const key = (): string => keysOf(stateDir).system.durabletask_extension;
  return {
    call,
    status,
    extensionKey: key,
    /** Starts an orchestration and waits for its end in an HTTP function. */
    async run(name: string, input: unknown): Promise<{ status: number; body: Status & Record<string, unknown> }> {
      const response = await post(`start-and-wait/${name}`, input);
      return { status: response.status, body: (await response.json()) as Status & Record<string, unknown> };
    },
    /** Starts an orchestration. */
    startNew: async (name: string, input?: unknown) =>
      (await call("startNew", name, input === undefined ? {} : { input })) as string,
    async ended(id: string): Promise<Status> {
      let last: Status | undefined;
      await untilSo(`the end of ${id}`, async () => {
        last = await status(id);
        return !["Pending", "Running", "Suspended"].includes(last.runtimeStatus);
      });
      if (!last) throw new Error(`${id} has no status`);
      return last;
    },
    /** A request to the management endpoints, with the key of the extension. */
    manage: (path: string, init: RequestInit = {}) =>
      fetch(`${urlOf()}/runtime/webhooks/durabletask/${path}`, {
        ...init,
        headers: { "x-functions-key": key(), "content-type": "application/json", ...init.headers },
      }),
  };
}
