// The trial in Node: what is to be done as JSON on the command line, the result as JSON on stdout.

import process from "node:process";
import * as bos from "../../clients/javascript/src/index.ts";
import { trial } from "./trial.js";

const { url, email, password, ...rest } = JSON.parse(process.argv[2]);
const token = bos.passwordSession(url, email, password);
const ready = () => void process.stdout.write("ready\n");
process.stdout.write(JSON.stringify(await trial(bos, { ...rest, url, token, ready })) + "\n");
