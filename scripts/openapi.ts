/** Prints the API description. Run by `npm run openapi`. */
import { describeApi } from "../functions/openapi.ts";
import { type AppDeps, appRoutes } from "../functions/routes.ts";
import packageJson from "../package.json" with { type: "json" };

// Describing calls no handler, so the routes are made with dependencies that hold nothing.
const unused: object = new Proxy({}, { get: () => unused });
const routes = appRoutes(unused as AppDeps);
console.log(JSON.stringify(await describeApi(routes, packageJson.version), null, 2));
