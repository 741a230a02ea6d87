import { Element, html, nothing } from '../js/core/element.js';
import { loadMessages, t } from '../js/core/messages.js';
import { icon } from '../js/components/icons.js';
import { link } from './link.js';
import { dateText, explain } from './words.js';
import './form.js';
import './pictures.js';

/** What somebody sees who was sent a link: one thing, and what can be done with it. */
class SharedPage extends Element {
  static properties = { facts: { state: true }, problem: { state: true }, busy: { state: true } };

  connectedCallback() {
    super.connectedCallback();
    this.#open();
  }

  async #open(password = '') {
    this.busy = true;
    this.hasTried ||= Boolean(password);
    try {
      // Words first: whatever the link answers is told in them.
      await loadMessages('shared');
      this.facts = await link.visit(password);
      this.problem = null;
      document.title = this.facts.label;
    } catch (error) {
      this.problem = error;
    }
    this.busy = false;
  }

  render() {
    const { facts, problem } = this;
    if (!facts && !problem) return nothing;
    return html`
      <main class="shared">
        ${facts ? this.#shown(facts) : this.#closed(problem)}
        <footer class="shared-foot"><img src="/static/favicon.svg" alt="" width="20" height="20" />${t('shared.foot')}</footer>
      </main>
    `;
  }

  #shown(facts) {
    const about = facts.kind === 'preset' ? facts.form.description : '';
    return html`
      <header class="shared-head">
        <h1>${facts.label}</h1>
        ${about ? html`<p>${about}</p>` : nothing}
        <p class="hint">${t('shared.until', { time: dateText(facts.expires_at) })}</p>
      </header>
      ${facts.kind === 'preset'
        ? html`<shared-form .facts=${facts}></shared-form>`
        : html`<shared-pictures .facts=${facts}></shared-pictures>`}
    `;
  }

  #closed(problem) {
    // Too many questions are about a password only where one was tried.
    const isLocked =
      ['share_locked', 'wrong_share_password'].includes(problem.code) ||
      (problem.code === 'rate_limited' && this.hasTried);
    const enter = (event) => {
      event.preventDefault();
      this.#open(new FormData(event.target).get('password'));
    };
    return html`
      <section class="card shared-door">
        <span class="shared-mark">${icon(isLocked ? 'lock' : 'link')}</span>
        <h1>${t(isLocked ? 'shared.locked' : 'shared.closed')}</h1>
        <p class="hint" role=${problem.code === 'share_locked' ? nothing : 'alert'}>${explain(problem)}</p>
        ${isLocked
          ? html`<form @submit=${enter}>
              <label class="field">
                <span>${t('shared.password')}</span>
                <input name="password" type="password" autocomplete="off" required maxlength="256" />
              </label>
              <button class="primary wide" ?disabled=${this.busy}>${t('shared.open')}</button>
            </form>`
          : html`<button @click=${() => this.#open()} ?disabled=${this.busy}>${icon('again')}${t('shared.again')}</button>`}
      </section>
    `;
  }
}

customElements.define('shared-page', SharedPage);
