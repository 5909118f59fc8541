import { expect, test } from "vitest";

import { changes, toClock, toIds, toInstant, toJson, toLocal } from "./convert";

test.each(["2026-05-01T08:30:00.000Z", "2026-12-31T23:59:30.000Z"])("the instant %s survives the control", (instant) => {
  expect(toInstant(toLocal(instant))).toBe(instant);
});

test("an offset is understood, and nothing stays nothing", () => {
  expect(toInstant(toLocal("2026-05-01T10:30:00+02:00"))).toBe("2026-05-01T08:30:00.000Z");
  expect(toLocal(null)).toBe("");
});

test("a time is shown without what is zero", () => {
  expect([toClock("08:30:00"), toClock("08:30:15.500000"), toClock(null)]).toEqual(["08:30", "08:30:15", ""]);
});

test("JSON and lists of ids are read and written", () => {
  expect(toJson({ a: [1] })).toBe('{\n  "a": [\n    1\n  ]\n}');
  expect(toIds(" 3, 14 ,")).toEqual([3, 14]);
});

test("only what was changed is sent", () => {
  const before = { title: "Milk", done: false, tag_ids: [1, 2] };
  const after = { title: "Milk", done: true, tag_ids: [1, 2] };

  expect(changes({ title: "Milk", done: true, tag_ids: [1, 2] }, before, after)).toEqual({ done: true });
});
