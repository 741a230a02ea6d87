import { Element, html, nothing } from '../core/element.js';
import { icon } from './icons.js';

/**
 * A button that opens a menu: `items` are {label, icon, run} or {label, icon, href}, false ones are
 * left out. Arrows, Home and End move, a letter goes to what begins with it, Esc closes.
 */
class MenuButton extends Element {
  static properties = {
    label: {},
    symbol: {},
    look: {},
    items: { attribute: false },
    isOpen: { state: true },
  };

  constructor() {
    super();
    this.items = [];
    this.isOpen = false;
    this.away = (event) => this.contains(event.target) || this.#close();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    removeEventListener('pointerdown', this.away);
  }

  render() {
    return html`
      <button
        type="button"
        class=${this.look ?? 'round'}
        aria-haspopup="menu"
        aria-expanded=${this.isOpen ? 'true' : 'false'}
        aria-label=${this.look ? nothing : this.label}
        title=${this.look ? nothing : this.label}
        @click=${() => (this.isOpen ? this.#close() : this.#open())}
        @keydown=${(event) => this.#onButtonKey(event)}
      >
        ${icon(this.symbol ?? 'more')}${this.look ? html`<span>${this.label}</span>` : nothing}
      </button>
      ${this.isOpen
        ? html`<div class="menu" role="menu" aria-label=${this.label} @keydown=${(event) => this.#onKey(event)}>
            ${this.items.filter(Boolean).map((item) => this.#item(item))}
          </div>`
        : nothing}
    `;
  }

  #item({ label, icon: symbol, run, href }) {
    const choose = () => {
      this.#close();
      run?.();
    };
    const content = html`${symbol ? icon(symbol) : nothing}<span>${label}</span>`;
    return href
      ? html`<a role="menuitem" tabindex="-1" href=${href} @click=${choose}>${content}</a>`
      : html`<button type="button" role="menuitem" tabindex="-1" @click=${choose}>${content}</button>`;
  }

  get #entries() {
    return [...this.querySelectorAll('[role="menuitem"]')];
  }

  async #open(at = 0) {
    this.isOpen = true;
    addEventListener('pointerdown', this.away);
    await this.updateComplete;
    this.#place();
    this.#entries.at(at)?.focus();
  }

  /** It opens upwards where the page's end, or a phone's bar, would cover it and there is room above. */
  #place() {
    const menu = this.querySelector('.menu');
    if (!menu || this.closest('dialog')) return;
    const { bottom, height } = menu.getBoundingClientRect();
    const bar = document.querySelector('.bar')?.getBoundingClientRect();
    const floor = bar?.top > 0 ? bar.top : innerHeight;
    if (bottom > floor && this.getBoundingClientRect().top > height) menu.classList.add('is-up');
  }

  #close() {
    if (!this.isOpen) return;
    this.isOpen = false;
    removeEventListener('pointerdown', this.away);
    this.querySelector('button').focus();
  }

  #onButtonKey(event) {
    if (this.isOpen || !['ArrowDown', 'ArrowUp'].includes(event.key)) return;
    event.preventDefault();
    this.#open(event.key === 'ArrowUp' ? -1 : 0);
  }

  #onKey(event) {
    const entries = this.#entries;
    const at = entries.indexOf(document.activeElement);
    const go = (place) => entries.at(place % entries.length)?.focus();
    const begins = (entry) => entry.textContent.trim().toLowerCase().startsWith(event.key.toLowerCase());
    if (event.key === 'Escape' || event.key === 'Tab') this.#close();
    else if (event.key === 'ArrowDown') go(at + 1);
    else if (event.key === 'ArrowUp') go(at - 1);
    else if (event.key === 'Home') go(0);
    else if (event.key === 'End') go(-1);
    else if (event.key.length === 1) [...entries.slice(at + 1), ...entries].find(begins)?.focus();
    else return;
    if (event.key !== 'Tab' && event.key !== 'Enter' && event.key !== ' ') event.preventDefault();
    event.stopPropagation();
  }
}

customElements.define('menu-button', MenuButton);
