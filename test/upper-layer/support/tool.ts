import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import type { Readable } from 'node:stream';
import { existsSync } from 'node:fs';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

/** Whether a DCMTK tool is installed; tests that need one are skipped, visibly, without it. */
export function hasTool(name: string): boolean {
  return existsSync(`/usr/bin/${name}`);
}

/** Runs a tool to its end. */
export async function runTool(
  name: string,
  ...args: readonly string[]
): Promise<{ readonly exitCode: number; readonly output: string }> {
  const child = spawnPiped(name, args);
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString('latin1')));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString('latin1')));
  const [exitCode] = (await once(child, 'close')) as [number];
  return { exitCode, output };
}

/** Starts a tool that listens on the given port; it ends with the test. */
export async function startTool(
  port: number,
  name: string,
  ...args: readonly string[]
): Promise<void> {
  const child = spawnPiped(name, args);
  child.stdout.resume();
  child.stderr.resume();
  onTestFinished(async () => {
    if (child.exitCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'close');
  });
  while (child.exitCode === null) {
    if (await answers(port)) return;
  }
  throw new Error(`${name} ended with ${child.exitCode}`);
}

function spawnPiped(
  name: string,
  args: readonly string[],
): ChildProcessByStdio<null, Readable, Readable> {
  return spawn(`/usr/bin/${name}`, args, {
    env: { ...process.env, TCP_NODELAY: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** One attempt to connect; a refused one costs some milliseconds. */
async function answers(port: number): Promise<boolean> {
  const socket = connect({ port, host: '127.0.0.1' });
  const connected = await new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(true));
    socket.once('error', () => setTimeout(() => resolve(false), 20));
  });
  socket.destroy();
  return connected;
}

export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
