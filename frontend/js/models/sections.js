import { session } from './session.js';

const mayAdminister = () => session.can('admin');

/** The parts of Settings in their order: the icon of each, and whom it concerns if not everybody. */
export const SECTIONS = {
  account: { icon: 'account' },
  looks: { icon: 'sun' },
  defaults: { icon: 'use' },
  alerts: { icon: 'bell' },
  keyboard: { icon: 'keyboard' },
  keys: { icon: 'key', mayBe: () => mayAdminister() || session.can('graphs:run') },
  shares: { icon: 'link', mayBe: () => session.user?.role !== 'guest' },
  webhooks: { icon: 'activity', mayBe: () => session.can('jobs') },
  people: { icon: 'people', mayBe: () => session.isOwner },
  programs: { icon: 'custom' },
  services: { icon: 'models', mayBe: mayAdminister },
  telegram: { icon: 'chat', mayBe: () => session.can('jobs') },
  retention: { icon: 'remove', mayBe: mayAdminister },
  server: { icon: 'system', mayBe: mayAdminister },
};

/** The names of those that concern whoever is in. */
export const shownSections = () => Object.keys(SECTIONS).filter((name) => SECTIONS[name].mayBe?.() ?? true);
