import type { FastifyRequest } from "fastify";
import { Access } from "./access.js";
import { invalidToken } from "./errors.js";
import { Input } from "./input.js";
import type { PlanLimits } from "./plans.js";
import type { Quota } from "./rateLimits.js";
import type { State, Store } from "./state.js";
import { findActor } from "./tokens.js";

/** What a route handler works with. */
export interface Call {
  state: State;
  access: Access;
  input: Input;
}

/** What all routes share. */
export class Api {
  constructor(
    readonly store: Store,
    readonly plan: { readonly limits: PlanLimits },
    readonly now: () => number,
  ) {}

  get limits(): PlanLimits {
    return this.plan.limits;
  }

  time(): string {
    return new Date(this.now()).toISOString();
  }

  /** Answers a request that only reads the state. */
  read<Result>(request: FastifyRequest, answer: (call: Call) => Result): Result {
    return answer(this.#call(request, this.store.state));
  }

  /** Answers a request that changes the state. The change is on disk when this returns; if this throws, nothing has changed. */
  write<Result>(request: FastifyRequest, change: (call: Call) => Result): Result {
    return this.store.transact((draft) => change(this.#call(request, draft)));
  }

  // The actor is looked up anew: its token may have been revoked while the body was still arriving,
  // and in a transaction it has to be the draft's.
  #call(request: FastifyRequest, state: State): Call {
    const actor =
      request.credential === undefined ? undefined : findActor(state, request.credential, new Date(this.now()));
    if (actor === undefined) throw invalidToken();
    return { state, access: new Access(state, actor), input: new Input(request.query, request.body) };
  }
}

declare module "fastify" {
  interface FastifyRequest {
    /** The token presented, once it was found valid. */
    credential: string | undefined;
    /** How the access log names the token. */
    tokenLabel: string;
    /** The request is handled, and its answer never sent; see ../faults. */
    answerLost: boolean;
    /** The tighter of the two quotas this request was counted against. */
    quota: Quota | undefined;
  }
}
