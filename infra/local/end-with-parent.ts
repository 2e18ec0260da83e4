/** Preloaded (`--import`) into every child of the local system: ends it when its parent is gone, even by `kill -9`. */

process.on("disconnect", () => process.exit(0));
