// Socket.IO over WebSocket only, with its default adapter: a room is what it calls one.
"use strict";

const http = require("node:http");
const { createRequire } = require("node:module");
const { answer } = require("./conversation.js");
const { Server } = createRequire(`${process.env.PEER_MODULES}/`)("socket.io");

function connected(socket) {
  const me = {
    send: (message) => socket.emit("m", message),
    follow: (topic) => socket.join(topic),
    tell: (topic, message) => io.to(topic).emit("m", message),
    tellOthers: (topic, message) => socket.to(topic).emit("m", message),
  };
  socket.on("m", (message) => answer(message, me));
}

const server = http.createServer();
const io = new Server(server, { transports: ["websocket"], perMessageDeflate: false });
io.on("connection", connected);
server.listen(Number(process.argv[2]), "127.0.0.1", 4096);
