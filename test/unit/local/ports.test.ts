/** Mirrors infra/local/ports.ts. */
import { once } from "node:events";
import { createServer } from "node:net";
import { expect, test } from "vitest";
import { checkPortsAreFree } from "../../../infra/local/ports.ts";

test("checkPortsAreFree: names the server whose port is taken", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  const address = other.address();
  const port = typeof address === "object" && address ? address.port : 0;
  await expect(checkPortsAreFree({ host: 0, control: port })).rejects.toMatchObject({ server: "control", port });
  other.close();
  await once(other, "close");
  await checkPortsAreFree({ host: 0, control: port });
});
