import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { filesUnder } from './graph.ts'
import type { Part } from './parts.ts'

/** The name in package-lock.json and on pages. */
export function nameProject(root: string, name: string): void {
  const lock = join(root, 'package-lock.json')
  if (existsSync(lock)) {
    const text = readFileSync(lock, 'utf8')
    writeFileSync(lock, text.replaceAll(/^( {2}| {6})"name": "holdfast"/gm, `$1"name": "${name}"`))
  }
  const site = join(root, 'src/web/site.ts')
  writeFileSync(site, readFileSync(site, 'utf8').replace(/SITE_NAME = '[^']*'/, `SITE_NAME = '${name}'`))
}

/** A README of what is left; its pictures and chapters were those of the whole. */
export function writeReadme(root: string, name: string, parts: readonly Part[]): void {
  const of = (kind: Part['kind']) => parts.filter((part) => part.kind === kind).map((part) => `\`${part.name}\``)
  const documents = filesUnder(root, 'docs').filter((file) => file.endsWith('.md'))
  rmSync(join(root, 'docs/screenshot.png'), { force: true })
  writeFileSync(
    join(root, 'README.md'),
    `# ${name}

\`\`\`sh
npm install
npm run dev      # http://localhost:3000
npm test         # every check; npm run test:unit needs no service
npm run build && npm start
\`\`\`

| part | here |
|---|---|
| session engines | ${of('engine').join(', ')} (\`SESSION_ENGINE\`) |
| formats | ${of('format').join(', ')} (\`SESSION_FORMAT\`) |
| caches | ${of('cache').join(', ') || 'none'} |
| features | ${of('feature').join(', ') || 'none'} |

Settings are in [.env.example](.env.example), with their defaults. \`src/app.ts\` is the whole application in the order of a request;
the session engine is \`src/session/\`. ${documents.map((file) => `[${file.slice(5)}](${file})`).join(', ')} describe the rest.
`,
  )
}
