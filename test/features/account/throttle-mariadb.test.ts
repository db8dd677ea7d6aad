import { throttleSuite } from './throttle-suite.ts'

throttleSuite('MariaDB')
