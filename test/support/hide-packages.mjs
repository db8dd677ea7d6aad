import Module from 'node:module'

// With --import: the packages in HIDDEN_PACKAGES, comma separated, are as if they were not installed. For those that are
// loaded with require, as Knex does.
const hidden = (process.env.HIDDEN_PACKAGES ?? '').split(',').filter((name) => name !== '')
const resolve = Module._resolveFilename

Module._resolveFilename = function (request, ...rest) {
  if (hidden.some((name) => request === name || request.startsWith(`${name}/`))) {
    throw Object.assign(new Error(`Cannot find module '${request}'`), { code: 'MODULE_NOT_FOUND' })
  }
  return resolve.call(this, request, ...rest)
}
