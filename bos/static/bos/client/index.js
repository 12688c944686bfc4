// Written by `make clients` of clients/javascript/src: change it there.
// @bos/client: connects to BOS, and keeps what it promises: nothing lost, nothing twice.
export { connect } from "./client.js";
export * from "./errors.js";
export { passwordSession, StoredSession } from "./tokens.js";
