import { availableParallelism } from "node:os";

/** A package that is to be compiled. */
export interface Package {
  /** Its import path, which `go build -v` prints when the package's turn has come. */
  readonly path: string;
  /** Of its module; two builds may take it in two versions. */
  readonly version: string;
  /** The size of its sources. */
  readonly bytes: number;
}

/** Processor seconds for a million bytes of sources, linking included; measured over the programs of the sandbox. */
const secondsPerMegabyte = 3.2;

/** Packages of generated code that take longer than others of their size. */
const slow = { prefix: "github.com/pulumi/pulumi-kubernetes/sdk/", times: 2.5 } as const;

/** How far the compilation of some packages is, and how long it will still take. */
export class Progress {
  private readonly waiting = new Map<string, number>();
  private readonly all: number;
  private readonly count: number;
  private left: number;
  private current: readonly Package[] = [];
  private readonly started: number;

  /**
   * @param packages those of all builds; what two builds have in common is compiled once
   * @param now milliseconds
   */
  constructor(
    packages: readonly Package[],
    private readonly now: () => number = Date.now,
    private readonly cores: number = availableParallelism(),
  ) {
    for (const one of packages) this.waiting.set(key(one), work(one));
    this.count = this.waiting.size;
    this.all = sum(this.waiting.values());
    this.left = this.all;
    this.started = now();
  }

  /** Says of which packages the next lines are. */
  next(packages: readonly Package[]): void {
    this.current = packages;
  }

  /** Takes a line of `go build -v`; whether it was the name of a package. */
  line(text: string): boolean {
    const one = this.current.find(({ path }) => path === text);
    if (one === undefined) return false;
    this.left -= this.waiting.get(key(one)) ?? 0;
    this.waiting.delete(key(one));
    return true;
  }

  /** What there is to do, in words. */
  get task(): string {
    return `${this.count} ${this.count === 1 ? "package" : "packages"} to compile, ${this.remaining} on ${this.cores === 1 ? "one core" : `${this.cores} cores`}`;
  }

  /** How far it is, in words. */
  get state(): string {
    const done = this.count - this.waiting.size;
    return `${done} of ${this.count} packages, ${duration(this.elapsed)} so far, ${this.remaining} left`;
  }

  private get elapsed(): number {
    return (this.now() - this.started) / 1000;
  }

  /** By what is known of other machines first, and then by how fast this one is. */
  private get remaining(): string {
    const done = (this.all - this.left) / this.all;
    const expected = (this.left / 1e6) * (secondsPerMegabyte / this.cores);
    const seconds = done > 0.1 ? (this.elapsed * (1 - done)) / done : expected;
    return `about ${seconds < 55 ? `${Math.max(1, Math.round(seconds / 10)) * 10} s` : `${Math.round(seconds / 60)} min`}`;
  }
}

/** A duration in words, such as `1 min 5 s`. */
export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

const key = ({ path, version }: Package) => `${path} ${version}`;

const work = ({ path, bytes }: Package) => bytes * (path.startsWith(slow.prefix) ? slow.times : 1);

function sum(numbers: Iterable<number>): number {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
}
