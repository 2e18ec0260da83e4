/** Management endpoints of durable functions on the local host. */
import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DURABLE_APP, durableCalls, type Status, untilSo } from "../support/host-fixtures/durable-calls.ts";
import { keysOf, temporaryFolders } from "../support/host-fixtures/sandbox.ts";
import { mustStartHost, type RunningHost } from "../support/host-fixtures/start-host.ts";
import { startTableService, type TableService } from "../support/host-fixtures/table-service.ts";

const newFolder = temporaryFolders();

describe("management endpoints of durable functions", () => {
  const stateDir = newFolder();
  let tables: TableService;
  let host: RunningHost;
  const { status, ended, manage, extensionKey } = durableCalls(() => host.url, stateDir);

  beforeAll(async () => {
    tables = await startTableService(newFolder());
    const env = { AzureWebJobsStorage: tables.connection };
    host = await mustStartHost({ appRoot: DURABLE_APP, stateDir, env });
  });
  afterAll(async () => {
    try {
      expect(await host.end("SIGTERM")).toBe(0);
    } finally {
      await tables.stop();
    }
  });

  const startOne = async (name: string, id: string, input: unknown) =>
    manage(`orchestrators/${name}/${id}`, { method: "POST", body: JSON.stringify(input) });

  it("start: 202 with links that work, and a taken id is 409", async () => {
    const response = await startOne("approval", "m-1", { seconds: 3600 });
    const links = (await response.json()) as Record<string, string>;
    expect([response.status, response.headers.get("retry-after")]).toEqual([202, "10"]);
    expect(response.headers.get("location")).toBe(links.statusQueryGetUri);
    expect(Object.keys(links).sort()).toEqual([
      "id",
      "purgeHistoryDeleteUri",
      "restartPostUri",
      "resumePostUri",
      "sendEventPostUri",
      "statusQueryGetUri",
      "suspendPostUri",
      "terminatePostUri",
    ]);
    const status = await fetch(links.statusQueryGetUri ?? "");
    expect([status.status, status.headers.get("retry-after")]).toEqual([202, "5"]);
    expect((await startOne("approval", "m-1", {})).status).toBe(409);
    expect((await manage("instances/m-1", { method: "DELETE" })).status).toBe(412);
    expect((await manage("instances/m-1/rewind?reason=r", { method: "POST" })).status).toBe(412);
    const event = await fetch((links.sendEventPostUri ?? "").replace("{eventName}", "Approval"), {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: "7",
    });
    expect(event.status).toBe(202);
    await ended("m-1");
    const late = await manage("instances/m-1/raiseEvent/Approval", { method: "POST", body: "7" });
    expect(late.status).toBe(410);
    const again = await startOne("sequence", "m-1", { again: true });
    expect(again.status).toBe(202);
    expect(await ended("m-1")).toMatchObject({ output: { input: { again: true } } });
  });

  it("start: an id of any characters has links that work", async () => {
    const id = 'a b%41&c=é+"x';
    const response = await startOne("approval", encodeURIComponent(id), { seconds: 3600 });
    const links = (await response.json()) as Record<string, string>;
    expect([response.status, links.id]).toEqual([202, id]);
    const answer = await fetch(response.headers.get("location") ?? "");
    expect([answer.status, await answer.json()]).toMatchObject([202, { instanceId: id }]);
    const ended = await fetch((links.terminatePostUri ?? "").replace("{text}", "r"), { method: "POST" });
    expect(ended.status).toBe(202);
  });

  it("start: bad ids and bodies are 400; a wait gives the output", async () => {
    expect((await manage("orchestrators/sequence/@a", { method: "POST", body: "1" })).status).toBe(400);
    expect((await manage(`orchestrators/sequence/${"a".repeat(101)}`, { method: "POST", body: "1" })).status).toBe(400);
    expect((await manage("orchestrators/sequence/a", { method: "POST", body: "{" })).status).toBe(400);
    expect((await manage("orchestrators/sequence?timeout=x", { method: "POST", body: "1" })).status).toBe(400);
    const path = "orchestrators/child?timeout=20&pollingInterval=0.1";
    const waited = await manage(path, { method: "POST", body: '{"n":4}' });
    expect([waited.status, await waited.json()]).toEqual([200, { n: 4, square: 16, hasParent: expect.any(Boolean) }]);
  });

  it("keys: none is 401, another's is 403, the master key and the extension's open", async () => {
    const { master, host: hostKeys } = keysOf(stateDir);
    const status = async (key: string) =>
      (await manage("instances/none", { headers: { "x-functions-key": key } })).status;
    expect(await status("")).toBe(401);
    expect(await status("wrong")).toBe(401);
    expect(await status(hostKeys.default)).toBe(403);
    expect([await status(master), await status(extensionKey())]).toEqual([404, 404]);
  });

  it("rpc: without a key, but not for web pages", async () => {
    const path = `${host.url}/durabletask/instances/none`;
    expect((await fetch(path)).status).toBe(404);
    expect((await fetch(path, { headers: { origin: "http://127.0.0.1" } })).status).toBe(403);
    // As a page of a name that was made to mean this machine; fetch sets no host.
    const asHost = async (name: string) => {
      const sent = get(path, { headers: { host: name } });
      const [response] = (await once(sent, "response")) as [IncomingMessage];
      response.resume();
      return response.statusCode;
    };
    expect([await asHost("evil.example"), await asHost("127.0.0.1.evil.example")]).toEqual([403, 403]);
    expect(await asHost("localhost")).toBe(404);
  });

  it("list: filters and pages; history folds what opened a task into its end", async () => {
    for (const id of ["l-1", "l-2", "l-3"]) await startOne("child", id, { n: 2 });
    for (const id of ["l-1", "l-2", "l-3"]) await ended(id);
    const first = await manage("instances?instanceIdPrefix=l-&top=2&runtimeStatus=Completed,Failed");
    const token = first.headers.get("x-ms-continuation-token") ?? "";
    const idsOf = async (response: Response) =>
      ((await response.json()) as Status[]).map(({ instanceId }) => instanceId);
    expect(await idsOf(first)).toEqual(["l-1", "l-2"]);
    const rest = await manage("instances?instanceIdPrefix=l-&top=2", {
      headers: { "x-ms-continuation-token": token },
    });
    expect([await idsOf(rest), rest.headers.get("x-ms-continuation-token")]).toEqual([["l-3"], null]);
    const { historyEvents } = (await (
      await manage("instances/l-1?showHistory=true&showHistoryOutput=true")
    ).json()) as { historyEvents: Record<string, unknown>[] };
    expect(historyEvents.map(({ EventType }) => EventType)).toEqual([
      "ExecutionStarted",
      "TaskCompleted",
      "ExecutionCompleted",
    ]);
    expect(historyEvents[1]).toMatchObject({ FunctionName: "square", Result: { number: 2, square: 4 } });
  });

  it("purge by filter: needs a time, leaves what has not ended", async () => {
    await startOne("approval", "p-1", { seconds: 3600 });
    await startOne("child", "p-2", { n: 1 });
    await ended("p-2");
    expect((await manage("instances", { method: "DELETE" })).status).toBe(400);
    const purged = await manage("instances?createdTimeFrom=2020-01-01T00:00:00Z&instanceIdPrefix=p-", {
      method: "DELETE",
    });
    expect([purged.status, await purged.json()]).toEqual([200, { instancesDeleted: 1 }]);
    expect((await manage("instances/p-1")).status).toBe(202);
    expect((await manage("instances/p-2")).status).toBe(404);
    expect((await manage("instances/p-1/terminate?reason=r", { method: "POST" })).status).toBe(202);
  });

  it("suspend: a suspended instance takes events when it is resumed; twice is an error", async () => {
    await startOne("approval", "s-1", { seconds: 3600 });
    const act = async (what: string) => (await manage(`instances/s-1/${what}?reason=r`, { method: "POST" })).status;
    expect([await act("resume"), await act("suspend")]).toEqual([500, 202]);
    await untilSo("the suspension", async () => (await status("s-1")).runtimeStatus === "Suspended");
    expect(await act("suspend")).toBe(500);
    await manage("instances/s-1/raiseEvent/Approval", { method: "POST", body: "1" });
    expect((await status("s-1")).runtimeStatus).toBe("Suspended");
    expect(await act("resume")).toBe(202);
    expect(await ended("s-1")).toMatchObject({ output: { approval: 1 } });
  });

  it("restart: a new instance with the old input", async () => {
    await startOne("child", "r-1", { n: 3 });
    await ended("r-1");
    const { id } = (await (await manage("instances/r-1/restart", { method: "POST" })).json()) as { id: string };
    expect(id).not.toBe("r-1");
    expect(await ended(id)).toMatchObject({ output: { n: 3, square: 9 } });
  });

  it("entities are 501; what is not there is 404", async () => {
    expect((await manage("entities/counter/a")).status).toBe(501);
    expect((await manage("instances/none/terminate", { method: "POST" })).status).toBe(404);
    expect((await manage("nothing")).status).toBe(404);
  });
});
