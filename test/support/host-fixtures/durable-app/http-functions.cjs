/** HTTP functions that use the durable client, for the contract tests. Loaded by the Functions host. */
const { setTimeout: wait } = require("node:timers/promises");
const { app } = require("@azure/functions");
const df = require("durable-functions");

/** Every method of the client that the tests use, by name; arguments and result are JSON. */
app.http("client", {
  route: "client/{method}",
  methods: ["POST"],
  extraInputs: [df.input.durableClient()],
  handler: async (request, context) => {
    const client = df.getClient(context);
    try {
      const args = (await request.json()).map((value) =>
        typeof value === "object" && value !== null && "createdTimeFrom" in value
          ? { ...value, createdTimeFrom: new Date(value.createdTimeFrom) }
          : value,
      );
      const result = await client[request.params.method](...args);
      return { jsonBody: { result: result ?? null } };
    } catch (error) {
      return { status: 500, jsonBody: { error: error.message } };
    }
  },
});
app.http("start-and-wait", {
  route: "start-and-wait/{name}",
  methods: ["POST"],
  extraInputs: [df.input.durableClient()],
  handler: async (request, context) => {
    const client = df.getClient(context);
    const instanceId = await client.startNew(request.params.name, { input: await request.json() });
    return client.waitForCompletionOrCreateCheckStatusResponse(request, instanceId, {
      timeoutInMilliseconds: 20_000,
      retryIntervalInMilliseconds: 50,
    });
  },
});
/** `?delay=MS`: starts so much later. */
app.http("start", {
  route: "start/{name}/{id?}",
  methods: ["POST"],
  extraInputs: [df.input.durableClient()],
  handler: async (request, context) => {
    const client = df.getClient(context);
    const { name, id } = request.params;
    await wait(Number(request.query.get("delay") ?? 0));
    const text = await request.text();
    const options = { ...(id && { instanceId: id }), ...(text && { input: JSON.parse(text) }) };
    return client.createCheckStatusResponse(request, await client.startNew(name, options));
  },
});
