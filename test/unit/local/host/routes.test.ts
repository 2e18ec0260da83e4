import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodePath, matchRoute, parseRouteTemplate, RouteTemplateError } from "../../../../infra/local/host/routes.ts";

const match = (template: string, path: string) => matchRoute(parseRouteTemplate(template), decodePath(path));

describe("matchRoute", () => {
  it.each([
    ["api/a", "/api/a", {}],
    ["api/a", "/API/A", {}],
    ["api/a", "/api/a/", {}],
    ["api/a", "/api/./x/../a", {}],
    ["api/a", "/api/%61", {}],
    ["", "/", {}],
    ["a/{x}", "/a/B", { x: "B" }],
    ["a/{x}", "/a/b%20c", { x: "b c" }],
    ["a/{x}", "/a/b%2Fc", { x: "b%2Fc" }],
    ["a/{x}", "/a/b%2fc", { x: "b%2fc" }],
    ["a/{x}", "/a/%E2%82%AC", { x: "€" }],
    ["a/{x}", "/a/%E2%82", { x: "%E2%82" }],
    ["a/{x}", "/a/100%", { x: "100%" }],
    ["a/{x?}", "/a", {}],
    ["a/{x?}", "/a/b", { x: "b" }],
    ["a/{x=y}", "/a", { x: "y" }],
    ["a/{x:int=5}", "/a", { x: "5" }],
    ["a/{x=y}", "/a/b", { x: "b" }],
    ["a/{x=}", "/a", { x: "" }],
    ["a/{*rest}", "/a", {}],
    ["a/{*rest}", "/a/b/c/", { rest: "b/c/" }],
    ["a/{**rest}", "/a/b//c", { rest: "b//c" }],
    ["a/{*rest=z}", "/a", { rest: "z" }],
    ["a/{{b}}", "/a/{b}", {}],
    ["a/{x:regex(^\\d{{2}}:=/$)}", "/a/12:=%2F", undefined],
    ["a/{x:regex(^\\d{{2}}[:=]$)?}", "/a/12:", { x: "12:" }],
  ])("%s on %s gives %j", (template, path, values) => {
    expect(match(template, path)).toEqual(values);
  });

  it.each([
    ["api/a", "/api"],
    ["api/a", "/api/a/b"],
    ["api/a", "/api/a//"],
    ["api/a", "/api//a"],
    ["a/{x}", "/a"],
    ["a/{x}", "/a/"],
    ["a/{x}", "/a//"],
    ["a/{*rest}", "/a//b"],
    ["a/{*rest:int}", "/a"],
  ])("%s does not match %s", (template, path) => {
    expect(match(template, path)).toBeUndefined();
  });

  it.each([
    ["int", ["0", "-7", " 7", "+7", "2147483647"], ["", "7.0", "x", "2147483648"]],
    ["long", ["9223372036854775807"], ["9223372036854775808"]],
    ["bool", ["true", "FALSE"], ["1", "yes"]],
    ["guid", ["6F9619FF-8B86-D011-B42D-00CF4FC964FF", "{6f9619ff-8b86-d011-b42d-00cf4fc964ff}"], ["6f9619ff"]],
    ["alpha", ["abcZ"], ["a1"]],
    ["length(3)", ["abc"], ["ab", "abcd"]],
    ["length(2,3)", ["ab", "abc"], ["a", "abcd"]],
    ["minlength(2)", ["ab"], ["a"]],
    ["maxlength(2)", ["ab"], ["abc"]],
    ["min(5)", ["5"], ["4", "x"]],
    ["max(5)", ["5"], ["6"]],
    ["range(2,4)", ["2", "4"], ["1", "5"]],
    ["regex(^a+$)", ["aa", "AA"], ["ab"]],
    ["alpha:minlength(2)", ["ab"], ["a", "12"]],
  ])("constraint %s", (constraint, accepted, refused) => {
    const matches = (value: string) => match(`{x:${constraint}}`, `/${encodeURIComponent(value)}`) !== undefined;
    expect(accepted.filter((value) => !matches(value))).toEqual([]);
    expect(refused.filter(matches)).toEqual([]);
  });

  it("checks no constraint of an optional value that is absent", () => {
    expect(match("a/{x:int?}", "/a")).toEqual({});
    expect(match("a/{x:int?}", "/a/b")).toBeUndefined();
  });

  it("gives back any value of a parameter that has no slash", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ minLength: 1, unit: "grapheme" }), { minLength: 1, maxLength: 4 }), (texts) => {
        // Dots alone are resolved, and a text that looks encoded is not decoded twice: `%252F` gives `%2F`.
        fc.pre(texts.every((text) => text !== "." && text !== ".." && !text.includes("/")));
        const template = texts.map((_, i) => `{p${i}}`).join("/");
        const path = `/${texts.map(encodeURIComponent).join("/")}`;
        expect(match(template, path)).toEqual(Object.fromEntries(texts.map((text, i) => [`p${i}`, text])));
      }),
    );
  });

  it("a catch-all takes what all segments together would take", () => {
    const segment = fc.stringMatching(/^[a-z%.~ -]{1,6}$/).filter((text) => !/^\.\.?$/.test(text));
    fc.assert(
      fc.property(fc.array(segment, { minLength: 1, maxLength: 5 }), (segments) => {
        const path = `/${segments.map(encodeURIComponent).join("/")}`;
        expect(match("{*rest}", path)).toEqual({ rest: segments.join("/") });
      }),
    );
  });
});

describe("parseRouteTemplate", () => {
  it.each([
    "a//b",
    "/a",
    "a/",
    "{x}/{X}",
    "{*rest}/a",
    "{*rest?}",
    "{}",
    "a{x}",
    "{x}.{y}",
    "{x:nope}",
    "{x",
    "x}",
    "a?",
    "{x:regex((}",
  ])("refuses %s", (template) => {
    expect(() => parseRouteTemplate(template)).toThrow(RouteTemplateError);
  });
});
