// The part of the conversation that the peers have: the same messages, nothing stored, no right checked beyond the token.
"use strict";

const crypto = require("node:crypto");

const SECRET = process.env.PEER_TOKEN_SECRET;
const AT = "2026-01-20T10:35:00Z";
let sessions = 0;

// HS256 and the expiry, as PyJWT checks them.
function verified(token) {
  const [head, body, signature] = token.split(".");
  const { alg } = JSON.parse(Buffer.from(head, "base64url"));
  const wanted = crypto.createHmac("sha256", SECRET).update(`${head}.${body}`).digest();
  if (alg !== "HS256" || !crypto.timingSafeEqual(wanted, Buffer.from(signature, "base64url"))) {
    throw new Error("not a token of ours");
  }
  const claims = JSON.parse(Buffer.from(body, "base64url"));
  if (claims.exp < Date.now() / 1000) throw new Error("expired");
  return claims;
}

function update({ kpiId, value }) {
  const data = { id: kpiId, name: "Monthly Revenue", value, target: 1500000.0, updatedAt: AT };
  const payload = { entityType: "kpi", entityId: kpiId, changeType: "updated", data, updatedBy: "user-1" };
  return { type: "SYNC_UPDATE", payload, timestamp: AT };
}

function cursor({ sessionId, position, focusedEntity }) {
  return { type: "CURSOR_MOVE", payload: { userId: "user-1", position, sessionId, focusedEntity }, timestamp: AT };
}

// me: { send(message), follow(topic), tell(topic, message), tellOthers(topic, message) }
function answer(request, me) {
  const { type, payload, requestId } = request;
  const reply = (type, payload) => me.send({ type, payload, requestId, timestamp: AT });
  switch (type) {
    case "PING":
      return reply("PONG");
    case "AUTH": {
      const claims = verified(payload.token);
      const expiresAt = new Date(claims.exp * 1000).toISOString();
      return reply("AUTH_SUCCESS", { userId: claims.sub, organizationId: claims.organization, sessionId: "s", expiresAt });
    }
    case "SUBSCRIBE":
      payload.channels.forEach((channel) => me.follow(channel));
      return reply("SUBSCRIBED", payload);
    case "SESSION_CREATE": {
      const sessionId = `room-${++sessions}`;
      me.follow(`session:${sessionId}`);
      return reply("SESSION_CREATED", { sessionId });
    }
    case "SESSION_JOIN":
      me.follow(`session:${payload.sessionId}`);
      return reply("SESSION_JOINED", payload);
    case "KPI_UPDATE":
      return me.tell("organization:1", update(payload));
    case "CURSOR_MOVE":
      return me.tellOthers(`session:${payload.sessionId}`, cursor(payload));
  }
}

module.exports = { answer };
