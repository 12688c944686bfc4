// ws: a message to many is framed once and written to each socket, which is faster than send() to each.
"use strict";

const { createRequire } = require("node:module");
const { answer } = require("./conversation.js");
const { WebSocketServer, Sender } = createRequire(`${process.env.PEER_MODULES}/`)("ws");

const followers = new Map();

function tell(topic, message, except) {
  const payload = Buffer.from(JSON.stringify(message));
  const options = { fin: true, rsv1: false, opcode: 1, mask: false, readOnly: false };
  const frame = Buffer.concat(Sender.frame(payload, options));
  for (const socket of followers.get(topic) ?? []) if (socket !== except) socket._socket.write(frame);
}

function connected(socket) {
  const me = {
    send: (message) => socket.send(JSON.stringify(message)),
    follow: (topic) => {
      if (!followers.has(topic)) followers.set(topic, new Set());
      followers.get(topic).add(socket);
    },
    tell,
    tellOthers: (topic, message) => tell(topic, message, socket),
  };
  socket.on("message", (data) => answer(JSON.parse(data), me));
  socket.on("close", () => followers.forEach((some) => some.delete(socket)));
  socket.on("error", () => {});
}

const options = { host: "127.0.0.1", port: Number(process.argv[2]), perMessageDeflate: false, backlog: 4096 };
new WebSocketServer(options).on("connection", connected);
