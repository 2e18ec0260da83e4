/**
 * Preloaded (`--import`) into every child of the local system: ends it when its parent is gone, even by `kill -9`.
 * The end is that of SIGTERM: Azurite has acknowledged writes in memory, and writes them down only when it is asked to end.
 */

/** As long as a parent waits for a child that it asked to end (child.ts), in milliseconds. */
const END_TIMEOUT_MS = 5_000;

process.on("disconnect", () => {
  // The pipes to the parent are gone too: what is printed on the way out must not end it early.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
  setTimeout(() => process.exit(0), END_TIMEOUT_MS).unref();
  process.kill(process.pid, "SIGTERM");
});
// A child that has closed its servers after SIGTERM must not live on for this channel.
process.channel?.unref();
