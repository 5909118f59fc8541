import { expect, test } from "vitest";

import { decimal, float, ids, integer, json, length, type Rule, uuid } from "./rules";

const cases: [string, Rule<string>, string[], string[]][] = [
  ["length", length({ min: 2, max: 3 }), ["ab", "🫒🫒🫒"], ["a", "abcd"]],
  ["integer", integer({ min: "1", max: "5" }), ["1", "5", "+3"], ["0", "6", "1.5", "two", "1e0", ""]],
  ["float", float({ max: "10" }), ["1.5", "-2e3", "10"], ["11", "Infinity", "one", " "]],
  ["decimal", decimal(5, 2, { min: "0" }), ["0", "999.99", "1.5"], ["1000", "0.001", "-1", ".5", "1e2"]],
  ["uuid", uuid, ["3f2b8c1e-0d4a-4c6b-9a57-1f0e2d3c4b5a"], ["3f2b8c1e", "not one"]],
  ["json", json, ['{"a": 1}', "[]", '"text"'], ["{a: 1}", "nope"]],
  ["ids", ids, ["3", "3, 14"], ["3,", "three", "-3"]],
];

test.each(cases)("%s lets the right text through and stops the wrong one", (_name, rule, right, wrong) => {
  expect(right.filter((value) => rule(value) !== null)).toEqual([]);
  expect(wrong.filter((value) => rule(value) === null)).toEqual([]);
});
