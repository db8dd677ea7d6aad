import { A_PAIR_OF_EACH_KIND, testLogouts } from '../../support/migrating-logout.ts'

testLogouts(A_PAIR_OF_EACH_KIND)
