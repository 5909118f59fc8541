export const PAGE_SIZE = 20;
export const OPTIONS_LIMIT = 100;

type Page = { items: readonly unknown[]; total: number; offset: number };

/** Return where the page after `page` begins, or nothing if it is the last. */
export function nextOffset(page: Page): number | undefined {
  const end = page.offset + page.items.length;
  return page.items.length > 0 && end < page.total ? end : undefined;
}
