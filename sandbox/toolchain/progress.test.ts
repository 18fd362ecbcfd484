import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { duration, type Package, Progress } from "./progress.js";

const pkg = (path: string, megabytes: number, version = ""): Package => ({ path, version, bytes: megabytes * 1e6 });

describe("Progress", () => {
  const packages = [pkg("a", 25), pkg("b", 25), pkg("c", 50)];

  it("says what there is to do, by what is known of other machines", () => {
    assert.equal(new Progress(packages, () => 0, 2).task, "3 packages to compile, about 3 min on 2 cores");
    assert.equal(new Progress(packages, () => 0, 1).task, "3 packages to compile, about 5 min on one core");
    assert.equal(new Progress([pkg("a", 1)], () => 0, 1).task, "1 package to compile, about 10 s on one core");
  });

  it("says how far it is, and how long still at this machine's pace", () => {
    let now = 0;
    const progress = new Progress(packages, () => now, 2);
    progress.next(packages);
    assert.ok(progress.line("a"));
    assert.ok(progress.line("b"));
    now = 600_000;
    assert.equal(progress.state, "2 of 3 packages, 10 min 0 s so far, about 10 min left");
  });

  it("counts a package once, and keeps other lines for the log", () => {
    const progress = new Progress(packages, () => 0, 2);
    progress.next(packages);
    assert.ok(progress.line("a"));
    assert.ok(progress.line("a"));
    assert.equal(progress.line("# a"), false);
    assert.equal(progress.line("d"), false);
    assert.match(progress.state, /^1 of 3 packages,/);
  });

  it("counts a package of two builds once, and two versions of it twice", () => {
    const first = [pkg("a", 1), pkg("b", 1, "v1")];
    const second = [pkg("a", 1), pkg("b", 1, "v2")];
    const progress = new Progress([...first, ...second], () => 0, 2);
    progress.next(first);
    progress.line("a");
    progress.line("b");
    assert.match(progress.state, /^2 of 3 packages,/);
    progress.next(second);
    progress.line("b");
    assert.match(progress.state, /^3 of 3 packages,/);
  });

  it("takes code that is slow to compile for more than its size", () => {
    const slow = pkg("github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1", 100);
    assert.equal(new Progress([slow], () => 0, 2).task, "1 package to compile, about 7 min on 2 cores");
  });
});

describe("duration", () => {
  it("is in words", () => {
    assert.deepEqual([0.4, 59, 61, 3600].map(duration), ["0 s", "59 s", "1 min 1 s", "60 min 0 s"]);
  });
});
