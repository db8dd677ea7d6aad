import { accountsSuite } from './support/accounts-suite.ts'

accountsSuite('PostgreSQL')
