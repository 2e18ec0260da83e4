/** Preloaded (`--import`) into every child of the local system: ends it when its parent is gone, even by `kill -9`. */

process.on("disconnect", () => process.exit(0));
// A child that has closed its servers after SIGTERM must not live on for this channel.
process.channel?.unref();
