// Written by `make clients` of clients/javascript/src: change it there.
// The errors of this client: each is a BosError, and its `name` is the same in all languages.
/** What every error of this client is. */ export class BosError extends Error {
  name = "BosError";
  /** The server's code, or empty. */ code;
  details;
  constructor(message, { code = "", details = {}, cause } = {}){
    super(message, {
      cause
    });
    this.code = code;
    this.details = details;
  }
}
/** The server has refused a request: nothing was changed. */ export class RequestRefused extends BosError {
  name = "RequestRefused";
}
/** Only signing in anew helps. */ export class SignInError extends BosError {
  name = "SignInError";
}
/** The connection is gone; the client comes back by itself. */ export class ConnectionLost extends BosError {
  name = "ConnectionLost";
}
/** A request ended without an answer. */ class Unanswered extends BosError {
  /** Whether it had left, so that it may have been done. */ sent;
  constructor(message, sent, facts){
    super(message, facts);
    this.sent = sent;
  }
}
/** A request had no answer for five minutes. */ export class GivenUp extends Unanswered {
  name = "GivenUp";
}
/** A request was kept waiting by limits until it was given up. */ export class RateLimited extends Unanswered {
  name = "RateLimited";
}
/** A request had no answer within the time that was asked for. */ export class Timeout extends Unanswered {
  name = "Timeout";
}
/** The client was closed. */ export class ClosedError extends Unanswered {
  name = "ClosedError";
}
/** There is something else at the address. */ export class NotBosError extends BosError {
  name = "NotBosError";
}
/** Something came, or was sent, that the protocol does not know. */ export class ProtocolError extends BosError {
  name = "ProtocolError";
}
