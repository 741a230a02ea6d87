import { Element, html, live } from '../core/element.js';
import { t } from '../core/messages.js';
import { icon } from './icons.js';

const SECONDS = 5;

/** Scenes one after the other: what happens in each, and for how long. */
class SceneInput extends Element {
  static properties = { field: { attribute: false }, value: { attribute: false }, onChange: { attribute: false } };

  render() {
    const scenes = this.value ?? [];
    const seconds = scenes.reduce((sum, { duration }) => sum + (duration || 0), 0);
    return html`
      <ol class="scenes">
        ${scenes.map((scene, index) => this.#scene(scene, index))}
      </ol>
      <div class="file-actions">
        <button type="button" @click=${() => this.onChange([...scenes, { prompt: '', duration: SECONDS, seed: '' }])}>
          ${icon('plus')}${t('making.addScene')}
        </button>
        ${scenes.length ? html`<span class="hint">${t('making.seconds', { count: seconds })}</span>` : ''}
      </div>
    `;
  }

  #scene(scene, index) {
    const number = index + 1;
    const set = (changes) => this.onChange(this.value.map((each, at) => (at === index ? { ...each, ...changes } : each)));
    return html`
      <li class="scene">
        <textarea
          rows="2"
          aria-label=${t('making.scene', { number })}
          placeholder=${t('making.sceneHint')}
          .value=${live(scene.prompt ?? '')}
          @input=${({ target }) => set({ prompt: target.value })}
        ></textarea>
        <span class="scene-row">
          <label>
            <span>${t('making.duration')}</span>
            <input
              type="number"
              min="0.1"
              step="any"
              .value=${live(String(scene.duration ?? ''))}
              @input=${({ target }) => set({ duration: Number.isFinite(target.valueAsNumber) ? target.valueAsNumber : null })}
            />
          </label>
          <label>
            <span>${t('making.seed')}</span>
            <input
              inputmode="numeric"
              placeholder=${t('making.anySeed')}
              .value=${live(scene.seed ?? '')}
              @input=${({ target }) => set({ seed: target.value.replace(/\D/g, '').slice(0, 16) })}
            />
          </label>
          <button
            type="button"
            class="bare tool"
            aria-label=${t('making.earlier', { number })}
            ?disabled=${index === 0}
            @click=${() => this.#swap(index)}
          >
            ${icon('up')}
          </button>
          <button
            type="button"
            class="bare tool"
            aria-label=${t('making.removeScene', { number })}
            @click=${() => this.onChange(this.value.filter((_, at) => at !== index))}
          >
            ${icon('close')}
          </button>
        </span>
      </li>
    `;
  }

  #swap(index) {
    const scenes = [...this.value];
    [scenes[index - 1], scenes[index]] = [scenes[index], scenes[index - 1]];
    this.onChange(scenes);
  }
}

customElements.define('scene-input', SceneInput);
