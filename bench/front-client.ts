import { execFile } from 'node:child_process';
import { connect } from 'node:net';
import { promisify } from 'node:util';
import { Pool } from 'undici';

/** Something that answers DICOMweb requests, and how to ask it. */
export interface Way {
  /** The DICOMweb root. */
  readonly root: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Of the process between client and archive, where there is one. */
  readonly pid?: number;
}

/**
 * Asks for one long answer on a connection of its own and throws it away. As little as a client can
 * do: bytes go from the socket to one buffer, and are counted.
 *
 * @returns how many bytes came, head and framing included.
 * @throws Error when the status is not 200 or the last chunk is not the end of a multipart body.
 */
export function download({ root, headers }: Way, path: string, accept: string): Promise<number> {
  const url = new URL(`${root}/${path}`);
  const buffer = Buffer.allocUnsafeSlow(1024 * 1024);
  return new Promise((resolve, reject) => {
    let bytes = 0;
    let head = '';
    let tail = '';
    const socket = connect({
      host: url.hostname,
      port: Number(url.port),
      noDelay: true,
      onread: {
        buffer,
        callback: (length) => {
          bytes += length;
          if (head === '') head = buffer.toString('latin1', 0, Math.min(length, 64));
          tail = (tail + buffer.toString('latin1', Math.max(0, length - 64), length)).slice(-64);
          return true;
        },
      },
    });
    socket.once('error', reject).once('close', () => {
      if (!head.startsWith('HTTP/1.1 200')) reject(new Error(`${path}: ${head}`));
      // A chunked body ends with an empty chunk, and HTTP/1.1 without length just ends.
      else if (!/--(?:\r\n)?(?:\r\n0\r\n\r\n)?$/.test(tail))
        reject(new Error(`${path}: cut short`));
      else resolve(bytes);
    });
    const lines = Object.entries({ ...headers, Accept: accept }).map(([k, v]) => `${k}: ${v}\r\n`);
    socket.write(
      `GET ${url.pathname} HTTP/1.1\r\nHost: ${url.host}\r\nConnection: close\r\n${lines.join('')}\r\n`,
    );
  });
}

/**
 * Asks for many things over so many connections that are kept open, each next one when the last is
 * there.
 *
 * @returns the milliseconds of each, in no order.
 */
export async function askAll(
  { root, headers }: Way,
  paths: readonly string[],
  { connections, accept }: { readonly connections: number; readonly accept: string },
): Promise<readonly number[]> {
  const { origin, pathname } = new URL(root);
  const pool = new Pool(origin, { connections, pipelining: 1 });
  const left = [...paths];
  const times: number[] = [];
  try {
    await Promise.all(
      Array.from({ length: connections }, async () => {
        for (let next = left.pop(); next !== undefined; next = left.pop()) {
          const begun = performance.now();
          const { statusCode, body } = await pool.request({
            method: 'GET',
            path: `${pathname}/${next}`,
            headers: { ...headers, accept },
          });
          await body.dump({ limit: 2 ** 40 });
          times.push(performance.now() - begun);
          if (statusCode !== 200) throw new Error(`${next}: status ${statusCode}`);
        }
      }),
    );
  } finally {
    await pool.close();
  }
  return times;
}

const run = promisify(execFile);

/** Requests a second, by `wrk`, which is written in C and takes one thread here. */
export async function requestRate(
  { root, headers }: Way,
  path: string,
  { connections, seconds }: { readonly connections: number; readonly seconds: number },
): Promise<number> {
  const { stdout } = await run('wrk', [
    ...['-t', '1', '-c', String(connections), '-d', `${seconds}s`, '--timeout', '30s'],
    ...Object.entries({ ...headers, Accept: 'application/dicom+json' }).flatMap(([name, value]) => [
      '-H',
      `${name}: ${value}`,
    ]),
    `${root}/${path}`,
  ]);
  const rate = Number(/^Requests\/sec:\s+([\d.]+)$/m.exec(stdout)?.[1]);
  if (/Non-2xx|Socket errors/.test(stdout) || !(rate > 0)) throw new Error(`wrk:\n${stdout}`);
  return rate;
}
