import '../maintainer/explorer/explorer.test.ts'
