/** The part of the host's own API that people use: run a function now, host status. Called by http-server.ts. */
import type { TypedData } from "./core-types.ts";
import type { HostedFunction, TimerFunction } from "./function-index.ts";
import { emptyReply, type HttpReply } from "./http-messages.ts";
import type { Invoker } from "./invocation.ts";
import type { KeyLevel } from "./keys.ts";

/** True for paths that the host answers itself and no function can have. */
export const isHostPath = (path: string): boolean => /^\/(admin|runtime)(\/|$)/i.test(path);

export type AdminApi = (request: {
  method: string;
  /** Decoded. */
  path: string;
  contentType: string | undefined;
  level: KeyLevel;
  body: Uint8Array | undefined;
}) => HttpReply;

function isInvocation(body: Uint8Array | undefined): boolean {
  try {
    const value: unknown = JSON.parse(Buffer.from(body ?? []).toString("utf8"));
    return typeof value === "object" && value !== null;
  } catch {
    return false;
  }
}

/** The real host may well have it. Only the holder of the master key is told: to all others such a path is nothing. */
function notImplemented(method: string, path: string): HttpReply {
  const shape = path
    .replace(/^(\/admin\/functions|\/admin\/host\/\w*keys|\/runtime\/webhooks)\/[^/]+/i, "$1/{}")
    .replace(/(\/\{\}\/keys)\/[^/]+/i, "$1/{}");
  const headers = [["content-type", "text/plain; charset=utf-8"]] as const;
  return { status: 501, headers, body: Buffer.from(`The local Functions host has no operation ${method} ${shape}.`) };
}

/** 202 before the function has ended: what becomes of it is in the log. */
function runNow(
  timer: TimerFunction | undefined,
  request: Parameters<AdminApi>[0],
  run: (timer: TimerFunction) => void,
): HttpReply {
  if (!timer) return emptyReply(404);
  if (!/^application\/(?:[^;]+\+)?json\b/i.test(request.contentType ?? "")) return emptyReply(415);
  if (!isInvocation(request.body)) return emptyReply(400);
  run(timer);
  return emptyReply(202);
}

/** @param deps.timerData trigger value of a timer that is run by hand */
export function createAdminApi(deps: {
  functions: readonly HostedFunction[];
  invoke: Invoker["invoke"];
  timerData: (timer: TimerFunction) => TypedData;
  version: string;
  uptimeMs: () => number;
}): AdminApi {
  const run = (timer: TimerFunction) =>
    void deps.invoke(timer, deps.timerData(timer), "This function was programmatically called");
  return (request) => {
    const { method, path, level } = request;
    const name = /^\/admin\/functions\/([^/]+)\/?$/i.exec(path)?.[1]?.toLowerCase();
    const isRun = method === "POST" && name !== undefined;
    const isStatus = method === "GET" && /^\/admin\/host\/status\/?$/i.test(path);
    if (!isRun && !isStatus) return level === "admin" ? notImplemented(method, path) : emptyReply(404);
    if (level !== "admin") return emptyReply(level === "none" ? 401 : 403);
    if (isStatus) {
      const status = { state: "Running", version: deps.version, processUptime: Math.round(deps.uptimeMs()) };
      const headers = [["content-type", "application/json; charset=utf-8"]] as const;
      return { status: 200, headers, body: Buffer.from(JSON.stringify(status)) };
    }
    const timers = deps.functions.filter((f) => f.kind === "timer");
    return runNow(
      timers.find((f) => f.name.toLowerCase() === name),
      request,
      run,
    );
  };
}
