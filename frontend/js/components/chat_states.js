import { html } from '../core/element.js';
import { t } from '../core/messages.js';
import { session } from '../models/session.js';
import { icon } from './icons.js';

/** Why nobody answers, and what whoever reads it can do about that. */
export const noModel = () => html`
  <div class="empty">
    ${icon('chat')}
    <h2>${t('chat.noModel')}</h2>
    <p>${t(session.isOwner ? 'chat.noModelOwner' : 'chat.noModelMember')}</p>
    ${session.isOwner
      ? html`<p><a class="button primary" href="#/models/language">${icon('models')}${t('chat.noModelLink')}</a></p>`
      : ''}
  </div>
`;
