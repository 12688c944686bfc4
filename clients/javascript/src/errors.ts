// The errors of this client: each is a BosError, and its `name` is the same in all languages.

import type { ErrorDetails } from "./protocol.ts";

/** More about an error: as the server wrote it, or empty. */
export interface Facts {
  code?: string;
  details?: ErrorDetails;
  cause?: unknown;
}

/** What every error of this client is. */
export class BosError extends Error {
  override name = "BosError";
  /** The server's code, or empty. */
  readonly code: string;
  readonly details: ErrorDetails;

  constructor(message: string, { code = "", details = {}, cause }: Facts = {}) {
    super(message, { cause });
    this.code = code;
    this.details = details;
  }
}

/** The server has refused a request: nothing was changed. */
export class RequestRefused extends BosError {
  override name = "RequestRefused";
}

/** Only signing in anew helps. */
export class SignInError extends BosError {
  override name = "SignInError";
}

/** The connection is gone; the client comes back by itself. */
export class ConnectionLost extends BosError {
  override name = "ConnectionLost";
}

/** A request ended without an answer. */
class Unanswered extends BosError {
  /** Whether it had left, so that it may have been done. */
  readonly sent: boolean;

  constructor(message: string, sent: boolean, facts?: Facts) {
    super(message, facts);
    this.sent = sent;
  }
}

/** A request had no answer for five minutes. */
export class GivenUp extends Unanswered {
  override name = "GivenUp";
}

/** A request was kept waiting by limits until it was given up. */
export class RateLimited extends Unanswered {
  override name = "RateLimited";
}

/** A request had no answer within the time that was asked for. */
export class Timeout extends Unanswered {
  override name = "Timeout";
}

/** The client was closed. */
export class ClosedError extends Unanswered {
  override name = "ClosedError";
}

/** There is something else at the address. */
export class NotBosError extends BosError {
  override name = "NotBosError";
}

/** Something came, or was sent, that the protocol does not know. */
export class ProtocolError extends BosError {
  override name = "ProtocolError";
}
