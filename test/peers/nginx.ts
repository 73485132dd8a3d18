import { mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import path from 'node:path';
import { OwnedProcess } from './owned-process.ts';
import { findFreePort, temporaryFolder } from './peer.ts';
import type { Peer, TemporaryFolder } from './peer.ts';
import { untilReady } from './ready.ts';

/** A real nginx: one process on a port of its own, with nothing of the machine's own configuration. */
export interface Nginx extends Peer {
  readonly url: string;
  /** Process id, for measuring. */
  readonly pid: number;
}

/**
 * Starts nginx as people put it before an archive: buffered, with connections kept open on both sides.
 *
 * @param target - the archive's address, without a path.
 */
export function startProxyNginx(target: string): Promise<Nginx> {
  const { host } = new URL(target);
  return startNginx(
    `upstream archive { server ${host}; keepalive 32; keepalive_timeout 900ms; }`,
    `location / {
      proxy_pass http://archive;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_buffering on;
      proxy_buffers 16 64k;
      proxy_buffer_size 64k;
      proxy_busy_buffers_size 128k;
      # What a client is too slow for waits at the archive, as it does in ours, and not on a disk.
      proxy_max_temp_file_size 0;
    }`,
  );
}

/** Starts nginx as an archive that holds one answer, which is a file, and gives it at once. */
export function startFileNginx(file: string, mediaType: string): Promise<Nginx> {
  return startNginx(
    '',
    `sendfile on;
    location / {
      types { }
      default_type '${mediaType}';
      root ${path.dirname(file)};
      try_files /${path.basename(file)} =404;
    }`,
  );
}

async function startNginx(http: string, server: string): Promise<Nginx> {
  // Between finding a port and nginx taking it, somebody else may have it.
  for (let attempt = 1; ; attempt += 1) {
    const folder = await temporaryFolder('nginx');
    try {
      return await startIn(folder, http, server);
    } catch (error) {
      await folder.remove();
      if (attempt === 3) throw error;
    }
  }
}

async function startIn(folder: TemporaryFolder, http: string, server: string): Promise<Nginx> {
  const port = await findFreePort();
  const configuration = path.join(folder.path, 'nginx.conf');
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  await mkdir(path.join(folder.path, 'temp'));
  await writeFile(
    configuration,
    `daemon off;
# One process, as we are one: what it costs can be read off it.
master_process off;
pid ${folder.path}/nginx.pid;
error_log stderr warn;
events { worker_connections 1024; }
http {
  ${temporary.map((name) => `${name}_temp_path ${folder.path}/temp/${name};`).join('\n  ')}
  access_log off;
  keepalive_requests 1000000;
  tcp_nodelay on;
  ${http}
  server {
    listen 127.0.0.1:${port};
    client_max_body_size 0;
    ${server}
  }
}
`,
  );
  const owned = new OwnedProcess('/usr/sbin/nginx', ['-p', folder.path, '-c', configuration]);
  const stop = async (): Promise<void> => {
    await owned.stop();
    await folder.remove();
  };
  try {
    await untilReady('nginx', owned, () => accepts(port));
  } catch (error) {
    await owned.kill();
    throw error;
  }
  return {
    url: `http://127.0.0.1:${port}`,
    pid: owned.pid ?? 0,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
