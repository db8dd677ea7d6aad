import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findProgram, freePort, startServer, stopServer, whenListening } from '../../test-services/processes.mjs'

/** A proxy in front of a server under test, set up as in `ops/nginx/app.conf`, without TLS. */
export interface Nginx {
  readonly origin: string
  stop(): Promise<void>
}

/** @throws Error if the program is missing, or does not start */
export async function startNginx(upstream: string, folder: string): Promise<Nginx> {
  const program = findProgram(['nginx'], ['/usr/sbin'])
  if (program === undefined) throw new Error('There is no nginx on this machine.')
  const port = await freePort()
  const place = join(folder, `nginx-${port}`)
  mkdirSync(place)
  const file = join(place, 'nginx.conf')
  writeFileSync(file, configuration(new URL(upstream).host, port, place))
  const child = startServer(program, ['-p', place, '-c', file, '-g', 'daemon off;'])
  const kill = () => void child.kill()
  process.once('exit', kill)
  await whenListening(port, child)
  return {
    origin: `http://127.0.0.1:${port}`,
    async stop() {
      process.off('exit', kill)
      await stopServer(child)
    },
  }
}

function configuration(upstream: string, port: number, place: string): string {
  const kinds = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  return `worker_processes 1;
${process.getuid?.() === 0 ? 'user root;' : ''}
pid ${place}/pid;
error_log ${place}/error.log;
events { worker_connections 4096; }
http {
  access_log off;
  keepalive_requests 1000000;
${kinds.map((kind) => `  ${kind}_temp_path ${place}/${kind};`).join('\n')}
  upstream app { server ${upstream}; keepalive 128; keepalive_requests 1000000; }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://app;
      proxy_http_version 1.1;
      proxy_set_header Connection '';
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto https;
    }
  }
}
`
}
