import { register } from 'node:module'

// Node 22.18 and newer read TypeScript themselves.
if (!process.features.typescript) register('./typescript-hooks.mjs', import.meta.url)
