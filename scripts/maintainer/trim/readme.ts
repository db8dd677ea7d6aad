import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { filesUnder } from './graph.ts'
import { nameLock } from './packages.ts'
import type { Part } from './parts.ts'

/** The name in package-lock.json and on pages. */
export function nameProject(root: string, name: string): void {
  nameLock(root, name)
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
npm ci
npm run dev                       # http://localhost:3000, with an SQLite database under data/
npm run test:unit                 # what needs no service; npm test is every check
npm run build && npm run migrate && npm start   # production: needs SECRET_KEY
\`\`\`

| part | here |
|---|---|
| session engines (\`SESSION_ENGINE\`) | ${of('engine').join(', ')} |
| formats (\`SESSION_FORMAT\`) | ${of('format').join(', ')} |
| caches (\`CACHE_URL\`) | ${of('cache').join(', ') || 'none'} |
| features | ${of('feature').join(', ') || 'none'} |

[.env.example](.env.example) has every setting with its default. \`src/app.ts\` is the application in the order of a request,
\`src/features/\` its features, \`src/session/\` the session engine.

${documents.map((file) => `- [${file}](${file})`).join('\n')}
`,
  )
}
