/** The name on every page. */
export const SITE_NAME = 'Holdfast'
