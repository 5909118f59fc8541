// A reporter for Vitest that notes each test when it starts, fails and ends, in the file that BATON_JOURNAL names, and
// each file of tests likewise: one that hangs while it is imported has no tests yet.
// What each note looks like: `agents.checks.journal`.

import { appendFileSync } from "node:fs";
import { relative } from "node:path";

function note(...words) {
  appendFileSync(process.env.BATON_JOURNAL, `${JSON.stringify(words)}\n`);
}

function fileOf(module) {
  return relative(process.cwd(), module.moduleId);
}

function nameOf(test) {
  return `${fileOf(test.module)}: ${test.fullName}`;
}

function noteErrors(name, errors) {
  if (errors.length > 0) note("failed", name, errors[0].message.split("\n")[0]);
}

export default class Journal {
  onTestModuleQueued(module) {
    note("started", fileOf(module));
  }

  onTestCaseReady(test) {
    note("started", nameOf(test));
  }

  onTestCaseResult(test) {
    const result = test.result();
    if (result.state === "failed") noteErrors(nameOf(test), result.errors);
    note("ended", nameOf(test));
  }

  onTestModuleEnd(module) {
    noteErrors(fileOf(module), module.errors());
    note("ended", fileOf(module));
  }
}
