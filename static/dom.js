// Access to the elements of index.html.

/**
 * The page's elements that are more than an HTMLElement, by id.
 *
 * @typedef {object} Elements
 * @property {HTMLButtonElement} save-all
 * @property {HTMLButtonElement} start
 * @property {HTMLButtonElement} start-zip
 * @property {HTMLDialogElement} replace
 * @property {HTMLDialogElement} sealed
 * @property {HTMLDialogElement} sheet
 * @property {HTMLImageElement} left-image
 * @property {HTMLImageElement} right-image
 * @property {HTMLInputElement} divider
 * @property {HTMLInputElement} drop-metadata
 * @property {HTMLInputElement} file
 * @property {HTMLInputElement} folder
 * @property {HTMLInputElement} identity
 * @property {HTMLInputElement} key-file
 * @property {HTMLInputElement} key-paste
 * @property {HTMLInputElement} passphrase
 * @property {HTMLInputElement} remember
 * @property {HTMLInputElement} sealed-secret
 * @property {HTMLInputElement} strong
 * @property {HTMLMeterElement} strength-meter
 * @property {HTMLProgressElement} overall
 * @property {HTMLSelectElement} exact
 * @property {HTMLSelectElement} language
 * @property {HTMLSelectElement} left
 * @property {HTMLSelectElement} model
 * @property {HTMLSelectElement} purpose
 * @property {HTMLSelectElement} right
 * @property {HTMLSelectElement} side
 * @property {HTMLSelectElement} zoom
 * @property {HTMLTemplateElement} panel-template
 * @property {HTMLTemplateElement} row-template
 * @property {HTMLTextAreaElement} recipients
 */

/**
 * @template {string} Id
 * @typedef {Id extends keyof Elements ? Elements[Id] : HTMLElement} ElementOf
 */

/**
 * $ returns the element with an id, which must exist.
 *
 * @template {string} Id
 * @param {Id} id
 * @returns {ElementOf<Id>}
 */
export function $(id) {
  return /** @type {ElementOf<Id>} */ (document.getElementById(id));
}

/**
 * find returns the first descendant that matches a selector and must exist.
 *
 * @template {Element} [E=HTMLElement]
 * @param {ParentNode} root
 * @param {string} selector
 * @returns {E}
 */
export function find(root, selector) {
  return /** @type {E} */ (root.querySelector(selector));
}

/**
 * clone returns a copy of a template's element.
 *
 * @param {HTMLTemplateElement} template
 * @returns {HTMLElement}
 */
export function clone(template) {
  return /** @type {HTMLElement} */ (/** @type {Element} */ (template.content.firstElementChild).cloneNode(true));
}

/**
 * svg creates an SVG element.
 *
 * @param {string} name
 * @param {Record<string, string | number>} attributes
 * @param {...Node} children
 */
export function svg(name, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  element.append(...children);
  return element;
}

/**
 * onInput calls a function with a form control whenever an event of it fires.
 *
 * @template {"file" | "folder" | "key-file" | "key-paste" | "remember" | "language"} Id
 * @param {Id} id
 * @param {string} type
 * @param {(control: ElementOf<Id>) => void} listener
 */
export function onInput(id, type, listener) {
  $(id).addEventListener(type, () => listener($(id)));
}
