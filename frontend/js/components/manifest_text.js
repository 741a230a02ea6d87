import { Element, html, nothing } from '../core/element.js';
import { explain, t } from '../core/messages.js';
import { toYaml } from '../models/yaml.js';
import { wizard } from '../models/wizard.js';

/** The manifest as text, for those who rather write; Studio's refusals name the line. */
class ManifestText extends Element {
  constructor() {
    super();
    this.watch(wizard);
    // What was typed stays as it was typed, until the form is used again.
    this.text = wizard.yaml ?? toYaml(wizard.manifest);
  }

  render() {
    const { refusal } = wizard;
    const problems = refusal?.details?.problems ?? [];
    return html`
      <section class="card" aria-labelledby="manifest-title">
        <h2 id="manifest-title">${t('wizard.textTitle')}</h2>
        <p class="hint">${t('wizard.textHelp')}</p>
        <div id="manifest-problems" role="alert">
          ${refusal && !problems.length ? html`<p class="error-text">${explain(refusal)}</p>` : nothing}
          ${problems.map(
            ({ line, path, message }) => html`<p class="error-text">
              ${line
                ? html`<button class="link-button" @click=${() => this.#goTo(line)}>${t('wizard.line', { number: line })}</button>`
                : nothing}
              ${path ? html`<code>${path}</code>` : nothing} ${message}
            </p>`,
          )}
        </div>
        <textarea
          class="manifest-text"
          spellcheck="false"
          autocapitalize="none"
          aria-label=${t('wizard.textTitle')}
          aria-describedby="manifest-problems"
          aria-invalid=${refusal ? 'true' : 'false'}
          .value=${this.text}
          @input=${({ target }) => wizard.setYaml((this.text = target.value))}
        ></textarea>
      </section>
    `;
  }

  #goTo(line) {
    const area = this.querySelector('textarea');
    const before = this.text.split('\n');
    const start = before.slice(0, line - 1).reduce((sum, each) => sum + each.length + 1, 0);
    area.focus();
    area.setSelectionRange(start, start + (before[line - 1]?.length ?? 0));
    const height = area.scrollHeight / Math.max(1, before.length);
    area.scrollTop = Math.max(0, (line - 4) * height);
  }
}

customElements.define('manifest-text', ManifestText);
