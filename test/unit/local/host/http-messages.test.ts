import { describe, expect, it } from "vitest";
import {
  headerMap,
  queryMap,
  setCookie,
  toHttpReply,
  toRpcRequest,
} from "../../../../infra/local/host/http-messages.ts";

describe("toRpcRequest", () => {
  it("has the shape that the real host sends", () => {
    const body = Buffer.from("hello");
    const request = toRpcRequest({
      method: "POST",
      host: "127.0.0.1:7071",
      path: "/api/greet/B ob%2F€",
      query: "x=1&x=2&y=",
      rawHeaders: ["Host", "127.0.0.1:7071", "X-A", "1", "x-a", "2", "X-Empty", ""],
      params: { name: "B ob" },
      body,
    });
    expect(request).toEqual({
      http: {
        url: "http://127.0.0.1:7071/api/greet/B%20ob%2F%E2%82%AC?x=1&x=2&y=",
        method: "POST",
        nullableHeaders: { host: { value: "127.0.0.1:7071" }, "x-a": { value: "1,2" }, "x-empty": { value: "" } },
        nullableQuery: { x: { value: "1,2" }, y: { value: "" } },
        nullableParams: { name: { value: "B ob" } },
        body: { bytes: body },
      },
    });
  });

  it("leaves the body out when there is none", () => {
    const request = toRpcRequest({
      method: "GET",
      host: "h",
      path: "/",
      query: "",
      rawHeaders: [],
      params: {},
      body: undefined,
    });
    expect(request.http).not.toHaveProperty("body");
    expect(request.http.url).toBe("http://h/");
  });
});

describe("queryMap", () => {
  it.each([
    ["", {}],
    ["a", { a: "" }],
    ["a=1&A=2", { a: "1,2" }],
    ["a=1&a=&a=2", { a: "1,2" }],
    ["a=b=c", { a: "b=c" }],
    ["a+b=c+d%2B", { "a b": "c d+" }],
    ["a=%zz", { a: "%zz" }],
    ["&&a=1", { a: "1" }],
  ])("%j gives %j", (query, expected) => {
    const values = Object.entries(queryMap(query)).map(([name, { value }]) => [name, value]);
    expect(Object.fromEntries(values)).toEqual(expected);
  });

  it("takes __proto__ as a name like any other", () => {
    expect(Object.keys(queryMap("__proto__=1"))).toEqual(["__proto__"]);
    expect(Object.keys(headerMap(["__proto__", "1"]))).toEqual(["__proto__"]);
  });
});

describe("toHttpReply", () => {
  it("nothing returned is 204", () => {
    expect(toHttpReply(undefined)).toMatchObject({ status: 204, headers: [] });
    expect(toHttpReply(null)).toMatchObject({ status: 204, headers: [] });
  });

  it("maps status, headers, cookies and body", () => {
    const reply = toHttpReply({
      http: {
        statusCode: "201",
        headers: { "content-type": "text/plain", "content-length": "999" },
        cookies: [{ name: "c", value: "1", sameSite: "none" }],
        body: { bytes: Buffer.from("body") },
      },
    });
    expect(reply.status).toBe(201);
    expect(reply.headers).toEqual([
      ["content-type", "text/plain"],
      ["set-cookie", "c=1; path=/"],
    ]);
    expect(Buffer.from(reply.body).toString()).toBe("body");
  });

  it("a value that is no reply is 500", () => {
    expect(toHttpReply({ string: "text" }).status).toBe(500);
  });
});

describe("setCookie", () => {
  it("writes every attribute in the order of ASP.NET", () => {
    const cookie = {
      name: "n m",
      value: "a;b'",
      expires: { value: { seconds: 86_400 } },
      maxAge: { value: 60 },
      domain: { value: "example.com" },
      path: { value: "/p" },
      secure: { value: true },
      sameSite: "explicitNone",
      httpOnly: { value: true },
    };
    expect(setCookie(cookie)).toBe(
      "n%20m=a%3Bb%27; expires=Fri, 02 Jan 1970 00:00:00 GMT; max-age=60; domain=example.com; path=/p; secure; samesite=none; httponly",
    );
  });
});
