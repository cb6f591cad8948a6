/** Finds what a page must have. */

export function part(root: ParentNode, selector: string): HTMLElement;
export function part<T extends HTMLElement>(root: ParentNode, selector: string, kind: new () => T): T;
export function part(root: ParentNode, selector: string, kind = HTMLElement): HTMLElement {
  const found = root.querySelector(selector);
  if (!(found instanceof kind)) {
    throw new Error(`The page has no ${selector}.`);
  }
  return found;
}

/** The data that Django has put into the page under this id. */
export function dataOf(id: string): unknown {
  return JSON.parse(part(document, `script#${id}`).textContent);
}
