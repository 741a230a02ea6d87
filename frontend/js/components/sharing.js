import { html, nothing } from '../core/element.js';
import { api } from '../core/api.js';
import { t } from '../core/messages.js';
import { session } from '../models/session.js';
import { openDialog } from './dialog.js';
import { LEAST_PASSWORD, FormElement } from './form.js';
import { onceShown } from './list.js';

const HOURS = [24, 72, 168, 720, 8760];
const USUAL_HOURS = 168;
const USUAL_RUNS = 10;

const validityText = (hours) => t('sharing.days', { count: hours / 24 });

/** How something is shared: a new link, or one that there is. */
class ShareForm extends FormElement {
  static properties = {
    what: { attribute: false },
    link: { attribute: false },
    onDone: { attribute: false },
    openings: { state: true },
    made: { state: true },
    locks: { state: true },
  };

  connectedCallback() {
    super.connectedCallback();
    this.locks = this.link?.has_password ?? false;
    if (this.what.kind === 'preset') this.#load();
  }

  async #load() {
    try {
      const query = new URLSearchParams({ preset: this.what.target });
      this.openings = (await api.get(`/api/share-links/openings?${query}`)).items;
    } catch (error) {
      this.error = error;
    }
  }

  render() {
    const { what, link, made } = this;
    const isForm = what.kind === 'preset';
    if (made) {
      return html`
        <h2>${t('sharing.ready')}</h2>
        ${onceShown(made, t('sharing.once'))}
        <div class="dialog-actions"><button class="primary" @click=${() => this.onDone()}>${t('sharing.done')}</button></div>
      `;
    }
    return html`
      <form @submit=${(event) => this.submitted(event, (fields) => this.#save(event.target, fields))}>
        <h2>${t(link ? 'sharing.change' : 'sharing.title', { name: what.name })}</h2>
        <p class="hint">${t(`sharing.help.${what.kind}`)}</p>
        <label class="field">
          <span>${t('sharing.label')}</span>
          <input name="label" maxlength="120" autocomplete="off" .value=${link?.label ?? ''} placeholder=${what.name} />
        </label>
        <label class="field">
          <span>${t('sharing.expires')}</span>
          <select name="hours">
            ${link ? html`<option value="">${t('sharing.asItIs')}</option>` : nothing}
            ${HOURS.map(
              (hours) => html`<option value=${hours} ?selected=${!link && hours === USUAL_HOURS}>${validityText(hours)}</option>`,
            )}
          </select>
        </label>
        <label class="switch">
          <span class="row-words"><span>${t('sharing.lock')}</span></span>
          <input
            type="checkbox"
            role="switch"
            .checked=${this.locks}
            @change=${({ target }) => (this.locks = target.checked)}
          />
        </label>
        ${this.locks
          ? html`<label class="field">
              <span>${t('sharing.password')}</span>
              <input
                name="password"
                autocomplete="off"
                minlength=${LEAST_PASSWORD}
                maxlength="256"
                ?required=${!link?.has_password}
                placeholder=${link?.has_password ? t('sharing.keepPassword') : ''}
              />
              <small>${t('shell.password.rule', { least: LEAST_PASSWORD })}</small>
            </label>`
          : nothing}
        <label class="switch">
          <span class="row-words"><span>${t('sharing.recipe')}</span><small>${t('sharing.recipeHelp')}</small></span>
          <input type="checkbox" role="switch" name="recipe" ?checked=${link?.with_recipe ?? false} />
        </label>
        ${isForm ? this.#form() : nothing} ${this.problem()}
        <div class="dialog-actions">
          <button type="button" @click=${() => this.onDone()}>${t('shell.cancel')}</button>
          <button class="primary" ?disabled=${this.busy || (isForm && !this.openings)}>
            ${t(link ? 'sharing.save' : 'sharing.make')}
          </button>
        </div>
      </form>
    `;
  }

  /** What visitors fill in and see, and how often. */
  #form() {
    const { link, openings } = this;
    const isOpen = (each) => (link ? link.fields.includes(each.id) : each.default);
    return html`
      ${openings?.length
        ? html`<fieldset class="field">
            <legend>${t('sharing.fields')}</legend>
            ${openings.map(
              (each) => html`<label class="check">
                <input
                  type="checkbox"
                  name="field"
                  value=${each.id}
                  ?checked=${isOpen(each) || each.needed}
                  ?disabled=${each.needed}
                />
                <span>${each.name}</span>
              </label>`,
            )}
          </fieldset>`
        : nothing}
      <label class="switch">
        <span class="row-words"><span>${t('sharing.previews')}</span></span>
        <input type="checkbox" role="switch" name="previews" ?checked=${link?.with_previews ?? true} />
      </label>
      <div class="fields">
        <label class="field">
          <span>${t('sharing.perHour')}</span>
          <input
            name="perHour"
            type="number"
            inputmode="numeric"
            min="1"
            max=${session.isOwner ? 1000 : Math.max(USUAL_RUNS, link?.runs_per_hour ?? 0)}
            required
            .value=${String(link?.runs_per_hour ?? USUAL_RUNS)}
          />
        </label>
        <label class="field">
          <span>${t('sharing.total')}</span>
          <input
            name="total"
            type="number"
            inputmode="numeric"
            min="1"
            max="100000"
            placeholder=${t('sharing.noTotal')}
            .value=${link?.runs_total ? String(link.runs_total) : ''}
          />
        </label>
      </div>
    `;
  }

  async #save(form, { label, hours, password, recipe, previews, perHour, total }) {
    const { what, link } = this;
    const body = { label, with_recipe: recipe === 'on' };
    if (hours) body.expires_in_hours = Number(hours);
    if (this.locks && password) body.password = password;
    if (!this.locks && link?.has_password) body.password = null;
    if (what.kind === 'preset') {
      body.with_previews = previews === 'on';
      body.fields = new FormData(form).getAll('field');
      body.runs_per_hour = Number(perHour);
      body.runs_total = total ? Number(total) : null;
    }
    if (link) {
      await api.patch(`/api/share-links/${link.id}`, body);
      this.onDone();
    } else {
      const { url } = await api.post('/api/share-links', { ...body, kind: what.kind, target: what.target });
      this.made = url;
    }
  }
}

customElements.define('share-form', ShareForm);

/**
 * @param what {kind, target, name}
 * @param link the one that is to be changed, for a new one nothing
 * @returns a promise that ends with the dialog
 */
export function openShare(what, link = null) {
  const { closed } = openDialog({
    label: t(link ? 'sharing.change' : 'sharing.title', { name: what.name }),
    content: (close) => html`<share-form .what=${what} .link=${link} .onDone=${() => close()}></share-form>`,
  });
  return closed;
}
