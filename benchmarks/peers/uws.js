// uWebSockets.js: topics are its own, in C++; the messages are made and read in JavaScript.
"use strict";

const { createRequire } = require("node:module");
const { answer } = require("./conversation.js");
const uws = createRequire(`${process.env.PEER_MODULES}/`)("@btc-vision/uwebsockets.js");

const decoder = new TextDecoder();

function upgrade(response, request, context) {
  const [key, protocol, extensions] = ["key", "protocol", "extensions"].map((name) =>
    request.getHeader(`sec-websocket-${name}`));
  response.upgrade({}, key, protocol, extensions, context);
}

function opened(socket) {
  socket.getUserData().me = {
    send: (message) => socket.send(JSON.stringify(message)),
    follow: (topic) => socket.subscribe(topic),
    tell: (topic, message) => app.publish(topic, JSON.stringify(message)),
    tellOthers: (topic, message) => socket.publish(topic, JSON.stringify(message)),
  };
}

const behavior = {
  compression: uws.DISABLED,
  maxBackpressure: 64 << 20,
  idleTimeout: 300,
  upgrade,
  open: opened,
  message: (socket, data) => answer(JSON.parse(decoder.decode(data)), socket.getUserData().me),
};
const app = uws.App().ws("/*", behavior);
app.listen("127.0.0.1", Number(process.argv[2]), (listening) => {
  if (!listening) process.exit(1);
});
