import { expect, test } from "vitest";
import {
  ConflictError,
  DeniedError,
  InputError,
  LatchkeyError,
  NotFoundError,
  UpstreamError,
} from "../../../shared/errors.ts";

test.each([
  new InputError("INVALID_REQUEST", "text"),
  new DeniedError("DENIED", "text"),
  new NotFoundError("NOT_FOUND", "text"),
  new ConflictError("NAME_TAKEN", "text"),
  new UpstreamError("UPSTREAM_REFUSED", "text", { retryable: false }),
])("$name is told by class and code", (error) => {
  expect(error).toBeInstanceOf(LatchkeyError);
  expect(error.name).toBe(error.constructor.name);
  expect(error.message).toBe("text");
});

test("facts that are not given are empty, not absent", () => {
  expect(new InputError("INVALID_REQUEST", "t").problems).toEqual([]);
  expect(new ConflictError("NAME_TAKEN", "t").candidates).toEqual([]);
  expect(new UpstreamError("UPSTREAM_TIMEOUT", "t", { retryable: true })).toMatchObject({
    retryable: true,
    retryAfterSeconds: null,
    failure: null,
  });
});

test("the cause is kept", () => {
  const cause = new Error("why");
  expect(new DeniedError("DENIED", "t", { cause }).cause).toBe(cause);
});
