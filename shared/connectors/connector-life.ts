/** How long a connector lives: one formula for what is shown and what is enforced. Pure. */
import { ConflictError } from "../errors.ts";
import type { Connector, ConnectorState } from "./connector.ts";

type Ending = Pick<Connector, "expiresAt" | "secret">;
type Living = Ending & Pick<Connector, "authMethod" | "state">;

/** What comes first: the end that was asked for, or that of the secret itself. UTC; null when nothing ends it. */
export function endOf({ expiresAt, secret }: Ending): string | null {
  const own = secret?.endsAt ?? null;
  if (expiresAt === null || own === null) return expiresAt ?? own;
  return Date.parse(expiresAt) < Date.parse(own) ? expiresAt : own;
}

/** Whole seconds until it expires, 0 when it has; null when nothing ends it. */
export function secondsLeft(connector: Ending, now: Date): number | null {
  const end = endOf(connector);
  return end === null ? null : Math.max(0, Math.floor((Date.parse(end) - now.getTime()) / 1000));
}

/** What the last verification found, unless it has expired since or was disabled. */
export function stateNow(connector: Living, now: Date): ConnectorState {
  if (connector.state === "disabled") return "disabled";
  return secondsLeft(connector, now) === 0 ? "expired" : connector.state;
}

/** As people read it: `42m25s`, `2h`, `3d4h`; two parts at most. Empty for 0. */
export function durationText(seconds: number): string {
  const parts = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "m"],
    [seconds % 60, "s"],
  ] as const;
  const first = parts.findIndex(([count]) => count > 0);
  if (first < 0) return "0s";
  return parts
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count}${unit}`)
    .join("");
}

/** @throws ConflictError CONNECTOR_EXPIRED CONNECTOR_DISABLED */
export function refuseUnusable(connector: Living, now: Date): void {
  switch (stateNow(connector, now)) {
    case "expired":
      throw new ConflictError(
        "CONNECTOR_EXPIRED",
        endOf(connector) === connector.secret?.endsAt
          ? "The token or certificate of this connector has expired. An administrator can give a new one with PATCH /api/connectors/{name}."
          : "This connector has expired. An administrator can give it a later expiresAt with PATCH /api/connectors/{name}.",
      );
    case "disabled":
      throw new ConflictError(
        "CONNECTOR_DISABLED",
        "This connector is disabled. An administrator can enable it with PATCH /api/connectors/{name}.",
      );
    default:
  }
}
