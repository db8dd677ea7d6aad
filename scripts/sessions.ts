import { main } from './sessions/main.ts'

await main(process.argv.slice(2))
