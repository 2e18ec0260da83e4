/** Fixture app of the host's contract tests: a timer that writes each run to a file, and all hooks. */
const { app } = require("@azure/functions");
const { appendFileSync } = require("node:fs");

const record = (event) => {
  if (process.env.RECORD_FILE) appendFileSync(process.env.RECORD_FILE, `${JSON.stringify(event)}\n`);
};

app.timer("tick", { schedule: "%TICK_SCHEDULE%", handler: (timer) => record({ event: "tick", timer }) });

app.hook.appStart(() => record({ event: "appStart" }));
app.hook.appTerminate(() => record({ event: "appTerminate" }));
app.hook.preInvocation((context) => {
  context.hookData.seen = context.invocationContext.functionName;
});
app.hook.postInvocation((context) => {
  record({ event: "postInvocation", function: context.hookData.seen, failed: Boolean(context.error) });
});
app.hook.log((context) => {
  if (context.category === "user") context.message = `${context.message} (hooked)`;
});
