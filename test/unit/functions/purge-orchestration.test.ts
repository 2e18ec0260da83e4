import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { STEPS } from "../../../functions/purge-step-names.ts";
import { type AnswerStep, driveOrchestration, type StepCall } from "../../support/purge-orchestration.ts";

const AT = { registry: "r", run: "1" };
const PLAN_1 = { ok: true, phase: "plan", batches: 1 };
const partOf = (batch: number, slice: number) => `${batch}-${slice}`;
/** What each step says; `plan` is asked with batch and slice. */
type Answers = Partial<Record<"prepare" | "settle" | "apply" | "end", unknown>> & {
  readonly plan?: (batch: number, slice: number) => unknown;
};
const planInput = (input: unknown) => {
  if (typeof input === "object" && input !== null && "batch" in input && "slice" in input) return input;
  throw new Error("This is no input of a slice.");
};
/** All goes well: one batch, one slice, something to delete, all of it at once; unless said otherwise. */
const answering =
  (answers: Answers = {}): AnswerStep =>
  ({ name, input }) => {
    if (name === STEPS.plan) {
      const { batch, slice } = planInput(input);
      const planned = answers.plan?.(Number(batch), Number(slice));
      return planned ?? { ok: true, next: null };
    }
    if (name === STEPS.prepare) return answers.prepare ?? PLAN_1;
    if (name === STEPS.settle) return answers.settle ?? { ok: true, applies: true };
    if (name === STEPS.apply) return answers.apply ?? { ok: true, more: false };
    return answers.end ?? { ok: true };
  };
const names = (turns: readonly (readonly StepCall[])[]) => turns.map((turn) => turn.map(({ name }) => name));
const END = (code: string | null) => [{ name: STEPS.end, input: { ...AT, code } }];

describe("the order of the steps", () => {
  test("prepare, plan, settle, apply, end; each is told where the record stands", () => {
    const { turns, continued, error } = driveOrchestration(answering());
    expect(turns).toEqual([
      [{ name: STEPS.prepare, input: AT }],
      [{ name: STEPS.plan, input: { ...AT, batch: 0, slice: 0, from: 0 } }],
      [{ name: STEPS.settle, input: { ...AT, slices: [1] } }],
      [{ name: STEPS.apply, input: AT }],
      END(null),
    ]);
    expect([continued, error]).toEqual([[], null]);
  });

  test("a plan ends when it is settled", () => {
    const { turns } = driveOrchestration(answering({ settle: { ok: true, applies: false } }));
    expect(names(turns)).toEqual([[STEPS.prepare], [STEPS.plan], [STEPS.settle], [STEPS.end]]);
    expect(turns.at(-1)).toEqual(END(null));
  });

  test("a stored plan, or a registry without repositories, has no slices", () => {
    const { turns } = driveOrchestration(answering({ prepare: { ok: true, phase: "plan", batches: 0 } }));
    expect(turns[1]).toEqual([{ name: STEPS.settle, input: { ...AT, slices: [] } }]);
  });

  test("a run that is being applied goes on with that", () => {
    const { turns } = driveOrchestration(answering({ prepare: { ok: true, phase: "apply", batches: 3 } }));
    expect(names(turns)).toEqual([[STEPS.prepare], [STEPS.apply], [STEPS.end]]);
  });

  test("more to apply: a new history with the same input, and no end yet", () => {
    const { turns, continued } = driveOrchestration(answering({ apply: { ok: true, more: true } }));
    expect(names(turns).at(-1)).toEqual([STEPS.apply]);
    expect(continued).toEqual([AT]);
  });

  test("a run that is over: nothing more", () => {
    const { turns, continued } = driveOrchestration(answering({ prepare: { ok: true, phase: "over", batches: 0 } }));
    expect([names(turns), continued]).toEqual([[[STEPS.prepare]], []]);
  });

  test("every step is tried five times, later and later", () => {
    const { retries } = driveOrchestration(answering());
    expect(retries).toHaveLength(5);
    for (const retry of retries) {
      expect(retry).toMatchObject({
        ...{ firstRetryIntervalInMilliseconds: 5_000, maxNumberOfAttempts: 5, backoffCoefficient: 2 },
      });
    }
  });
});

describe("planning", () => {
  test.each([
    [1, [1]],
    [4, [4]],
    [5, [4, 1]],
    [11, [4, 4, 3]],
  ])("%i batches: at once %j, each once", (batches, sizes) => {
    const { turns } = driveOrchestration(answering({ prepare: { ok: true, phase: "plan", batches } }));
    const planning = turns.filter((turn) => turn.some(({ name }) => name === STEPS.plan));
    expect(planning.map((turn) => turn.length)).toEqual(sizes);
    expect(planning.flat().map(({ input }) => input)).toEqual(
      Array.from({ length: batches }, (_, batch) => ({ ...AT, batch, slice: 0, from: 0 })),
    );
  });

  test("a batch of several slices goes on where it stopped; the plan is made of as many as each took", () => {
    const next = [[7, 19], [], [3]];
    const { turns } = driveOrchestration(
      answering({
        prepare: { ok: true, phase: "plan", batches: 3 },
        plan: (batch, slice) => ({ ok: true, next: next[batch]?.[slice] ?? null }),
      }),
    );
    const inputs = turns.slice(1, 4).map((turn) => turn.map(({ input }) => input));
    expect(inputs).toEqual([
      [0, 1, 2].map((batch) => ({ ...AT, batch, slice: 0, from: 0 })),
      [
        { ...AT, batch: 0, slice: 1, from: 7 },
        { ...AT, batch: 2, slice: 1, from: 3 },
      ],
      [{ ...AT, batch: 0, slice: 2, from: 19 }],
    ]);
    expect(turns[4]).toEqual([{ name: STEPS.settle, input: { ...AT, slices: [3, 1, 2] } }]);
  });

  test("a run that has passed its planning is another's, or over: nothing more, and no end", () => {
    const { turns, continued, error } = driveOrchestration(
      answering({ plan: () => ({ ok: false, code: "RUN_PASSED" }) }),
    );
    expect([names(turns), continued, error]).toEqual([[[STEPS.prepare], [STEPS.plan]], [], null]);
  });
});

describe("a step that cannot be done", () => {
  const REFUSED = { ok: false, code: "SOME_CODE" };
  test.each([
    ["prepare", { prepare: REFUSED }],
    ["plan", { plan: () => REFUSED }],
    ["settle", { settle: REFUSED }],
    ["apply", { apply: REFUSED }],
  ] as const)("%s: the run ends with its code", (step, answers) => {
    const { turns, continued, error } = driveOrchestration(answering(answers));
    expect(names(turns).at(-2)).toEqual([STEPS[step]]);
    expect(turns.at(-1)).toEqual(END("SOME_CODE"));
    expect([continued, error]).toEqual([[], null]);
  });

  const FAILS = new Error("with a secret");
  test.each([
    ["prepare", { prepare: FAILS }],
    ["plan", { plan: () => FAILS }],
    ["settle", { settle: FAILS }],
    ["apply", { apply: FAILS }],
  ] as const)("%s, which fails each time it is tried: the run ends with INTERNAL alone", (step, answers) => {
    const driven = driveOrchestration(answering(answers));
    expect(names(driven.turns).at(-2)).toEqual([STEPS[step]]);
    expect(driven.turns.at(-1)).toEqual(END("INTERNAL"));
    expect(JSON.stringify(driven)).not.toContain("with a secret");
  });

  test.each([
    ["STATE_UNAVAILABLE", "Activity function 'purge-steps-apply' failed: STATE_UNAVAILABLE"],
    ["AUDIT_UNAVAILABLE", "Result: Failure\nException: AUDIT_UNAVAILABLE\nStack: Error: AUDIT_UNAVAILABLE\n at x.mjs"],
    ["UPSTREAM_TIMEOUT", "UPSTREAM_TIMEOUT"],
    ["INTERNAL", "Activity function 'purge-steps-apply' failed: INTERNAL"],
    ["INTERNAL", "NOT_UPSTREAM_TIMEOUT_BUT_THIS"],
    ["INTERNAL", ""],
  ])("what may have passed by now, but did not: the run ends with %s (%j)", (code, message) => {
    expect(driveOrchestration(answering({ apply: new Error(message) })).turns.at(-1)).toEqual(END(code));
    expect(driveOrchestration(answering({ plan: () => new Error(message) })).turns.at(-1)).toEqual(END(code));
  });

  test("one slice of several: what the others said is not waited for again", () => {
    const { turns } = driveOrchestration(
      answering({
        prepare: { ok: true, phase: "plan", batches: 8 },
        plan: (batch) => (batch === 2 ? REFUSED : { ok: true, next: 1 }),
      }),
    );
    expect(turns.map((turn) => turn.length)).toEqual([1, 4, 1]);
    expect(turns.at(-1)).toEqual(END("SOME_CODE"));
  });

  test("the end: the orchestration fails, and the record is open for the timer", () => {
    const { turns, error } = driveOrchestration(answering({ end: FAILS }));
    expect(turns.at(-1)).toEqual(END(null));
    expect(error).toBe(FAILS);
  });
});

test.each([null, 1, "r", {}, { registry: "r" }, { registry: 1, run: "1" }])(
  "%j is no input: no step is called",
  (input) => {
    const { turns, error } = driveOrchestration(answering(), input);
    expect(turns).toEqual([]);
    expect(error).toBeInstanceOf(Error);
  },
);

test("what else stands in the input goes no further", () => {
  const { turns } = driveOrchestration(answering(), { ...AT, more: "x" });
  expect(turns[0]).toEqual([{ name: STEPS.prepare, input: AT }]);
});

describe("whatever the steps say", () => {
  const refused = fc.record({ ok: fc.constant(false), code: fc.constantFrom("A", "RUN_PASSED", "PURGE_LIMIT") });
  const fails = fc.constant(new Error("failed"));
  const of = <T>(usual: fc.Arbitrary<T>) =>
    fc.oneof({ arbitrary: usual, weight: 30 }, { arbitrary: refused, weight: 1 }, { arbitrary: fails, weight: 1 });
  const prepare = of(
    fc.record({
      ok: fc.constant(true),
      phase: fc.constantFrom("plan", "plan", "plan", "apply", "over"),
      batches: fc.nat(12),
    }),
  );
  const settle = of(fc.record({ ok: fc.constant(true), applies: fc.boolean() }));
  const apply = of(fc.record({ ok: fc.constant(true), more: fc.boolean() }));
  const next = fc.option(fc.nat(50), { freq: 2 });

  /** Answers in the order of asking, as a history has them. */
  const randomAnswers = (draw: fc.GeneratorValue): { answer: AnswerStep; history: unknown[] } => {
    const history: unknown[] = [];
    const say = ({ name }: StepCall): unknown => {
      if (name === STEPS.prepare) return draw(() => prepare);
      if (name === STEPS.settle) return draw(() => settle);
      if (name === STEPS.apply) return draw(() => apply);
      if (name === STEPS.end) return { ok: true };
      return draw(() => of(fc.record({ ok: fc.constant(true), next })));
    };
    const answer: AnswerStep = (call) => {
      history.push(say(call));
      return history.at(-1);
    };
    return { answer, history };
  };
  const isMore = (answer: unknown) => typeof answer === "object" && answer !== null && "more" in answer && answer.more;
  const isLeft = (answer: unknown) =>
    typeof answer === "object" &&
    answer !== null &&
    (("phase" in answer && answer.phase === "over") || ("code" in answer && answer.code === "RUN_PASSED"));

  test("the end is called once and last, unless there is more, or the run is another's", () => {
    fc.assert(
      fc.property(fc.gen(), (draw) => {
        const { answer, history } = randomAnswers(draw);
        const { turns, continued, error } = driveOrchestration(answer);
        const called = turns.flat();
        const ends = called.filter(({ name }) => name === STEPS.end);
        expect(error).toBeNull();
        expect(continued).toHaveLength(isMore(history.at(-1)) ? 1 : 0);
        if (continued.length > 0) expect(ends).toEqual([]);
        else if (ends.length === 0) expect(history.slice(-(turns.at(-1)?.length ?? 0)).some(isLeft)).toBe(true);
        else expect([ends.length, called.at(-1)?.name]).toEqual([1, STEPS.end]);
        expect(turns.every((turn) => turn.length >= 1 && turn.length <= 4)).toBe(true);
        // No place of a batch is planned twice into two blobs, and no blob twice.
        const slices = called
          .filter(({ name }) => name === STEPS.plan)
          .map(({ input }) => {
            const { batch, slice } = planInput(input);
            return partOf(Number(batch), Number(slice));
          });
        expect(new Set(slices).size).toBe(slices.length);
        const settled = called.find(({ name }) => name === STEPS.settle)?.input;
        const took = (batch: number) => slices.filter((slice) => slice.startsWith(`${batch}-`)).length;
        const batches = new Set(slices.map((slice) => slice.split("-")[0])).size;
        if (settled !== undefined)
          expect(settled).toMatchObject({ slices: Array.from({ length: batches }, (_, n) => took(n)) });
      }),
      // Shrinking such long histories takes minutes.
      { numRuns: 500, endOnFailure: true },
    );
  });

  test("the same history makes the same calls, whole or cut off anywhere", () => {
    fc.assert(
      fc.property(fc.gen(), fc.nat(30), (draw, cut) => {
        const { answer, history } = randomAnswers(draw);
        const first = driveOrchestration(answer);
        expect(driveOrchestration((_, index) => history[index])).toEqual(first);
        const cutOff = driveOrchestration((_, index) => {
          if (index < Math.min(cut, history.length - 1)) return history[index];
          throw new Error("not there yet");
        });
        expect(cutOff.turns).toEqual(first.turns.slice(0, cutOff.turns.length));
      }),
    );
  });
});
