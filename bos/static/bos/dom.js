// Parts of the page by their `data-` attribute, of the class that they are.

/** The part of `root` that carries `data-{name}`; a page without it is broken, and says so.
 *
 * @template {Element} [E=HTMLElement]
 * @param {ParentNode} root
 * @param {string} name
 * @param {new () => E} [kind]
 * @returns {E}
 */
export function part(root, name, kind) {
  return only(root, `[data-${name}]`, kind);
}

/** The one element of `root` that this selector finds.
 *
 * @template {Element} [E=HTMLElement]
 * @param {ParentNode} root
 * @param {string} selector
 * @param {new () => E} [kind]
 * @returns {E}
 */
export function only(root, selector, kind) {
  const found = root.querySelector(selector);
  if (!(found instanceof (kind ?? HTMLElement))) throw new Error(`The page lacks ${selector}.`);
  return /** @type {E} */ (found);
}
