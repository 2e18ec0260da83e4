/** Loopback HTTP endpoint that steers the local Azure: fault rules, the request log, settings of ARM and registries. Called by system.ts. */
import type { AddressInfo } from "node:net";
import Fastify from "fastify";
import { z } from "zod";
import { type ArmLimits, armSettingsSchema } from "./azure/arm/arm-limits.ts";
import { type KubernetesControl, kubernetesSettingsSchema } from "./azure/kubernetes/kubernetes-settings.ts";
import { addRegistryRoutes } from "./azure/registry/registry-control-routes.ts";
import type { RegistryControl } from "./azure/registry/registry-settings.ts";
import { type Faults, faultRuleSchema } from "./faults.ts";
import { hostName } from "./front.ts";
import type { RequestLog } from "./request-log.ts";

const LOOPBACK_NAMES = new Set(["127.0.0.1", "localhost", "[::1]"]);
const BODY_LIMIT_BYTES = 64 * 1024;

/** Where the control endpoint listens, and its end. */
export type Control = { readonly url: string; close(): Promise<void> };

/**
 * @param deps.services names that a rule may give; any other is a typing error and refused
 * @param port 0 takes a free one
 */
export async function startControl(
  deps: {
    readonly faults: Faults;
    readonly log: RequestLog;
    readonly armLimits: ArmLimits;
    readonly registryControl: RegistryControl;
    readonly kubernetesControl: KubernetesControl;
    readonly services: readonly string[];
    readonly now: () => Date;
  },
  port: number,
): Promise<Control> {
  const { faults, log, armLimits, registryControl, kubernetesControl } = deps;
  const app = Fastify({ bodyLimit: BODY_LIMIT_BYTES, forceCloseConnections: true });
  const rule = faultRuleSchema.refine((value) => value.service === undefined || deps.services.includes(value.service), {
    error: `service is one of ${deps.services.join(", ")}`,
    path: ["service"],
  });

  app.addHook("onRequest", async (request, reply) => {
    // A web page must not steer this through DNS rebinding (foreign Host) or a plain form (foreign Origin).
    if (!LOOPBACK_NAMES.has(hostName(request.headers.host)) || request.headers.origin !== undefined) {
      await reply.code(403).send({ error: "only loopback clients, and no web pages" });
    }
  });
  app.setErrorHandler((error, _request, reply) => {
    if (error instanceof z.ZodError) {
      const issues = error.issues.map(({ path, message }) => ({ path: path.join("."), message }));
      return reply.code(400).send({ error: "invalid request", issues });
    }
    const status = error instanceof Error && "statusCode" in error ? Number(error.statusCode) : 500;
    return reply.code(status).send({ error: error instanceof Error ? error.message : "failed" });
  });

  app.post("/faults", async (request, reply) => reply.code(201).send(faults.add(rule.parse(request.body))));
  app.get("/faults", async () => ({ items: faults.list() }));
  app.delete("/faults", async (_request, reply) => {
    faults.clear();
    return reply.code(204).send();
  });
  app.delete("/faults/:id", async (request, reply) => {
    const { id } = z.object({ id: z.string() }).parse(request.params);
    return faults.remove(id) ? reply.code(204).send() : reply.code(404).send({ error: `no rule ${id}` });
  });
  app.get("/requests", async (request) => {
    const { service } = z.strictObject({ service: z.enum(deps.services).optional() }).parse(request.query);
    return { items: log.list().filter((entry) => service === undefined || entry.service === service) };
  });
  app.delete("/requests", async (_request, reply) => {
    log.clear();
    return reply.code(204).send();
  });

  // Page sizes and limits of the local ARM; DELETE sets them back and forgets what was counted.
  app.get("/arm", async () => armLimits.settings());
  app.patch("/arm", async (request) => {
    // The schema has a default for each, and what is not given shall stay.
    const given = z.record(z.string(), z.unknown()).parse(request.body);
    armLimits.change(armSettingsSchema.parse({ ...armLimits.settings(), ...given }));
    return armLimits.settings();
  });
  app.delete("/arm", async (_request, reply) => {
    armLimits.reset();
    return reply.code(204).send();
  });

  addRegistryRoutes(app, registryControl, deps.now);

  // Caches and limits of the clusters' API servers; DELETE sets them back.
  app.get("/kubernetes", async () => kubernetesControl.settings());
  app.patch("/kubernetes", async (request) => {
    const given = z.record(z.string(), z.unknown()).parse(request.body);
    kubernetesControl.change(kubernetesSettingsSchema.parse({ ...kubernetesControl.settings(), ...given }));
    return kubernetesControl.settings();
  });
  app.delete("/kubernetes", async (_request, reply) => {
    kubernetesControl.reset();
    return reply.code(204).send();
  });

  await app.listen({ host: "127.0.0.1", port });
  const address = app.server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${address.port}`, close: () => app.close() };
}
