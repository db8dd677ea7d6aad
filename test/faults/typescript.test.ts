import '../maintainer/template/typescript.test.ts'
