#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { check } from './cli/check/check.ts';
import { runConfig } from './cli/config.ts';
import { runDemo } from './cli/demo/run-demo.ts';
import { echo } from './cli/echo.ts';
import { createProgram } from './cli/program.ts';
import { confirmOnTerminal } from './cli/queue/confirm.ts';
import { runQueue } from './cli/queue/run-queue.ts';
import { send } from './cli/send.ts';
import { serve } from './cli/serve.ts';
import { firstStopSignal } from './cli/stop-signal.ts';
import { runToken } from './cli/token/run-token.ts';
import { loadConfig } from './config/load-config.ts';
import { readVersion } from './version.ts';

const io = { stdout: process.stdout, stderr: process.stderr };
const now = (): number => performance.now();
const readFile = (path: string): string => readFileSync(path, 'utf8');

const program = createProgram({
  io,
  version: readVersion(),
  commands: {
    serve: () => serve(loadConfig(process.env, { readFile }), firstStopSignal()),
    echo: async (options) => {
      await echo(options, { io, now });
      return undefined;
    },
    send: (options) => send(options, { io, now }),
    check: (options) => check(options, { io, environment: process.env, readFile }),
    queue: (order) =>
      runQueue(order, {
        config: loadConfig(process.env, { readFile }).config,
        io,
        confirm: confirmOnTerminal(process),
        now: Date.now,
        clock: now,
      }),
    token: (order) =>
      runToken(order, {
        config: loadConfig(process.env, { readFile }).config,
        io,
        now: Date.now,
      }),
    config: (options) => {
      runConfig(options, { io, environment: process.env, readFile });
      return Promise.resolve(undefined);
    },
    demo: async (options) => {
      await runDemo(options, { io, stopRequested: firstStopSignal() });
      return undefined;
    },
  },
});
process.exitCode = await program.run(process.argv.slice(2));
