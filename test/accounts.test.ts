import { accountsSuite } from './support/accounts-suite.ts'

accountsSuite('SQLite')
