/** An apply whose calls come late: they wait for their turn, or their machine sleeps or lost the run meanwhile. Nothing of them is sent. */
import { describe, expect, test } from "vitest";
import { applySlice } from "../../../../../shared/purge/apply/apply.ts";
import { FENCE_SECONDS } from "../../../../../shared/purge/apply/apply-watch.ts";
import { RECHECK_MAX_AGE_SECONDS } from "../../../../../shared/purge/apply/freshness.ts";
import { CHANGE_TRY_MS } from "../../../../../shared/purge/may-still-send.ts";
import { MAX_OUTAGE_SECONDS } from "../../../../../shared/purge/run.ts";
import { applyWorld, Crash, PLACE, type Weather } from "../../../../support/purge-apply-world.ts";
import { lineOf, readAll } from "../../../../support/purge-lines.ts";

const REPOSITORY = "team/app";
async function oneImage(isLocked = false) {
  const world = applyWorld();
  const digest = world.registry.push(REPOSITORY, { tags: ["v"], isLocked });
  await world.begin([await lineOf(world.registry, REPOSITORY, digest)]);
  const retag = () => world.registry.tag(REPOSITORY, "prod", digest, world.clock.now().getTime());
  return { world, digest, retag };
}
const FAST = { fate: "done", milliseconds: 50 } as const;
const slow =
  (name: string, milliseconds: number): Weather =>
  (call) => ({ ...FAST, ...(call === name && { milliseconds }) });

describe("a deletion that waits for its turn", () => {
  test("for longer than its re-check is good for is not sent: what was tagged meanwhile stays", async () => {
    const { world, digest, retag } = await oneImage();
    const process = world.newProcess(slow("deleteManifest", 100_000));
    const changed = world.clock.sleep(40_000).then(retag);
    await world.clock.run(Promise.all([process.slice(), changed]));
    await world.finish();
    expect(world.registry.has(REPOSITORY, digest)).toBe(true);
    expect(await world.run()).toMatchObject({ state: "done", counts: { changed: 1, deletedManifests: 0 } });
  });

  test("is done at most as long after its listing began as a run says", async () => {
    for (const milliseconds of [9_000, 20_000, 30_000, 55_000, 61_000, 70_000]) {
      const { world } = await oneImage();
      let listedAt = 0;
      const ages: number[] = [];
      world.registry.faults.on = ({ operation }) => {
        if (operation === "deleteManifest") ages.push(world.clock.now().getTime() - listedAt);
        return null;
      };
      let waits = 0;
      const weather: Weather = (call) => {
        if (call.startsWith("manifests")) listedAt = world.clock.now().getTime();
        // Later the registry lets it through.
        if (call === "deleteManifest") return { ...FAST, milliseconds: ++waits < 3 ? milliseconds : 50 };
        return { ...FAST, milliseconds: call === "audit" ? 20_000 : 50 };
      };
      await world.finish(world.newProcess(weather));
      expect((await world.run()).counts.deletedManifests).toBe(1);
      for (const age of ages) expect(age).toBeLessThan(RECHECK_MAX_AGE_SECONDS * 1000 + CHANGE_TRY_MS);
    }
  });

  test("while its machine sleeps is not sent when it wakes", async () => {
    // At every call: the one that waits is among them.
    for (let diesAt = 1; diesAt < 30; diesAt++) {
      const { world, digest, retag } = await oneImage();
      const process = world.newProcess(slow("deleteManifest", 20_000), diesAt, 60_000);
      const slice = process.slice().catch((error: unknown) => {
        if (!(error instanceof Crash)) throw error;
      });
      await world.clock.run(world.clock.sleep(50_000));
      const wasThere = world.registry.has(REPOSITORY, digest);
      if (wasThere) retag();
      await world.clock.run(slice);
      await world.clock.run(world.clock.sleep(600_000));
      expect(world.registry.has(REPOSITORY, digest)).toBe(wasThere);
    }
  });
});

describe("a slice that cannot look whether the run is still its own", () => {
  /** State storage is away for it from its first change on, which waits for its turn. */
  const cutOff = (change: string, milliseconds: number): Weather => {
    let isCut = false;
    return (call) => {
      isCut ||= call === change;
      const isState = ["get", "replace", "write", "read"].includes(call);
      return { fate: isCut && isState ? "refused" : "done", milliseconds: call === change ? milliseconds : 50 };
    };
  };

  test("sends nothing any more by the time at which another goes on", async () => {
    for (const milliseconds of [15_000, 28_000, 33_000, 40_000]) {
      const { world, digest, retag } = await oneImage();
      const zombie = world.newProcess(cutOff("deleteManifest", milliseconds)).slice();
      zombie.catch(() => undefined);
      await world.clock.run(world.clock.sleep(1_500));
      const successor = world.newProcess().slice();
      await world.clock.run(world.clock.sleep(10_000));
      const wasThere = world.registry.has(REPOSITORY, digest);
      if (wasThere) retag();
      await world.clock.run(world.clock.sleep((FENCE_SECONDS - 10) * 1000));
      const isThere = world.registry.has(REPOSITORY, digest);
      expect(await world.clock.run(successor)).toEqual({ ok: true, more: false });
      await world.clock.run(world.clock.sleep(600_000));
      expect(world.registry.has(REPOSITORY, digest)).toBe(isThere);
      expect((await world.run()).counts).toMatchObject(
        isThere ? { changed: 1, deletedManifests: 0 } : { deletedManifests: 1 },
      );
    }
  });

  test("unlocks nothing any more, nor locks", async () => {
    const { world } = await oneImage(true);
    const zombie = world.newProcess(cutOff("setManifestLock", 45_000)).slice();
    await expect(world.clock.run(zombie)).rejects.toMatchObject({ code: "STATE_UNAVAILABLE" });
    await world.clock.run(world.clock.sleep(600_000));
    expect(world.registry.count("setManifestLock")).toBe(0);
    const { manifests } = await readAll(world.registry, REPOSITORY);
    expect(manifests.map(({ isLocked }) => isLocked)).toEqual([true]);
  });
});

describe("a slice whose time is over before it has done anything", () => {
  const timed = async (world: ReturnType<typeof applyWorld>, weather: Weather) => {
    const time = new AbortController();
    void world.clock.sleep(240_000).then(() => time.abort(new DOMException("no time", "TimeoutError")));
    return world.clock.run(applySlice(world.newProcess(weather).deps, PLACE, time.signal));
  };

  test("has not failed: the next one goes on", async () => {
    const { world, digest } = await oneImage();
    expect(await timed(world, slow(`manifests ${REPOSITORY}`, 250_000))).toEqual({ ok: true, more: true });
    await world.finish();
    expect(world.registry.has(REPOSITORY, digest)).toBe(false);
    expect(await world.run()).toMatchObject({ state: "done", counts: { deletedManifests: 1 } });
  });

  test("is followed by others for a day; then the run ends, and says why", { timeout: 60_000 }, async () => {
    const { world } = await oneImage();
    const since = world.clock.now().getTime();
    for (;;) {
      const applied = await timed(world, slow("deleteManifest", 100_000));
      const seconds = (world.clock.now().getTime() - since) / 1000;
      if (applied.ok) expect(applied.more).toBe(true);
      else {
        expect(applied.code).toBe("UPSTREAM_TIMEOUT");
        expect(seconds).toBeGreaterThan(MAX_OUTAGE_SECONDS);
        break;
      }
      expect(seconds).toBeLessThan(MAX_OUTAGE_SECONDS + 1_000);
    }
    expect(world.registry.count("deleteManifest")).toBe(0);
  });
});
