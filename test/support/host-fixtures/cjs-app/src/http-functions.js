/** Fixture app of the host's contract tests, CommonJS source: what an HTTP function sees, and what becomes of its replies. */
const { app } = require("@azure/functions");
const { setTimeout: wait } = require("node:timers/promises");

app.http("echo", {
  route: "echo/{name}/{rest?}",
  methods: ["GET", "POST", "HEAD"],
  handler: async (request) => ({
    status: 201,
    headers: { "x-reply": "yes" },
    jsonBody: {
      url: request.url,
      method: request.method,
      params: request.params,
      query: [...request.query],
      accept: request.headers.get("x-twice"),
      body: await request.text(),
      settings: [process.env.FROM_SAMPLE, process.env.SET_OUTSIDE, process.env.WEBSITE_HOSTNAME],
    },
  }),
});
app.http("cookies", {
  handler: () => ({
    body: "c",
    cookies: [
      { name: "a", value: "v 1", httpOnly: true, sameSite: "Lax", maxAge: 60 },
      { name: "b", value: "2", path: "/x", secure: true, sameSite: "None", expires: new Date(86_400_000) },
    ],
  }),
});
app.http("nothing", { handler: () => undefined });
app.http("throws", {
  handler: () => {
    throw new Error("thrown-marker");
  },
});
app.http("throws-null", {
  handler: () => {
    throw null;
  },
});
app.http("returns-text", { handler: () => "text" });
app.http("slow", {
  route: "slow/{ms:int}",
  handler: async (request) => {
    await wait(Number(request.params.ms));
    return { body: "slow" };
  },
});
app.http("stray", {
  handler: async () => {
    // biome-ignore lint/nursery/noFloatingPromises: the stray rejection is what the test is about.
    Promise.reject(new Error("stray-marker"));
    await wait(60_000);
  },
});
app.http("logs", {
  handler: (_request, context) => {
    context.log("logs-marker");
    context.warn("warn-marker");
    // biome-ignore lint/suspicious/noConsole: what the host does with it is what the test is about.
    console.log("console-marker");
    return {};
  },
});
app.http("quiet", {
  handler: (_request, context) => {
    context.log("quiet-marker");
    return {};
  },
});
app.http("needs-key", { authLevel: "function", handler: () => ({ body: "ok" }) });
app.http("needs-own-key", { authLevel: "function", handler: () => ({ body: "ok" }) });
app.http("needs-master", { authLevel: "admin", handler: () => ({ body: "ok" }) });
// No precedence: by name the parameter comes first and wins over the literal.
app.http("pick-1", { route: "pick/{x}", handler: () => ({ body: "parameter" }) });
app.http("pick-2", { route: "pick/literal", handler: () => ({ body: "literal" }) });
// Refused by the host.
app.http("refused-admin", { route: "administrators", handler: () => ({}) });
app.http("refused-same-route", { route: "pick/{x}", methods: ["POST"], handler: () => ({}) });
app.http("host", { route: "named-host", handler: () => ({}) });
app.storageQueue("refused-trigger", { queueName: "q", connection: "c", handler: () => {} });
