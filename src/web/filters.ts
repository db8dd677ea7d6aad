import type { Environment } from 'nunjucks'
import { z } from 'zod'
import type { Display } from './display.ts'

/** Filters for views: `minor | money(display)`, `ms | time(display)`, `url | link`. */
export function addFilters(environment: Environment): void {
  environment.addFilter('money', (minor: number, display: Display) =>
    new Intl.NumberFormat(display.language, { style: 'currency', currency: 'EUR' }).format(minor / 100),
  )
  environment.addFilter('time', (milliseconds: number, display: Display) =>
    new Intl.DateTimeFormat(display.language, {
      dateStyle: 'medium',
      timeStyle: 'short',
      timeZone: display.timeZone,
    }).format(milliseconds),
  )
  // Autoescape lets `javascript:` through, so every URL that is not written in a view must pass this filter.
  environment.addFilter('link', (url: unknown) =>
    z
      .string()
      .regex(/^(\/(?![/\\])|https:\/\/)/)
      .safeParse(url).success
      ? url
      : '#',
  )
}
