/** Makes the local Azure misbehave, through its control endpoint. For e2e tests. */
import type { FaultRule } from "../../infra/local/faults.ts";
import type { System } from "./system.ts";

/** Steers one system. */
export type Control = {
  /** From now on, until `clear`. Rules given first win. */
  fault(...rules: readonly FaultRule[]): Promise<void>;
  /** Ends every fault. @returns how many requests the rules hit */
  clear(): Promise<number>;
};

export function createControl({ controlUrl }: Pick<System, "controlUrl">): Control {
  const send = async (method: string, body?: FaultRule): Promise<string> => {
    const response = await fetch(`${controlUrl}/faults`, {
      method,
      ...(body && { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`the control endpoint refused: ${text}`);
    return text;
  };
  return {
    async fault(...rules) {
      for (const rule of rules) await send("POST", rule);
    },
    async clear() {
      const { items }: { items: { hits: number }[] } = JSON.parse(await send("GET"));
      await send("DELETE");
      return items.reduce((sum, { hits }) => sum + hits, 0);
    },
  };
}
