/** Fixture app of the host's contract tests, bundled by the test to one ESM file as the product is. */
import { app } from "@azure/functions";

app.http("hello", {
  route: "hello/{name}",
  methods: ["GET"],
  authLevel: "anonymous",
  handler: (request, context) => {
    context.log("hello");
    return { jsonBody: { hello: request.params.name } };
  },
});
