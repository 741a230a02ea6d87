import { Element, html, nothing } from '../../core/element.js';
import { LANGUAGES, t } from '../../core/messages.js';
import { installation } from '../../models/installation.js';
import { notices } from '../../models/notices.js';
import { preferences } from '../../models/preferences.js';
import { selectField } from '../field.js';
import { icon } from '../icons.js';

const THEMES = ['system', 'light', 'dark'];
/* Each by its own name, to be found by who reads no other. */
const NAMES = { en: 'English', de: 'Deutsch', it: 'Italiano', zh: '简体中文' };

/** How the page looks and speaks, and the page as an app. */
class SettingsLooks extends Element {
  constructor() {
    super();
    this.watch(preferences, installation);
  }

  render() {
    const { appearance, language } = preferences.values;
    return html`
      <section class="card">
        <fieldset class="choices">
          <legend>${t('settings.theme')}</legend>
          ${THEMES.map(
            (name) => html`
              <label>
                <input
                  type="radio"
                  name="theme"
                  value=${name}
                  .checked=${appearance.theme === name}
                  @change=${() => preferences.set('appearance', { theme: name })}
                />
                <span class=${`theme-sample is-${name}`} aria-hidden="true"></span>
                <span>${t(`settings.themes.${name}`)}</span>
              </label>
            `,
          )}
        </fieldset>
        ${selectField({
          label: t('settings.language'),
          value: language,
          options: [
            { value: '', label: t('settings.languageOfBrowser') },
            ...LANGUAGES.map((value) => ({ value, label: NAMES[value] })),
          ],
          onChange: (value) => preferences.set('language', value),
        })}
      </section>
      <section class="card">
        <h2>${t('settings.app')}</h2>
        <p class="hint">${t(installation.isInstalled ? 'settings.appIsInstalled' : 'settings.appHelp')}</p>
        ${installation.canInstall
          ? html`<div><button @click=${() => notices.attempt(() => installation.install())}>
              ${icon('download')}${t('settings.appInstall')}
            </button></div>`
          : nothing}
      </section>
      <section class="card">
        <h2>${t('settings.api')}</h2>
        <p class="hint">${t('settings.apiHelp')}</p>
        <div><a class="button" href="/api/docs" target="_blank" rel="noopener">${icon('file')}${t('settings.apiOpen')}</a></div>
      </section>
    `;
  }
}

customElements.define('settings-looks', SettingsLooks);
