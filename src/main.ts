#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { runConfig } from './cli/config.ts';
import { runDemo } from './cli/demo/run-demo.ts';
import { echo } from './cli/echo.ts';
import { createProgram } from './cli/program.ts';
import { send } from './cli/send.ts';
import { serve } from './cli/serve.ts';
import { firstStopSignal } from './cli/stop-signal.ts';
import { loadConfig } from './config/load-config.ts';

const io = { stdout: process.stdout, stderr: process.stderr };
const now = (): number => performance.now();
const readFile = (path: string): string => readFileSync(path, 'utf8');
const { version } = JSON.parse(readFile(new URL('../package.json', import.meta.url).pathname)) as {
  readonly version: string;
};

const program = createProgram({
  io,
  version,
  commands: {
    serve: () => serve(loadConfig(process.env, { readFile }), firstStopSignal()),
    echo: async (options) => {
      await echo(options, { io, now });
      return undefined;
    },
    send: (options) => send(options, { io, now }),
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
