import '../scenarios/outages.test.ts'
