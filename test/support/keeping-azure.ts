/** A process that holds a local Azure, writes to it, says so and waits to be killed: `keeping-azure.ts STATE_DIR`. */
import { keptIn, writeKept } from "./kept.ts";
import { startLocalAzure } from "./local-azure.ts";

const azure = await startLocalAzure({ stateDir: process.argv[2] ?? "" });
await writeKept(keptIn(azure));
process.stdout.write("written\n");
setInterval(() => {}, 1_000);
