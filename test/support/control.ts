/** Makes the local Azure misbehave, through its control endpoint. For e2e tests. */
import type { FaultRule } from "../../infra/local/faults.ts";
import type { System } from "./system.ts";

/** Steers one system. */
export type Control = {
  /** From now on, until `clear`. Rules given first win. @returns their ids, for `lift` */
  fault(...rules: readonly FaultRule[]): Promise<readonly string[]>;
  /** Ends these faults alone. @returns how many requests they hit */
  lift(ids: readonly string[]): Promise<number>;
  /** How many requests these faults have hit so far. */
  hits(ids: readonly string[]): Promise<number>;
  /** Ends every fault. @returns how many requests the rules hit */
  clear(): Promise<number>;
};

export function createControl({ controlUrl }: Pick<System, "controlUrl">): Control {
  const send = async (method: string, path: string, body?: FaultRule): Promise<string> => {
    const response = await fetch(`${controlUrl}/faults${path}`, {
      method,
      ...(body && { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`the control endpoint refused: ${text}`);
    return text;
  };
  const hitsOf = async (isMeant: (id: string) => boolean): Promise<number> => {
    const { items }: { items: { id: string; hits: number }[] } = JSON.parse(await send("GET", ""));
    return items.filter(({ id }) => isMeant(id)).reduce((sum, { hits }) => sum + hits, 0);
  };
  const hits = (ids: readonly string[]) => hitsOf((id) => ids.includes(id));
  return {
    async fault(...rules) {
      const ids: string[] = [];
      for (const rule of rules) ids.push(JSON.parse(await send("POST", "", rule)).id);
      return ids;
    },
    async lift(ids) {
      const count = await hits(ids);
      for (const id of ids) await send("DELETE", `/${id}`);
      return count;
    },
    hits,
    async clear() {
      const count = await hitsOf(() => true);
      await send("DELETE", "");
      return count;
    },
  };
}
