import { EACH_PAIR, testLogouts } from '../support/migrating-logout.ts'

testLogouts(EACH_PAIR)
