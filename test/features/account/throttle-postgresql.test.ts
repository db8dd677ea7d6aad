import { throttleSuite } from './throttle-suite.ts'

throttleSuite('PostgreSQL')
