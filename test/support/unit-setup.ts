/** Runs around every unit test: no network beyond loopback, nothing on the console. Named in vitest.config.ts. */
import dns from "node:dns";
import { syncBuiltinESMExports } from "node:module";
import net from "node:net";
import { afterEach, expect } from "vitest";

const LOOPBACK = new Set(["127.0.0.1", "::1", "localhost"]);
const offences: string[] = [];

// Recorded and not only thrown: code under test may catch what is thrown here, and the test must fail all the same.
function refuse(what: string): never {
  offences.push(what);
  throw new Error(`A unit test must not do this: ${what}`);
}

const connect = net.Socket.prototype.connect;
net.Socket.prototype.connect = function (this: net.Socket, ...args: unknown[]) {
  const [first, second] = Array.isArray(args[0]) ? args[0] : args;
  const target: unknown = typeof first === "object" && first !== null ? first : { port: first, host: second };
  const host = hostOf(target);
  if (host !== undefined && !LOOPBACK.has(host)) refuse(`connect to ${host}`);
  return Reflect.apply(connect, this, args);
};

/** Undefined for a pipe, which stays on this machine; loopback is what Node takes when there is no host. */
function hostOf(target: unknown): string | undefined {
  if (typeof target !== "object" || target === null || ("path" in target && target.path)) return undefined;
  return "host" in target && typeof target.host === "string" ? target.host : "localhost";
}

const lookup = dns.lookup;
Object.defineProperty(dns, "lookup", {
  value: (name: string, ...rest: unknown[]) => {
    if (!LOOPBACK.has(name)) refuse(`look up ${name}`);
    return Reflect.apply(lookup, dns, [name, ...rest]);
  },
});
// Or `import { lookup }` would still give the old one.
syncBuiltinESMExports();

for (const method of ["log", "info", "warn", "error", "debug"] as const) {
  console[method] = (...args: unknown[]) => void offences.push(`console.${method}: ${args.map(String).join(" ")}`);
}

afterEach(() => {
  const found = offences.splice(0);
  expect(found, "network use or console output of a unit test").toEqual([]);
});
