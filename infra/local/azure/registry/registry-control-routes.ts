/** The part of the control endpoint that steers the registries: settings, counts, images and times. Called by control.ts. */
import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { backdate, fill, fillSchema, timesSchema } from "./registry-fill.ts";
import { type RegistryControl, registrySettingsSchema } from "./registry-settings.ts";

/** @param now for the ages that are given */
export function addRegistryRoutes(app: FastifyInstance, control: RegistryControl, now: () => Date): void {
  app.get("/registry", async () => control.settings());
  app.patch("/registry", async (request) => {
    // The schema has a default for each, and what is not given shall stay.
    const given = z.record(z.string(), z.unknown()).parse(request.body);
    const all = registrySettingsSchema.parse({ ...control.settings(), ...given });
    control.change("limits" in given ? all : { ...all, limits: control.settings().limits });
    return control.settings();
  });
  app.delete("/registry", async (_request, reply) => {
    control.reset();
    return reply.code(204).send();
  });

  app.get("/registry/requests", async () => control.requests.list());
  app.delete("/registry/requests", async (_request, reply) => {
    control.requests.clear();
    return reply.code(204).send();
  });

  app.post("/registry/images", async (request, reply) => {
    const given = fillSchema.parse(request.body);
    const content = control.contents.get(given.loginServer);
    if (content === undefined) return reply.code(404).send({ error: `no registry ${given.loginServer}` });
    return reply.code(201).send(fill(content, given, now()));
  });
  app.post("/registry/times", async (request, reply) => {
    const given = timesSchema.parse(request.body);
    const content = control.contents.get(given.loginServer);
    if (content === undefined) return reply.code(404).send({ error: `no registry ${given.loginServer}` });
    const changed = backdate(content, given, now());
    return changed === 0 ? reply.code(404).send({ error: "nothing of that name" }) : { changed };
  });
}
