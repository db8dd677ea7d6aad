// npm run bench compares speeds; with a name as its first argument it answers another question.
const programs: Readonly<Record<string, () => Promise<unknown>>> = {
  app: () => import('./bench/app/main.ts'),
  growth: () => import('./bench/growth/main.ts'),
  proxy: () => import('./bench/proxy/main.ts'),
}

await (programs[process.argv[2] ?? ''] ?? (() => import('./bench/speed.ts')))()
