import { Element, html, nothing } from '../../core/element.js';
import { t } from '../../core/messages.js';
import { alerts } from '../../models/alerts.js';
import { preferences } from '../../models/preferences.js';
import { switchField } from '../field.js';
import { icon } from '../icons.js';

/** What is said when a job ends. The browser is asked for its leave here, and nowhere else. */
class SettingsAlerts extends Element {
  constructor() {
    super();
    this.watch(preferences, alerts);
  }

  render() {
    const { notifications, sound } = preferences.values;
    const { permission } = alerts;
    return html`
      <section class="card">
        <p class="hint">${t('settings.alertsHelp')}</p>
        ${switchField({
          label: t('settings.alertPage'),
          help: t('settings.alertPageHelp'),
          checked: notifications.page,
          onChange: (page) => preferences.set('notifications', { page }),
        })}
        ${switchField({
          label: t('settings.alertBrowser'),
          help: t(`settings.permission.${permission}`),
          checked: notifications.browser && permission === 'granted',
          disabled: permission === 'denied' || permission === 'unsupported',
          onChange: (isOn) => this.#setBrowser(isOn),
        })}
        ${switchField({
          label: t('settings.alertSound'),
          checked: sound.on,
          onChange: (on) => this.#setSound({ on }),
        })}
        ${sound.on
          ? html`<label class="field">
              <span>${t('settings.volume')}</span>
              <input
                type="range"
                min="0"
                max="1"
                step="0.05"
                .value=${String(sound.volume)}
                @change=${({ target }) => this.#setSound({ volume: Number(target.value) })}
              />
            </label>`
          : nothing}
        <div><button @click=${() => alerts.rehearse()}>${icon('bell')}${t('settings.alertTry')}</button></div>
      </section>
    `;
  }

  async #setBrowser(isOn) {
    const browser = isOn && (await alerts.ask()) === 'granted';
    preferences.set('notifications', { browser });
    this.requestUpdate();
  }

  #setSound(value) {
    preferences.set('sound', value);
    if (preferences.values.sound.on) alerts.chime();
  }
}

customElements.define('settings-alerts', SettingsAlerts);
